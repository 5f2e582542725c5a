"""Nested records as flat ones: {"offers": {"price": 5}} gives {"offers.price": 5}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..product import MOST_VALUES

_DEEPEST = 6
_LONGEST_LIST = MOST_VALUES + 1  # one too many, so that what is too long is refused, not cut
_NAMES = (
    "name", "key", "label", "attribute", "propertyID", "attribute_code", "attribute_name"
)  # fmt: skip
_VALUES = ("value", "values", "text")
_OPTIONS = ("options", "option", "option_values")
_OPTION_NAMES = ("label", "value", "name", "text")


@dataclass(slots=True)
class _Many:
    """Collects what the objects of one list hold under one name."""

    values: list[object]


def flatten(fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return `fields` without nested objects; dots join the names on the way down.

    A list of objects gives one list for each of their names, and keeps what else it holds; where
    the objects are pairs of a name and a value or of a name and its options, such as schema.org's
    additionalProperty, each gives one field, and those of one name give one list. JSON-LD's own
    keys ("@type") are left out. The same mapping is returned where nothing is nested.
    """
    for key, value in fields.items():
        if type(value) is dict or (type(value) is list and _holds_object(value)) or key[:1] == "@":
            break
    else:
        return fields
    flat: dict[str, object] = {}
    for key, value in fields.items():
        _add(flat, key, value, 0)
    return {key: value.values if isinstance(value, _Many) else value for key, value in flat.items()}


def _holds_object(values: list[object], depth: int = 0) -> bool:
    return any(
        type(value) is dict
        or (type(value) is list and depth < _DEEPEST and _holds_object(value, depth + 1))
        for value in values[:_LONGEST_LIST]
    )


def _add(flat: dict[str, object], key: str, value: object, depth: int) -> None:
    if depth > _DEEPEST or key.rpartition(".")[2][:1] == "@":
        return
    if isinstance(value, dict):
        for inner, inner_value in value.items():
            _add(flat, f"{key}.{inner}", inner_value, depth + 1)
    elif isinstance(value, list) and _holds_object(value):
        for element in value[:_LONGEST_LIST]:
            _add_element(flat, key, element, depth)
    else:
        flat[key] = value


def _add_element(flat: dict[str, object], key: str, element: object, depth: int) -> None:
    if isinstance(element, list):
        for inner in element[:_LONGEST_LIST] if depth <= _DEEPEST else ():
            _add_element(flat, key, inner, depth + 1)
        return
    own: dict[str, object] = {}
    if not isinstance(element, dict):
        if element in (None, ""):
            return
        own[key] = element
    elif pair := _as_pair(element):
        _add(own, f"{key}.{pair[0]}", pair[1], depth + 1)
        _gather(flat, own, single=True)
        return
    else:
        for inner, value in element.items():
            _add(own, f"{key}.{inner}", value, depth + 1)
    _gather(flat, own, single=False)


def _gather(flat: dict[str, object], own: Mapping[str, object], *, single: bool) -> None:
    """Put an element's fields beside those of the elements before it.

    What stands alone under its name stays as it is where `single` is set, and is a list otherwise.
    """
    for name, value in own.items():
        held = flat.get(name)
        if held is None and single:
            flat[name] = value
            continue
        values = value.values if isinstance(value, _Many) else [value]
        if isinstance(held, _Many):
            held.values.extend(values)
        else:
            flat[name] = _Many(values if held is None else [held, *values])


def _as_pair(element: Mapping[str, object]) -> tuple[str, object] | None:
    name = next((element[key] for key in _NAMES if isinstance(element.get(key), str)), None)
    value_key = next((key for key in _VALUES if key in element), None)
    if value_key is None:
        value_key = next(
            (key for key in _OPTIONS if isinstance(element.get(key), str | list)), None
        )
    if not isinstance(name, str) or not name or value_key is None:
        return None
    value = element[value_key]
    return name, [_option(each) for each in value] if isinstance(value, list) else value


def _option(option: object) -> object:
    """Return the text of one of several options that is an object with a label or a value."""
    if not isinstance(option, dict):
        return option
    names = (option[key] for key in _OPTION_NAMES if isinstance(option.get(key), str | int | float))
    return next(names, option)

"""Nested records as flat ones: {"offers": {"price": 5}} gives {"offers.price": 5}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_DEEPEST = 6
_LONGEST_LIST = 200
_NAMES = ("name", "key", "label", "attribute", "propertyID")
_VALUES = ("value", "values", "text")


@dataclass(slots=True)
class _Many:
    """Collects what the objects of one list hold under one name."""

    values: list[object]


def flatten(fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return `fields` without nested objects; dots join the names on the way down.

    A list of objects gives one list for each of their names; where the objects are pairs of a
    name and a value, such as schema.org's additionalProperty, each gives one field. JSON-LD's
    own keys ("@type") are left out. The same mapping is returned where nothing is nested.
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


def _holds_object(values: list[object]) -> bool:
    return any(type(value) is dict for value in values[:_LONGEST_LIST])


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
    if not isinstance(element, dict):
        return
    pair = _as_pair(element)
    if pair:
        _add(flat, f"{key}.{pair[0]}", pair[1], depth + 1)
        return
    own: dict[str, object] = {}
    for inner, value in element.items():
        _add(own, f"{key}.{inner}", value, depth + 1)
    for name, value in own.items():
        values = value.values if isinstance(value, _Many) else [value]
        held = flat.get(name)
        if isinstance(held, _Many):
            held.values.extend(values)
        else:
            flat[name] = _Many(values)


def _as_pair(element: Mapping[str, object]) -> tuple[str, object] | None:
    name = next((element[key] for key in _NAMES if isinstance(element.get(key), str)), None)
    value_key = next((key for key in _VALUES if key in element), None)
    if not isinstance(name, str) or not name or value_key is None:
        return None
    return name, element[value_key]

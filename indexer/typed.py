"""Values read from JSON, held against what a dataclass says of its fields."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def typed(kind: type[_T], stored: object) -> _T:
    """Return the dataclass `kind` made of a JSON object; dataclasses within it are made, too.

    Raises:
        TypeError: a field is missing, unknown or of another type than its annotation.
    """
    if not isinstance(stored, dict):
        raise TypeError(f"an object is wanted, not {_shown(stored)}")
    hints = get_type_hints(kind)
    return kind(**{str(name): _value(name, hints.get(name), of) for name, of in stored.items()})


def _value(name: str, hint: Any, value: object) -> object:
    if hint is not None and is_dataclass(hint):
        return typed(hint, value)  # type: ignore[arg-type]
    if get_origin(hint) is tuple and isinstance(value, list):
        value = tuple(value)
    if hint is not None and not _fits(hint, value):
        raise TypeError(f"{name} is {_shown(value)}")
    return value


def _fits(hint: Any, value: object) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(each, value) for each in get_args(hint))
    if origin is Mapping:
        _, of = get_args(hint)
        return isinstance(value, dict) and all(_fits(of, each) for each in value.values())
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(get_args(hint)[0], each) for each in value)
    if hint in (int, float):
        wanted = int if hint is int else (int, float)
        return isinstance(value, wanted) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _shown(value: object) -> str:
    return "null" if value is None else repr(value)[:40]

"""From a filter's text to the rows that pass."""

from __future__ import annotations

from ...indexer.columns.base import BoolArray
from ...indexer.columns.read import Columns
from .expression import And, Expression, Not, OfOneField, Or
from .parse import parse_filter


def passing_rows(text: str, columns: Columns) -> BoolArray:
    """Return a (capacity,) mask of the rows for which a filter is true.

    Raises:
        FilterError: the filter cannot be understood.
    """
    return parse_filter(text, columns.fields).evaluate(columns).true


def fields_without_values(text: str, columns: Columns) -> list[str]:
    """Return the fields that a filter names and of which no product has a value.

    Raises:
        FilterError: the filter cannot be understood.
    """
    named = named_fields(text, columns)
    return sorted(name for name in named if not any(columns.fields[name].counts.values()))


def named_fields(text: str, columns: Columns) -> set[str]:
    """Return the fields that a filter names.

    Raises:
        FilterError: the filter cannot be understood.
    """
    return _fields(parse_filter(text, columns.fields))


def _fields(expression: Expression) -> set[str]:
    if isinstance(expression, And | Or):
        return set().union(*map(_fields, expression.parts))
    if isinstance(expression, Not):
        return _fields(expression.inner)
    return {expression.field} if isinstance(expression, OfOneField) else set()

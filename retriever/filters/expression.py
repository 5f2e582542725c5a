"""What a filter says, as values that can be evaluated on columns.

Truth has three values, as in SQL: where a product lacks the field, a comparison is neither
true nor false, and neither is its negation. A field with several values passes a comparison
if any of them does. Letter case does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ...indexer.columns.base import (
    BoolArray,
    Column,
    TextColumn,
)
from ...indexer.columns.read import Columns
from ...indexer.known_fields import Kind
from .like import like_matcher

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
Value = str | float | bool

_COMPARE: dict[Operator, Callable[..., BoolArray]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """For each row whether an expression is true, and whether it is false."""

    true: BoolArray
    false: BoolArray


class Expression(Protocol):
    """Is evaluated on columns."""

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""


@dataclass(frozen=True, slots=True)
class And:
    """Is true where all parts are."""

    parts: tuple[Expression, ...]

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        truths = [part.evaluate(columns) for part in self.parts]
        return Truth(
            np.logical_and.reduce([truth.true for truth in truths]),
            np.logical_or.reduce([truth.false for truth in truths]),
        )


@dataclass(frozen=True, slots=True)
class Or:
    """Is true where any part is."""

    parts: tuple[Expression, ...]

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        truths = [part.evaluate(columns) for part in self.parts]
        return Truth(
            np.logical_or.reduce([truth.true for truth in truths]),
            np.logical_and.reduce([truth.false for truth in truths]),
        )


@dataclass(frozen=True, slots=True)
class Not:
    """Is true where the inner expression is false."""

    inner: Expression

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        inner = self.inner.evaluate(columns)
        return Truth(inner.false, inner.true)


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares a field with a value."""

    field: str
    operator: Operator
    value: Value

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        return _any_value(columns, self.field, kind_of(self.value), self._passes)

    def _passes(self, column: Column) -> BoolArray:
        compare = _COMPARE[self.operator]
        if isinstance(column, TextColumn):
            wanted = str(self.value).casefold()
            return _by_text(column, lambda text: bool(compare(text, wanted)))
        return compare(column.values, self.value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Asks whether a field has one of several values of one kind."""

    field: str
    values: tuple[Value, ...]

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        return _any_value(columns, self.field, kind_of(self.values[0]), self._passes)

    def _passes(self, column: Column) -> BoolArray:
        if isinstance(column, TextColumn):
            wanted = {str(value).casefold() for value in self.values}
            return _by_text(column, wanted.__contains__)
        return np.isin(column.values, np.array(self.values))


@dataclass(frozen=True, slots=True)
class Like:
    """Matches a field's text against an SQL pattern: % is any text, _ any one character."""

    field: str
    pattern: str

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        fits = like_matcher(self.pattern.casefold())

        def passes(column: Column) -> BoolArray:
            if not isinstance(column, TextColumn):
                return np.zeros(len(column.rows), np.bool_)
            return _by_text(column, fits)

        return _any_value(columns, self.field, "text", passes)


@dataclass(frozen=True, slots=True)
class IsNull:
    """Asks whether a product lacks a field."""

    field: str

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        has = np.zeros(columns.capacity, np.bool_)
        for kind in columns.fields[self.field].counts:
            column = columns.column(self.field, kind)
            if column is not None:
                has[column.rows] = True
        return Truth(columns.mask(columns.live_rows) & ~has, has)


@dataclass(frozen=True, slots=True)
class IsTruth:
    """Asks whether a field is true, or is false; of a product that lacks it, neither is so."""

    field: str
    value: bool

    def evaluate(self, columns: Columns) -> Truth:
        """Return the truth of every row."""
        true = Compare(self.field, "=", self.value).evaluate(columns).true
        return Truth(true, columns.mask(columns.live_rows) & ~true)


OfOneField = Compare | OneOf | Like | IsNull | IsTruth


def kind_of(value: Value) -> Kind:
    """Return the kind of column that a value is compared with."""
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def _any_value(
    columns: Columns, field: str, kind: Kind, passes: Callable[[Column], BoolArray]
) -> Truth:
    """Take a row as true if any of its values passes, as false if it has values and none does."""
    true = np.zeros(columns.capacity, np.bool_)
    has = np.zeros(columns.capacity, np.bool_)
    column = columns.column(field, kind)
    if column is not None:
        has[column.rows] = True
        true[column.rows[passes(column)]] = True
    return Truth(true, has & ~true)


def _by_text(column: TextColumn, passes: Callable[[str], object]) -> BoolArray:
    """Decide each distinct text once, then look the decision up by code."""
    decided = np.fromiter(map(passes, column.folded), np.bool_, len(column.texts))
    found: BoolArray = decided[column.codes]
    return found

"""Count the values of a field over a set of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..indexer.columns.base import (
    BoolArray,
    BooleanColumn,
    Field,
    NumberColumn,
    RowArray,
    TextColumn,
)
from ..indexer.columns.groups import Groups
from ..indexer.columns.read import Columns
from .results import FacetValue

_Values = npt.NDArray[Any]
_MOST_VALUES = 20
_RANGES = 6
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def known_field(name: str, fields: Mapping[str, Field]) -> str:
    """Return the field's name as the shop writes it.

    Raises:
        InputError: there is no such field; the message names the nearest.
    """
    if name in fields:
        return name
    names = {each.casefold(): each for each in fields}
    if name.casefold() in names:
        return names[name.casefold()]
    near = get_close_matches(name.casefold(), names, n=3, cutoff=0.5)
    hint = f"; nearest: {', '.join(names[each] for each in near)}" if near else ""
    raise InputError(f"unknown field {name!r}{hint}")


def count_facets(
    names: Sequence[str], columns: Columns, rows: BoolArray, groups: Groups | None = None
) -> dict[str, tuple[FacetValue, ...]]:
    """Count each field over the rows that are true in the mask; texts by frequency.

    Numbers are counted in ranges with round bounds. A product, or with `groups` all products of
    a group together, counts once for each value that it has.
    """
    counted = {}
    for name in names:
        field = known_field(name, columns.fields)
        column = columns.column(field, columns.fields[field].kinds[0])
        if isinstance(column, TextColumn):
            counted[field] = _count_texts(column, rows, groups)
        elif isinstance(column, NumberColumn):
            counted[field] = _count_ranges(column, rows, groups)
        elif isinstance(column, BooleanColumn):
            counted[field] = _count_booleans(column, rows, groups)
        else:
            counted[field] = ()
    return counted


def _held(
    rows: RowArray, values: _Values, counted: BoolArray, groups: Groups | None
) -> tuple[RowArray, _Values]:
    """Return rows and values of what is counted, those of a group once."""
    inside = counted[rows]
    rows, values = rows[inside], values[inside]
    return (rows, values) if groups is None else groups.distinct(rows, values)


def _count_texts(
    column: TextColumn, rows: BoolArray, groups: Groups | None
) -> tuple[FacetValue, ...]:
    _, codes = _held(column.rows, column.codes, rows, groups)
    counts = np.bincount(codes, minlength=len(column.texts))
    order = sorted(np.flatnonzero(counts), key=lambda code: (-counts[code], column.texts[code]))
    return tuple(FacetValue(column.texts[code], int(counts[code])) for code in order[:_MOST_VALUES])


def _count_booleans(
    column: BooleanColumn, rows: BoolArray, groups: Groups | None
) -> tuple[FacetValue, ...]:
    _, values = _held(column.rows, column.values, rows, groups)
    counts = {"true": int(np.count_nonzero(values)), "false": int(np.count_nonzero(~values))}
    return tuple(FacetValue(value, count) for value, count in counts.items() if count)


def _count_ranges(
    column: NumberColumn, rows: BoolArray, groups: Groups | None
) -> tuple[FacetValue, ...]:
    holders, values = _held(column.rows, column.values, rows, groups)
    if not len(values):
        return ()
    bounds = _round_bounds(values)
    ranges = np.searchsorted(bounds, values, side="right")
    if groups is not None:
        _, ranges = groups.distinct(holders, ranges)
    counts = np.bincount(ranges, minlength=len(bounds) + 1)
    edges = [None, *bounds, None]
    return tuple(
        FacetValue(_range_name(low, high), int(count), low, high)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    )


def _round_bounds(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Return ascending round numbers that split the values into parts of about equal size."""
    quantiles = np.quantile(values, np.linspace(0, 1, _RANGES + 1)[1:-1])
    return sorted({_round(value) for value in quantiles if value > values.min()})


def _round(value: float) -> float:
    if value == 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(abs(value)))
    nearest = min(_STEPS, key=lambda step: abs(step * power - abs(value)))
    return float(np.sign(value) * nearest * power)


def _range_name(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "all"
    if low is None:
        return f"below {high:g}"
    return f"{low:g} and more" if high is None else f"{low:g} to {high:g}"

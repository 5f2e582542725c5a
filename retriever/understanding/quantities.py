"""Quantities with units: 27 inch is 27" and 68.6 cm."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray, NumberColumn
from ...indexer.columns.read import Columns
from ...indexer.lexical.index import LexicalIndex
from ...indexer.lexical.query import Form, Word
from ...indexer.quantities import FIELDS, UNITS, Quantity, find_quantities, in_title
from ...indexer.snapshot import Snapshot
from .base import Amount, Piece, Understanding
from .bounds import bounds_before

_DIGIT = re.compile(r"[0-9½¼¾⅓⅔⅛⅜]")
_DASH = re.compile(r"[0-9]\s?[–-]\s?[0-9]")
_UNCERTAIN = frozenset({"share", "temperature"})  # "50 % off", "60 °C"
_TOLERANCE = 0.015  # 6 ft are 1.83 m
_BINARY_TOLERANCE = 0.03  # 1 TB is 1,024 GB to some
_OF_DIMENSION = {
    dimension: [unit for unit in UNITS if unit.dimension == dimension and not unit.offset]
    for dimension in FIELDS
}
_MARKS = ('"', "″", "”", "''", "’’", "'", "’", "′")  # of inches and feet
_IMPERIAL = {word for unit in UNITS if unit.imperial for word in unit.words.split()} | {*_MARKS}
_WORDS_EACH = 2  # of a unit: its sign and its name
_SAID = (0.1, 20_000)  # no amount is said in a unit of which it is fewer or more
_ALONE = 0.5  # weight of a number whose unit may be a mark, which makes no term
_WEIGHT = 0.4  # of an amount in keywords, beside a word: the thing itself matters more
_ELSEWHERE = 0.5  # what an attribute says, beside what the title says


def quantities(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Read amounts with a unit; in keywords each is looked for in every spelling.

    Bounds are no words of any product, and leave the text.
    """
    text = query.open
    if not _DIGIT.search(text):
        return query
    amounts, pieces, bounds = [], [], []
    for (start, end), same in groupby(find_quantities(text), lambda each: (each.start, each.end)):
        found = list(same)
        if found[0].dimension in _UNCERTAIN or (query.prefix and end == len(text)):
            continue
        wanted, begin = _wanted(text, found)
        amounts += wanted
        if begin < start:
            bounds.append((begin, end))
        else:
            forms = _forms(text[start:end], found, snapshot.lexical)
            pieces.append(Piece(text[start:end], Word(forms, optional=True) if forms else None))
    if not amounts:
        return query
    query = replace(query, amounts=tuple(amounts), pieces=(*query.pieces, *pieces)).without(bounds)
    said = "; ".join(_told(each) for each in amounts)
    if query.strict:
        mask = np.all([_agreeing(each, snapshot.columns) for each in amounts], axis=0)
        if (mask if query.only is None else mask & query.only).any():
            return query.narrowed(mask).telling("quantities", f"only {said}")
    return query.telling("quantities", f"{said}: those that agree rise")


def _agreeing(amount: Amount, columns: Columns) -> BoolArray:
    """Return by row whether a product has an amount, by its title or an attribute."""
    mask = columns.mask(np.empty(0, np.int64))
    column = columns.column(amount.field, "number")
    if isinstance(column, NumberColumn):
        agree = (amount.low <= column.values) & (column.values <= amount.high)
        mask[column.rows[agree]] = True
    return mask


def _wanted(text: str, found: Sequence[Quantity]) -> tuple[list[Amount], int]:
    """Return the amounts that quantities of one place stand for, and where that begins."""
    first, last = found[0], found[-1]
    field = FIELDS[first.dimension]
    if len(found) == 2 and _DASH.search(text, first.start, first.end):
        return [_amount(field, first.base, last.base)], first.start
    if len(found) == 1:
        factor = first.base / first.value if first.value else 1.0
        bounds = bounds_before(text[: first.start], first.base, factor)
        if bounds is not None:
            low, high, begin = bounds
            return [_amount(field, low, high)], begin
    return [_amount(field, each.base, each.base) for each in found], first.start


def _amount(field: str, low: float, high: float) -> Amount:
    share = _BINARY_TOLERANCE if field == FIELDS["data"] else _TOLERANCE
    return Amount(field, low - abs(low) * share, high + abs(high) * share)


def _told(amount: Amount) -> str:
    name, _, unit = amount.field.rpartition("_")
    if math.isinf(amount.low):
        return f"{name} up to {amount.high:.4g} {unit}"
    if math.isinf(amount.high):
        return f"{name} from {amount.low:.4g} {unit}"
    return f"{name} {amount.low:.4g} to {amount.high:.4g} {unit}"


# -- how products say it -------------------------------------------------------------------


def _forms(typed: str, found: Sequence[Quantity], lexical: LexicalIndex) -> tuple[Form, ...]:
    """Return the ways to say an amount that any product may have, as typed first."""
    ways = [Form(lexical.phrase(typed), _WEIGHT)]
    if len(found) == 1:
        ways += _others(found[0], lexical)
    return tuple(form for form in dict.fromkeys(ways) if lexical.knows(form.terms))


def _others(quantity: Quantity, lexical: LexicalIndex) -> Iterator[Form]:
    """Yield the same amount in each unit that people would say it in, joined and apart."""
    imperial = quantity.unit.lower() in _IMPERIAL
    for unit in _OF_DIMENSION[quantity.dimension]:
        value = quantity.base / unit.factor
        written = f"{value:.4g}"
        if (
            "e" in written
            or (unit.imperial and not imperial)
            or not _SAID[0] <= value <= _SAID[1]
            or not lexical.knows(number := lexical.phrase(written))
        ):
            continue
        for name in unit.words.split()[:_WORDS_EACH]:
            yield Form((*number, *lexical.phrase(name)), _WEIGHT)
            yield Form(lexical.phrase(f"{written}{name}"), _WEIGHT)
        if unit.name == "inch" and imperial:
            yield Form(number, _ALONE * _WEIGHT)


# -- what speaks for and against -----------------------------------------------------------


def agreement(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Tell whether products have the amounts asked for; where there are several, on average.

    What a title says counts in full. Attributes speak of many things (a box has a width, too), so
    they count for less, and where the title names an amount they count only against it.
    """
    if not query.amounts:
        return None
    each = [_agreement(amount, snapshot.columns, rows) for amount in query.amounts]
    made: FloatVector = np.mean(each, axis=0, dtype=np.float32)
    return made


def _agreement(amount: Amount, columns: Columns, rows: RowArray) -> FloatVector:
    said, agree = _within(amount, in_title(amount.field), columns, rows)
    anywhere, agree_anywhere = _within(amount, amount.field, columns, rows)
    values = np.where(agree_anywhere, _ELSEWHERE, np.where(anywhere, -_ELSEWHERE, 0.0))
    values[said] = np.where(agree, 1.0, np.where(agree_anywhere, -_ELSEWHERE, -1.0))[said]
    return values.astype(np.float32)


def _within(
    amount: Amount, field: str, columns: Columns, rows: RowArray
) -> tuple[BoolArray, BoolArray]:
    """Return masks of those rows that have any number of a field, and one that is as asked."""
    some, agree = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    column = columns.column(field, "number")
    if isinstance(column, NumberColumn):
        which, places = column.places(rows)
        values = column.values[places]
        some[which] = True
        agree[which[(amount.low <= values) & (values <= amount.high)]] = True
    return some, agree

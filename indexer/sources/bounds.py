"""Bounds on what one record may hold, whatever its format."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..product import LONGEST_TEXT, MOST_ATTRIBUTES
from .records import RawRecord, Rejected

_DEEPEST = 8  # `flatten` drops what is deeper
_SCALARS = frozenset({int, float, bool, type(None)})


def bounded(record: RawRecord, cut: Counter[str]) -> RawRecord | Rejected:
    """Return the record with every text cut at `LONGEST_TEXT` characters; count those in `cut`.

    One of more than `MOST_ATTRIBUTES` fields is rejected before time is spent on their names.

    The same record is returned where nothing is too long.
    """
    if len(record.fields) > MOST_ATTRIBUTES:
        reason = (
            f"the record has {len(record.fields):,} fields; at most {MOST_ATTRIBUTES:,} are read"
        )
        return Rejected(reason, source=record.source, line=record.line)
    for value in record.fields.values():
        kind = type(value)
        if kind is str:
            if len(value) > LONGEST_TEXT:  # type: ignore[arg-type]
                break
        elif kind not in _SCALARS and _shortened(value) is not value:
            break
    else:
        return record
    fields = {}
    for name, value in record.fields.items():
        fields[name] = _shortened(value)
        if fields[name] is not value:
            cut[name] += 1
    return replace(record, fields=fields)


def _shortened(value: object, depth: int = 0) -> object:
    """Return a value whose texts are short enough: the same one if they were."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, str):
        return value[:LONGEST_TEXT] if len(value) > LONGEST_TEXT else value
    if isinstance(value, list):
        items = [_shortened(item, depth + 1) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict):
        inner = {name: _shortened(item, depth + 1) for name, item in value.items()}
        return value if all(inner[name] is item for name, item in value.items()) else inner
    return value

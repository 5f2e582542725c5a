"""Signs are written in one way, and those that mean something are looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.lexical.signs import normalise
from ...indexer.snapshot import Snapshot
from .base import Understanding

_SIGNS = ("+", "++", "#")  # that make another word of a word: c, c++, c#
_MOST_WORDS = 8
_OTHER = -0.1


def signs(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Write signs as products' are written, and find marks such as "c++" that products have."""
    plain = normalise(query.text)
    marks = snapshot.lexical.known_marks(plain)
    signed = " ".join(f"{word}{sign}" for word in plain.split()[:_MOST_WORDS] for sign in _SIGNS)
    others = () if marks else snapshot.lexical.known_marks(signed)
    if plain == query.text and not marks and not others:
        return query
    query = replace(query, text=plain, marks=marks, other_marks=others)
    return query.telling("signs", f"preferred with {' '.join(marks)}") if marks else query


def has_marks(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Speak for products that have all the marks of the query, a little against ones it lacks."""
    if query.marks:
        return snapshot.lexical.marked(query.marks, rows).astype(np.float32)
    if not query.other_marks:
        return None
    with_sign = [snapshot.lexical.marked((mark,), rows) for mark in query.other_marks]
    return np.where(np.any(with_sign, axis=0), np.float32(_OTHER), np.float32(0))

"""Signs are written in one way, and those that mean something are looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.lexical.signs import normalise
from ...indexer.snapshot import Snapshot
from .base import Understanding


def signs(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Write signs as products' are written, and find marks such as "c++" that products have."""
    plain = normalise(query.text)
    marks = snapshot.lexical.known_marks(plain)
    if plain == query.text and not marks:
        return query
    query = replace(query, text=plain, marks=marks)
    return query.telling("signs", f"preferred with {' '.join(marks)}") if marks else query


def has_marks(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Speak for products that have all the marks of the query."""
    if not query.marks:
        return None
    return snapshot.lexical.marked(query.marks, rows).astype(np.float32)

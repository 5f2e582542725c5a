"""Find the closest rows by scoring every one that passes: recall is 1 by construction."""

from __future__ import annotations

import numpy as np

from ...encoder.base import FloatArray, IntArray
from .stored import StoredVectors


def top(scores: FloatArray, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
    """Return the k best (rows, scores), best first; equal scores go to the lower row.

    Which of several equals are kept depends on their rows alone, so pages stay stable.
    """
    if k < len(scores):
        limit = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > limit)
        level = np.flatnonzero(scores == limit)
        if len(above) + len(level) > k:
            level = level[np.argsort(rows[level], kind="stable")[: k - len(above)]]
        kept = np.concatenate([above, level])
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def search_exactly(
    stored: StoredVectors, queries: FloatArray, positions: IntArray, row_at: IntArray, k: int
) -> tuple[IntArray, FloatArray]:
    """Search (n, dim) queries over ascending positions; returns (n, k) rows and scores."""
    found = np.full((len(queries), k), -1, np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    rows = row_at[positions]
    for number, query in enumerate(queries):
        scores = stored.inner_products(query, positions)
        top_rows, top_scores = top(scores, rows, k)
        found[number, : len(top_rows)] = top_rows
        best[number, : len(top_rows)] = top_scores
    return found, best

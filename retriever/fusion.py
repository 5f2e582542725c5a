"""Join ranked lanes into one.

The convex combination of scaled scores is used: it needs one parameter, keeps the distances
between scores that reciprocal ranks throw away, and beat reciprocal rank fusion in Bruch, Gai
& Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval" (ACM TOIS 42:1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..indexer.candidates import Candidates


def convex_combination(lanes: Mapping[str, Candidates], weights: Mapping[str, float]) -> Candidates:
    """Add up each row's scaled scores, weighted; a lane that lacks a row adds nothing.

    Rows of equal score stand in row order.
    """
    rows = np.unique(np.concatenate([lane.rows for lane in lanes.values()]))
    scores = np.zeros(len(rows), np.float32)
    for name, lane in lanes.items():
        scores[np.searchsorted(rows, lane.rows)] += np.float32(weights[name]) * lane.scaled
    return Candidates.ordered(rows, scores)

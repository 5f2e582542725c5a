"""Join two ranked lanes into one.

The convex combination of scaled scores is used: it needs one parameter, keeps the distances
between scores that reciprocal ranks throw away, and beat reciprocal rank fusion in Bruch, Gai
& Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval" (ACM TOIS 42:1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatVector = npt.NDArray[np.float32]
RowArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lane:
    """What one lane says of rows, in any order; a higher score is closer.

    Attributes:
        rows: (n,) row numbers.
        scores: (n,) raw scores.
        found: how many of them, from the first, the lane itself put forward; what follows was
            scored because another lane put it forward.
    """

    rows: RowArray
    scores: FloatVector
    found: int

    @property
    def scaled(self) -> FloatVector:
        """Return scores divided by the best, none below 0."""
        best = float(self.scores.max()) if len(self.scores) else 0.0
        if best <= 0:
            return np.zeros(len(self.scores), np.float32)
        scaled: FloatVector = np.maximum(self.scores / np.float32(best), np.float32(0))
        return scaled


@dataclass(frozen=True, slots=True)
class Fused:
    """Rows with their joined scores, best first."""

    rows: RowArray
    scores: FloatVector


def convex_combination(lanes: Mapping[str, Lane], weights: Mapping[str, float]) -> Fused:
    """Add up each row's scaled scores, weighted; a lane that lacks a row adds nothing.

    Rows of equal score stand in row order.
    """
    rows = np.unique(np.concatenate([lane.rows for lane in lanes.values()]))
    scores = np.zeros(len(rows), np.float32)
    for name, lane in lanes.items():
        scores[np.searchsorted(rows, lane.rows)] += np.float32(weights[name]) * lane.scaled
    order = np.lexsort((rows, -scores))
    return Fused(rows[order], scores[order])

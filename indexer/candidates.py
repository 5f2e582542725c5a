"""Rows put forward for a query, with their scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatVector = npt.NDArray[np.float32]
RowArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that a lane, or several lanes joined, put forward; a higher score is closer.

    Attributes:
        rows: (n,) row numbers, best first unless said otherwise.
        scores: (n,) their scores.
        extra: how many of them, at the end, were only scored, as another lane put them forward.
    """

    rows: RowArray
    scores: FloatVector
    extra: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def ordered(cls, rows: RowArray, scores: FloatVector) -> Candidates:
        """Return rows best first; those of equal score stand in row order."""
        order = np.lexsort((rows, -scores))
        return cls(rows[order], scores[order])

    @property
    def own(self) -> Candidates:
        """Return those that the lane itself put forward."""
        found = len(self.rows) - self.extra
        return Candidates(self.rows[:found], self.scores[:found])

    @property
    def scaled(self) -> FloatVector:
        """Return scores divided by the best, none below 0."""
        best = float(self.scores.max()) if len(self.scores) else 0.0
        if best <= 0:
            return np.zeros(len(self.scores), np.float32)
        scaled: FloatVector = np.maximum(self.scores / np.float32(best), np.float32(0))
        return scaled

    def where(self, kept: npt.NDArray[np.bool_]) -> Candidates:
        """Return those for which a mask of the candidates is true."""
        return Candidates(self.rows[kept], self.scores[kept])

    def and_extra(self, others: Candidates) -> Candidates:
        """Return these and after them others that were only scored."""
        return Candidates(
            np.concatenate([self.rows, others.rows]),
            np.concatenate([self.scores, others.scores]),
            self.extra + len(others),
        )

    def raised(self, values: Iterable[FloatVector]) -> Candidates:
        """Return the same rows, in the same order, with (n,) values added to their scores."""
        return Candidates(self.rows, sum(values, self.scores))

    def followed_by(self, rows: RowArray) -> Candidates:
        """Return these candidates and after them those of `rows` that are new, with score 0."""
        new = rows[~np.isin(rows, self.rows)]
        scores = np.concatenate([self.scores, np.zeros(len(new), np.float32)])
        return Candidates(np.concatenate([self.rows, new]), scores)


NO_ROWS: RowArray = np.empty(0, np.int64)
EMPTY = Candidates(NO_ROWS, np.empty(0, np.float32))

"""Which products are variants of one another: those of one `group_id`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..candidates import Candidates
from .base import CodeArray, RowArray, TextColumn

if TYPE_CHECKING:
    from .read import Columns

FIELD = "group_id"


@dataclass(frozen=True, slots=True)
class Groups:
    """Numbers the groups of a generation's products; a product without variants is its own.

    Attributes:
        numbers: (capacity,) int32: each row's group.
        count: how many numbers there are.
    """

    numbers: CodeArray
    count: int

    @classmethod
    def of(cls, columns: Columns) -> Groups | None:
        """Number the groups; None where no two products are of one."""
        column = columns.column(FIELD, "text")
        if not isinstance(column, TextColumn) or not (np.bincount(column.codes) > 1).any():
            return None
        numbers = np.full(columns.capacity, -1, np.int32)
        numbers[column.rows] = column.codes
        alone = np.flatnonzero(numbers < 0)
        numbers[alone] = np.arange(len(alone), dtype=np.int32) + len(column.texts)
        return cls(numbers, len(column.texts) + len(alone))

    def count_of(self, rows: RowArray) -> int:
        """Count the groups of some rows."""
        met = np.zeros(self.count, np.bool_)
        met[self.numbers[rows]] = True
        return int(np.count_nonzero(met))

    def sizes(self, rows: RowArray) -> npt.NDArray[np.int64]:
        """Count the rows of each group among some: (count,)."""
        return np.bincount(self.numbers[rows], minlength=self.count)

    def first(self, ranking: Candidates) -> Candidates:
        """Return the first of each group, in the order of the ranking."""
        numbers = self.numbers[ranking.rows]
        places = np.full(self.count, -1, np.int64)
        places[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of equal numbers the last is kept
        kept = np.sort(places[places >= 0])
        return Candidates(ranking.rows[kept], ranking.scores[kept])

    def distinct(
        self, rows: RowArray, values: npt.NDArray[Any]
    ) -> tuple[RowArray, npt.NDArray[Any]]:
        """Return rows and their values without those whose group has the value before."""
        numbers = self.numbers[rows]
        order = np.lexsort((values, numbers))
        numbers, values = numbers[order], values[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (numbers[1:] != numbers[:-1]) | (values[1:] != values[:-1])
        return rows[order][new], values[new]

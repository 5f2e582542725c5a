"""Keep which row is held at which position of the index, and which positions are live."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ...encoder.base import IntArray
from ...errors import InputError
from .base import BoolArray

_T = TypeVar("_T", bound=np.generic)

_NOWHERE = -1
# A mask in which fewer than one position in this many may pass is followed row by row.
_SPARSE = 16


class Positions:
    """Maps rows to positions; positions only grow, and a tombstoned one is never used again."""

    def __init__(self, rows: IntArray | None = None, tombstones: BoolArray | None = None) -> None:
        self._row_at = np.empty(0, np.int64)
        self._live = np.empty(0, np.bool_)
        self._position_of = np.empty(0, np.int64)
        self.capacity = 0
        self.live = 0
        if rows is not None and tombstones is not None:
            self._restore(rows, tombstones)

    @property
    def row_at(self) -> IntArray:
        """Return the row of every position, tombstoned ones too."""
        return self._row_at[: self.capacity]

    @property
    def tombstones(self) -> BoolArray:
        """Return which positions are no longer live."""
        return ~self._live[: self.capacity]

    def append(self, rows: IntArray) -> None:
        """Give distinct rows the next positions; those they had before are tombstoned."""
        if not len(rows):
            return
        self.remove(rows)
        end = self.capacity + len(rows)
        self._row_at = _grown(self._row_at, end, 0)
        self._live = _grown(self._live, end, False)
        self._position_of = _grown(self._position_of, int(rows.max()) + 1, _NOWHERE)
        self._row_at[self.capacity : end] = rows
        self._live[self.capacity : end] = True
        self._position_of[rows] = np.arange(self.capacity, end)
        self.capacity = end
        self.live += len(rows)

    def remove(self, rows: IntArray) -> int:
        """Tombstone the rows that are present; returns how many were."""
        found = self._find(np.unique(rows))
        found = found[found != _NOWHERE]
        self._position_of[self._row_at[found]] = _NOWHERE
        self._live[found] = False
        self.live -= len(found)
        return len(found)

    def of(self, rows: IntArray) -> IntArray:
        """Return the position of each row; raises InputError on a row that is not present."""
        found = self._find(rows)
        if len(found) and found.min() < 0:
            missing = rows[found < 0]
            raise InputError(f"row {missing[0]} is not in the vector index ({len(missing)} absent)")
        return found

    def passing(self, mask: BoolArray | None) -> Passing:
        """Find the live positions whose rows pass a mask by row number; None passes all."""
        live = self._live[: self.capacity]
        if mask is None:
            return Passing(self.live, self.capacity, allowed=live)
        mask = mask[: len(self._position_of)]
        wanted = int(np.count_nonzero(mask))
        if wanted * _SPARSE < self.capacity:
            positions = self._position_of[np.flatnonzero(mask)]
            positions = np.sort(positions[positions != _NOWHERE])
            return Passing(len(positions), self.capacity, positions=positions)
        if len(mask) < len(self._position_of):
            mask = np.concatenate([mask, np.zeros(len(self._position_of) - len(mask), np.bool_)])
        allowed = mask.take(self.row_at)
        allowed &= live
        return Passing(int(np.count_nonzero(allowed)), self.capacity, allowed=allowed)

    def _find(self, rows: IntArray) -> IntArray:
        found = np.full(len(rows), _NOWHERE, np.int64)
        known = (rows >= 0) & (rows < len(self._position_of))
        found[known] = self._position_of[rows[known]]
        return found

    def _restore(self, rows: IntArray, tombstones: BoolArray) -> None:
        self._row_at = np.ascontiguousarray(rows, np.int64)
        self._live = ~tombstones
        self.capacity = len(rows)
        live = np.flatnonzero(self._live)
        self.live = len(live)
        size = int(rows.max()) + 1 if len(rows) else 0
        self._position_of = np.full(size, _NOWHERE, np.int64)
        self._position_of[self._row_at[live]] = live


class Passing:
    """The positions that a search may find, as a list or as a bitmap, made when asked."""

    def __init__(
        self,
        count: int,
        capacity: int,
        *,
        positions: IntArray | None = None,
        allowed: BoolArray | None = None,
    ) -> None:
        self.count = count
        self.capacity = capacity
        self._positions = positions
        self._allowed = allowed

    @property
    def is_all(self) -> bool:
        """Tell whether every position held passes."""
        return self.count == self.capacity

    def positions(self) -> IntArray:
        """Return the passing positions in ascending order."""
        if self._positions is None:
            assert self._allowed is not None  # noqa: S101 - one of the two is always given
            self._positions = np.flatnonzero(self._allowed)
        return self._positions

    def bitmap(self) -> npt.NDArray[np.uint8]:
        """Return one bit a position, least significant bit first, as FAISS selectors read it."""
        if self._allowed is None:
            allowed = np.zeros(self.capacity, np.bool_)
            allowed[self.positions()] = True
            self._allowed = allowed
        return np.packbits(self._allowed, bitorder="little")


def _grown(array: npt.NDArray[_T], size: int, fill: object) -> npt.NDArray[_T]:
    """Return an array of at least `size`; doubling keeps many small appends linear."""
    if size <= len(array):
        return array
    grown = np.full(max(size, 2 * len(array), 1024), fill, array.dtype)
    grown[: len(array)] = array
    return grown

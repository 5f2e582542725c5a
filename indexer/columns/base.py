"""The columns that filters, facets and sorting read: sparse, typed, indexed by row.

A field may hold values of several kinds at once (one supplier writes 15.6, another "15.6 in"),
so each kind of a field is a column of its own and a filter reads the kind it compares with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..known_fields import Kind

KINDS: tuple[Kind, ...] = ("text", "number", "boolean")

BoolArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]
NumberArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rowed:
    """Anything by row: what stands at place i belongs to `rows[i]`; rows may repeat."""

    rows: RowArray

    @cached_property
    def _ascending(self) -> tuple[RowArray, RowArray | None]:
        """Return the rows in ascending order, and their places where that is another order."""
        if np.all(self.rows[1:] >= self.rows[:-1]):
            return self.rows, None
        order = np.argsort(self.rows, kind="stable")
        return self.rows[order], order

    def places(self, rows: RowArray) -> tuple[RowArray, RowArray]:
        """Find what belongs to some rows.

        Returns:
            For each thing found its row, as an index into `rows`, and its place here.
        """
        ascending, order = self._ascending
        starts = np.searchsorted(ascending, rows, "left")
        counts = np.searchsorted(ascending, rows, "right") - starts
        which = np.repeat(np.arange(len(rows)), counts)
        before = np.cumsum(counts) - counts
        places = np.arange(len(which)) + np.repeat(starts - before, counts)
        return which, places if order is None else order[places]


@dataclass(frozen=True)
class NumberColumn(Rowed):
    """Numbers by row: `values[i]` belongs to `rows[i]`; rows may repeat."""

    values: NumberArray


@dataclass(frozen=True)
class BooleanColumn(Rowed):
    """Truth values by row."""

    values: BoolArray


@dataclass(frozen=True)
class TextColumn(Rowed):
    """Texts by row, each as a code into the sorted-by-first-use `texts`."""

    codes: CodeArray
    texts: tuple[str, ...]

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """Return the texts as they are compared: letter case does not count."""
        return tuple(text.casefold() for text in self.texts)


Column = NumberColumn | BooleanColumn | TextColumn


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name, and for each kind how many values it holds."""

    name: str
    counts: dict[Kind, int]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds it holds, the most frequent first."""
        return tuple(sorted(self.counts, key=lambda kind: -self.counts[kind]))

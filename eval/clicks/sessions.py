"""Searches as arrays: what stood at each rank and whether it was clicked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOTHING = -1


@dataclass(frozen=True)
class Sessions:
    """The n searches of at most `depth` ranks for a click model.

    A model knows items, not products: an item is whatever shares one set of parameters, a
    (query, product) pair when a model is fitted on a log, a grade when it acts on judgments.

    Attributes:
        items: (n, depth), from 0 to `count`; `count` itself is an item never seen before, and
            NOTHING marks the ranks below the end of a shorter list.
        clicks: (n, depth); False where nothing was shown.
        count: how many different items there are.

    """

    items: Ints
    clicks: Bools
    count: int

    def __len__(self) -> int:
        """Count the searches."""
        return len(self.items)

    @property
    def shown(self) -> Bools:
        """Say at which ranks something was shown; (n, depth)."""
        return self.items >= 0

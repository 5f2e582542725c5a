"""Examination and attraction as independent causes, the part that PBM and UBM share.

A product is clicked when it is examined and attractive. Each rank of each search falls in one
examination cell: its rank in PBM; its rank and that of the click before in UBM.
"""

from __future__ import annotations

import numpy as np

from ..sessions import Bools, Floats, Ints
from .base import LEAST, rates

# Attractiveness and examination are known only up to a common factor; the first cell, the
# first product of a list, is taken as always examined, as in the models that go top down.
ALWAYS = 1.0


def attracted(attraction: Floats, examination: Floats, clicks: Bools) -> Floats:
    """Return P(attractive | clicked or not)."""
    unclicked = attraction * (1 - examination) / np.maximum(1 - attraction * examination, LEAST)
    return np.where(clicks, 1.0, unclicked)


def examined(attraction: Floats, examination: Floats, clicks: Bools) -> Floats:
    """Return P(examined | clicked or not)."""
    unclicked = examination * (1 - attraction) / np.maximum(1 - attraction * examination, LEAST)
    return np.where(clicks, 1.0, unclicked)


def examination_rates(cells: Ints, looked: Floats, shown: Bools, count: int) -> Floats:
    """Return the mean of `looked` in each of `count` cells; the first is always examined."""
    found = rates(cells[shown], looked[shown], np.ones(int(shown.sum())), count - 1, 0)
    found[0] = ALWAYS
    return found

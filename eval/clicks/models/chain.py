"""Examination from the top down, the part that cascade, DCM and both DBNs share.

The first product is examined. After rank r the shopper goes on to r + 1 with one probability
where r was clicked (`after_click`) and with another where it was skipped (`after_skip`); who
stops never comes back. The models differ in these two alone (Chuklin et al., 2015, chapter 3).
Arrays are (n, depth) throughout; attraction is 0 where nothing was shown.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ..sessions import Bools, Floats, Ints, Sessions
from .base import ClickModel


def marginal(attraction: Floats, after_click: Floats, after_skip: float) -> Floats:
    """Return P(click at r)."""
    clicks = np.empty_like(attraction)
    examined = np.ones(len(attraction))
    for rank in range(attraction.shape[1]):
        attracted = attraction[:, rank]
        clicks[:, rank] = examined * attracted
        examined = examined * (attracted * after_click[:, rank] + (1 - attracted) * after_skip)
    return clicks


def conditional(
    attraction: Floats, after_click: Floats, after_skip: float, clicks: Bools
) -> Floats:
    """Return P(click at r | clicks above r)."""
    found = np.empty_like(attraction)
    examined = np.ones(len(attraction))
    for rank in range(attraction.shape[1]):
        attracted = attraction[:, rank]
        found[:, rank] = examined * attracted
        still = examined * (1 - attracted) / np.maximum(1 - examined * attracted, 1e-12)
        examined = np.where(clicks[:, rank], after_click[:, rank], still * after_skip)
    return found


def posterior(attraction: Floats, after_click: Floats, after_skip: float, clicks: Bools) -> Floats:
    """Return P(r was examined | all clicks).

    Down to the last click everything was. Below it, `silent` is the probability that no click
    follows from r on if r is examined; Bayes' rule then weighs having stopped against it.
    """
    depth = attraction.shape[1]
    silent = np.ones((len(attraction), depth + 1))
    for rank in reversed(range(depth)):
        onward = after_skip * silent[:, rank + 1] + 1 - after_skip
        silent[:, rank] = (1 - attraction[:, rank]) * onward
    later = np.flip(np.cumsum(np.flip(clicks, 1), 1), 1) > 0
    examined = np.ones_like(attraction)
    for rank in range(1, depth):
        went = np.where(clicks[:, rank - 1], after_click[:, rank - 1], after_skip)
        on = went * silent[:, rank]
        reached = examined[:, rank - 1] * on / np.maximum(on + 1 - went, 1e-12)
        examined[:, rank] = np.where(later[:, rank], 1.0, reached)
    return examined


def draw(
    attraction: Floats, after_click: Floats, after_skip: float, rng: np.random.Generator
) -> Bools:
    """Draw clicks rank by rank."""
    clicks = np.zeros(attraction.shape, dtype=bool)
    examined = np.ones(len(attraction), dtype=bool)
    chances = rng.random((*attraction.shape, 2))
    for rank in range(attraction.shape[1]):
        clicked = examined & (chances[:, rank, 0] < attraction[:, rank])
        onward = np.where(clicked, after_click[:, rank], after_skip)
        clicks[:, rank] = clicked
        examined &= chances[:, rank, 1] < onward
    return clicks


class ChainModel(ClickModel):
    """Derives a click model from the probability of going on after a click and after a skip."""

    @abstractmethod
    def after_click(self, items: Ints) -> Floats:
        """Return P(r + 1 is examined | r was clicked); (n, depth)."""

    @property
    def after_skip(self) -> float:
        """Return P(r + 1 is examined | r was examined and not clicked)."""
        return 1.0

    def click_probabilities(self, items: Ints) -> Floats:
        """Return P(click at r)."""
        return marginal(self.attraction(items), self.after_click(items), self.after_skip)

    def conditional(self, sessions: Sessions) -> Floats:
        """Return P(click at r | clicks above r)."""
        items = sessions.items
        chain = self.attraction(items), self.after_click(items), self.after_skip
        return conditional(*chain, sessions.clicks)

    def examined(self, sessions: Sessions) -> Floats:
        """Return P(r was examined | all clicks), 0 where nothing was shown."""
        items = sessions.items
        chain = self.attraction(items), self.after_click(items), self.after_skip
        return np.where(sessions.shown, posterior(*chain, sessions.clicks), 0.0)

    def simulate(self, items: Ints, rng: np.random.Generator) -> Bools:
        """Draw the clicks of one search for each row."""
        return draw(self.attraction(items), self.after_click(items), self.after_skip, rng)

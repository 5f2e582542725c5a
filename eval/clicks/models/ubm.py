"""The user browsing model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..sessions import Bools, Floats, Ints, Sessions
from .base import ClickModel, check_depth, rates
from .examination import ALWAYS, attracted, examination_rates, examined


@dataclass(frozen=True)
class UBM(ClickModel):
    """Lets examination depend on the rank and on the rank of the click before.

    Dupret and Piwowarski, A User Browsing Model to Predict Search Engine Click Data from Past
    Observations, SIGIR 2008.

    Attributes:
        examination: (depth, depth); row r - 1 is rank r, column 0 no click before, column j the
            click before at rank j. Entries with j >= r have no meaning.

    """

    name: ClassVar[str] = "ubm"
    attractiveness: Floats
    examination: Floats

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item and every cell but the first the same probability."""
        depth = sessions.items.shape[1]
        examination = np.full((depth, depth), 0.5)
        examination[0, 0] = ALWAYS
        return cls(np.full(sessions.count + 1, 0.5), examination)

    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Explain each missing click by no look or no attraction."""
        items, shown, clicks = sessions.items, sessions.shown, sessions.clicks
        depth = items.shape[1]
        last = last_clicks(clicks)
        attraction, looks = self.attraction(items), self._looks(last)
        likes = attracted(attraction, looks, clicks)
        looked = examined(attraction, looks, clicks)
        found = examination_rates(np.arange(depth) * depth + last, looked, shown, depth * depth)
        return type(self)(
            rates(items, likes, np.ones(items.shape), sessions.count, shrinkage),
            found.reshape(depth, depth),
        )

    def _looks(self, last: Ints) -> Floats:
        check_depth(len(self.examination), last, self.name)
        return self.examination[np.arange(last.shape[1]), last]

    def click_probabilities(self, items: Ints) -> Floats:
        """Return P(click at r), summed over every place of the click before."""
        check_depth(len(self.examination), items, self.name)
        attraction = self.attraction(items)
        found = np.empty_like(attraction)
        before = np.zeros((len(items), items.shape[1] + 1))
        before[:, 0] = 1.0
        for rank in range(items.shape[1]):
            looks = self.examination[rank, : rank + 1]
            clicked = before[:, : rank + 1] * looks * attraction[:, rank, None]
            found[:, rank] = clicked.sum(1)
            before[:, : rank + 1] -= clicked
            before[:, rank + 1] = found[:, rank]
        return found

    def conditional(self, sessions: Sessions) -> Floats:
        """Return P(click at r | clicks above r)."""
        return self.attraction(sessions.items) * self._looks(last_clicks(sessions.clicks))

    def examined(self, sessions: Sessions) -> Floats:
        """Return P(r was examined | all clicks), 0 where nothing was shown."""
        looks = self._looks(last_clicks(sessions.clicks))
        looked = examined(self.attraction(sessions.items), looks, sessions.clicks)
        return np.where(sessions.shown, looked, 0.0)

    def simulate(self, items: Ints, rng: np.random.Generator) -> Bools:
        """Draw the clicks of one search for each row, rank by rank."""
        check_depth(len(self.examination), items, self.name)
        attraction = self.attraction(items)
        chances = rng.random(items.shape)
        clicks = np.zeros(items.shape, dtype=bool)
        last = np.zeros(len(items), dtype=np.int64)
        for rank in range(items.shape[1]):
            looks = self.examination[rank, last]
            clicks[:, rank] = chances[:, rank] < attraction[:, rank] * looks
            last[clicks[:, rank]] = rank + 1
        return clicks


def last_clicks(clicks: Bools) -> Ints:
    """Return the rank (from 1) of the last click above each rank, 0 where there is none."""
    ranks = np.where(clicks, np.arange(1, clicks.shape[1] + 1), 0)
    highest = np.maximum.accumulate(ranks, 1)
    return np.concatenate([np.zeros((len(clicks), 1), dtype=np.int64), highest[:, :-1]], 1)

"""The position-based model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..sessions import Bools, Floats, Ints, Sessions
from .base import ClickModel, check_depth, rates
from .examination import ALWAYS, attracted, examination_rates, examined


@dataclass(frozen=True)
class PBM(ClickModel):
    """Lets each rank be examined with a probability of its own, whatever else is clicked.

    Richardson, Dominowska and Ragno, Predicting Clicks, WWW 2007; Craswell et al., WSDM 2008.

    Attributes:
        examination: (depth,), P(examined) of each rank; 1 for the first.

    """

    name: ClassVar[str] = "pbm"
    attractiveness: Floats
    examination: Floats

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item the same attractiveness and every rank but the first the same look."""
        examination = np.full(sessions.items.shape[1], 0.5)
        examination[0] = ALWAYS
        return cls(np.full(sessions.count + 1, 0.5), examination)

    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Explain each missing click by no look or no attraction."""
        items, shown = sessions.items, sessions.shown
        attraction, looks = self.attraction(items), self._looks(items)
        likes = attracted(attraction, looks, sessions.clicks)
        looked = examined(attraction, looks, sessions.clicks)
        ranks = np.broadcast_to(np.arange(items.shape[1]), items.shape)
        return type(self)(
            rates(items, likes, np.ones(items.shape), sessions.count, shrinkage),
            examination_rates(ranks, looked, shown, items.shape[1]),
        )

    def _looks(self, items: Ints) -> Floats:
        check_depth(len(self.examination), items, self.name)
        return np.broadcast_to(self.examination[: items.shape[1]], items.shape)

    def click_probabilities(self, items: Ints) -> Floats:
        """Return P(click at r)."""
        return self.attraction(items) * self._looks(items)

    def conditional(self, sessions: Sessions) -> Floats:
        """Return P(click at r), which other clicks do not change."""
        return self.click_probabilities(sessions.items)

    def examined(self, sessions: Sessions) -> Floats:
        """Return P(r was examined | all clicks), 0 where nothing was shown."""
        items = sessions.items
        looked = examined(self.attraction(items), self._looks(items), sessions.clicks)
        return np.where(sessions.shown, looked, 0.0)

    def simulate(self, items: Ints, rng: np.random.Generator) -> Bools:
        """Draw the clicks of one search for each row."""
        return rng.random(items.shape) < self.click_probabilities(items)

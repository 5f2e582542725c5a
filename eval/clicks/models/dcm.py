"""The dependent click model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..sessions import Floats, Ints, Sessions
from .base import check_depth, rates
from .chain import ChainModel


@dataclass(frozen=True)
class DCM(ChainModel):
    """Lets a shopper go on after a click with a probability that depends on the rank.

    Guo, Liu and Wang, Efficient Multiple-Click Models in Web Search, WSDM 2009. The paper fits
    a lower bound of the likelihood, as if nothing below the last click had been examined; here
    expectation maximisation weighs both possibilities.

    Attributes:
        continuation: (depth,), P(go on | a click at this rank); that of the last rank has no
            effect and is the mean of the others.

    """

    name: ClassVar[str] = "dcm"
    attractiveness: Floats
    continuation: Floats

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item the same attractiveness and every rank the same continuation."""
        return cls(np.full(sessions.count + 1, 0.5), np.full(sessions.items.shape[1], 0.5))

    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Weigh, below the last click, having stopped against having skipped."""
        examined = self.examined(sessions)
        clicks = sessions.clicks.astype(np.float64)
        depth = sessions.items.shape[1]
        left = sessions.clicks[:, :-1] & sessions.shown[:, 1:]
        ranks = np.broadcast_to(np.arange(depth - 1), left.shape)
        continuation = rates(ranks[left], examined[:, 1:][left], np.ones(left.sum()), depth - 1, 0)
        return type(self)(
            rates(sessions.items, clicks, examined, sessions.count, shrinkage), continuation
        )

    def after_click(self, items: Ints) -> Floats:
        """Go on by the rank."""
        check_depth(len(self.continuation), items, self.name)
        return np.broadcast_to(self.continuation[: items.shape[1]], items.shape)

"""The dynamic Bayesian network model, full and simplified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..sessions import Floats, Ints, Sessions
from .base import LEAST, rates
from .chain import ChainModel


@dataclass(frozen=True)
class DBN(ChainModel):
    """Lets a click satisfy or not; the satisfied leave, others go on or give up.

    Chapelle and Zhang, A Dynamic Bayesian Network Click Model for Web Search Ranking, WWW 2009.

    Attributes:
        satisfaction: (count + 1,), P(satisfied | clicked) of each item.
        continuation: P(go on | not satisfied), the paper's gamma; one number, shape ().

    """

    name: ClassVar[str] = "dbn"
    attractiveness: Floats
    satisfaction: Floats
    continuation: Floats

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item the same parameters, and the paper's best continuation."""
        return cls(
            np.full(sessions.count + 1, 0.5), np.full(sessions.count + 1, 0.5), np.asarray(0.9)
        )

    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Weigh, after the last click, satisfaction, giving up and skipping."""
        items, count = sessions.items, sessions.count
        examined = self.examined(sessions)
        followed = sessions.shown[:, 1:]
        left = sessions.clicks[:, :-1] & followed
        onward = examined[:, 1:]
        satisfaction = self.satisfaction[items[:, :-1]]
        stopped = 1 - float(self.continuation) * (1 - satisfaction)
        satisfied = np.where(left, (1 - onward) * satisfaction / np.maximum(stopped, LEAST), 0.0)
        unsatisfied = np.where(followed, examined[:, :-1] - satisfied, 0.0)
        clicks = sessions.clicks.astype(np.float64)
        return type(self)(
            rates(items, clicks, examined, count, shrinkage),
            rates(items[:, :-1][left], satisfied[left], np.ones(left.sum()), count, shrinkage),
            self.continued(float(onward[followed].sum()), float(unsatisfied.sum())),
        )

    def continued(self, onward: float, unsatisfied: float) -> Floats:
        """Return the continuation that the expected counts speak for."""
        if not unsatisfied:
            return self.continuation
        return np.asarray(np.clip(onward / unsatisfied, LEAST, 1 - LEAST))

    def after_click(self, items: Ints) -> Floats:
        """Go on unless satisfied or tired."""
        return self.after_skip * (1 - self.satisfaction[items])

    @property
    def after_skip(self) -> float:
        """Go on unless tired."""
        return float(self.continuation)


@dataclass(frozen=True)
class SimplifiedDBN(DBN):
    """Lets only the satisfied leave: DBN with continuation 1 (section 5 of the same paper).

    The paper's counting rule takes every last click for satisfaction; here expectation
    maximisation weighs it against skipping all that follows.
    """

    name: ClassVar[str] = "sdbn"

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item the same parameters."""
        return cls(
            np.full(sessions.count + 1, 0.5), np.full(sessions.count + 1, 0.5), np.asarray(1.0)
        )

    def continued(self, onward: float, unsatisfied: float) -> Floats:
        """Keep the continuation at 1."""
        return self.continuation

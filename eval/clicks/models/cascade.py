"""The cascade model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..sessions import Floats, Ints, Sessions
from .base import rates
from .chain import ChainModel


@dataclass(frozen=True)
class Cascade(ChainModel):
    """Lets a shopper go down the list and leave with the first click.

    Craswell, Zoeter, Taylor and Ramsey, An Experimental Comparison of Click Position-Bias
    Models, WSDM 2008. Clicks after the first contradict the model; fitting passes over them.
    """

    name: ClassVar[str] = "cascade"
    attractiveness: Floats

    @classmethod
    def start(cls, sessions: Sessions) -> Self:
        """Give every item the same attractiveness."""
        return cls(np.full(sessions.count + 1, 0.5))

    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Count clicks over examinations, which end at the first click; one step is exact."""
        clicks = sessions.clicks
        before: Ints = np.cumsum(clicks, 1) - clicks
        seen = (before == 0) & sessions.shown
        hits = (clicks & seen).astype(np.float64)
        trials = seen.astype(np.float64)
        return type(self)(rates(sessions.items, hits, trials, sessions.count, shrinkage))

    def after_click(self, items: Ints) -> Floats:
        """Never go on after a click."""
        return np.zeros(items.shape)

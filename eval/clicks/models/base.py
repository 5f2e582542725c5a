"""The contract of a click model, and the fitting loop that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar, Self

import numpy as np

from ....errors import InputError
from ..sessions import Bools, Floats, Ints, Sessions

# No probability is estimated as exactly 0 or 1: one odd click would then be impossible.
LEAST = 1e-6


class ClickModel(ABC):
    """Which products of a ranking are clicked, with what probability.

    Every model has `attractiveness`, (count + 1,): the probability that an item is clicked once
    it is examined, its last entry that of an item never seen. Notation follows Chuklin, Markov
    and de Rijke, Click Models for Web Search (2015). Models are values; `fit` returns a new one.
    """

    name: ClassVar[str]
    attractiveness: Floats

    @classmethod
    def fit(
        cls,
        sessions: Sessions,
        *,
        iterations: int = 200,
        tolerance: float = 1e-4,
        shrinkage: float = 1.0,
    ) -> Self:
        """Estimate the parameters by expectation maximisation.

        Args:
            sessions: what was shown and clicked.
            iterations: the most steps to take.
            tolerance: stop when no kind of parameter moves further than this in a step, by the
                root of the mean square over items or ranks.
            shrinkage: an item's rate is pulled to the mean of all items as if that many more
                trials had been seen; 0 gives the maximum of the likelihood.

        Raises:
            InputError: there is not one session.

        """
        if not len(sessions) or not sessions.shown.any():
            raise InputError("a click model cannot be fitted on a log without searches")
        model = cls.start(sessions)
        for _ in range(iterations):
            after = model.step(sessions, shrinkage)
            moved = max(
                float(np.sqrt(np.mean((value - model.parameters[name]) ** 2)))
                for name, value in after.parameters.items()
            )
            model = after
            if moved < tolerance:
                break
        return model

    @classmethod
    @abstractmethod
    def start(cls, sessions: Sessions) -> Self:
        """Return the model that fitting starts from."""

    @abstractmethod
    def step(self, sessions: Sessions, shrinkage: float) -> Self:
        """Take one step of expectation maximisation."""

    @abstractmethod
    def click_probabilities(self, items: Ints) -> Floats:
        """Return P(click at r), nothing known of other clicks; (n, depth) -> (n, depth)."""

    @abstractmethod
    def conditional(self, sessions: Sessions) -> Floats:
        """Return P(click at r | the clicks above r); (n, depth)."""

    @abstractmethod
    def examined(self, sessions: Sessions) -> Floats:
        """Return P(r was examined | all clicks of the search); (n, depth)."""

    @abstractmethod
    def simulate(self, items: Ints, rng: np.random.Generator) -> Bools:
        """Draw the clicks of one search for each row; (n, depth) -> (n, depth)."""

    @property
    def parameters(self) -> Mapping[str, Floats]:
        """Return every parameter by its name, as arrays."""
        return {
            field.name: np.asarray(getattr(self, field.name), dtype=np.float64)
            for field in fields(self)  # type: ignore[arg-type]
        }

    def attraction(self, items: Ints) -> Floats:
        """Return each item's attractiveness, 0 where nothing was shown."""
        return np.where(items >= 0, self.attractiveness[items], 0.0)


def rates(items: Ints, hits: Floats, trials: Floats, count: int, shrinkage: float) -> Floats:
    """Return hits over trials for each of count + 1 items, pulled towards the overall rate.

    An item without trials gets the overall rate. The three arrays are of one shape.
    """
    kept = items >= 0
    where = items[kept]
    total_hits = np.bincount(where, hits[kept], minlength=count + 1)
    total_trials = np.bincount(where, trials[kept], minlength=count + 1)
    everything = float(total_trials.sum())
    overall = float(total_hits.sum()) / everything if everything else 0.5
    weight = total_trials + shrinkage
    found = np.full(count + 1, overall)
    np.divide(total_hits + shrinkage * overall, weight, out=found, where=weight > 0)
    clipped: Floats = np.clip(found, LEAST, 1 - LEAST)
    return clipped


def check_depth(ranks: int, items: Ints, name: str) -> None:
    """Raise InputError where a ranking is deeper than the ranks a model knows."""
    if items.shape[1] > ranks:
        raise InputError(
            f"the {name} model knows {ranks} ranks and was asked about {items.shape[1]}; "
            "use a smaller k, or fit it on deeper rankings"
        )

"""How well a click model predicts the clicks of searches it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .models.base import LEAST, ClickModel
from .sessions import Bools, Floats, Sessions


@dataclass(frozen=True)
class Fit:
    """A model's fit to some searches.

    Perplexity is 1 for a model that is always right and 2 for one that tosses a coin.

    Attributes:
        log_likelihood: natural logarithm, of all clicks of a search together, mean over searches.
        perplexity: mean over ranks of `perplexity_by_rank` (Dupret and Piwowarski, 2008).
        perplexity_by_rank: of the clicks at each rank, nothing known of the other clicks.
        conditional_perplexity: over all ranks, the clicks above each known.
        ctr_by_rank: (predicted, counted) share of clicks at each rank.

    """

    model: str
    searches: int
    log_likelihood: float
    perplexity: float
    perplexity_by_rank: tuple[float, ...]
    conditional_perplexity: float
    ctr_by_rank: tuple[tuple[float, float], ...]


def measure_fit(model: ClickModel, sessions: Sessions) -> Fit:
    """Measure a model on searches, best on ones that were held out.

    A click that a model holds for impossible (a second one, for the cascade model) counts as
    having had the probability 1e-6.
    """
    shown, clicks = sessions.shown, sessions.clicks
    alone = model.click_probabilities(sessions.items)
    after = _log_probability(model.conditional(sessions), clicks)
    by_rank = _log_probability(alone, clicks)
    ranks = [rank for rank in range(shown.shape[1]) if shown[:, rank].any()]
    perplexities = [_perplexity(by_rank[shown[:, rank], rank]) for rank in ranks]
    ctr = [
        (float(alone[shown[:, rank], rank].mean()), float(clicks[shown[:, rank], rank].mean()))
        for rank in ranks
    ]
    return Fit(
        model=model.name,
        searches=len(sessions),
        log_likelihood=float(np.where(shown, after, 0.0).sum(1).mean()),
        perplexity=float(np.mean(perplexities)),
        perplexity_by_rank=tuple(perplexities),
        conditional_perplexity=_perplexity(after[shown]),
        ctr_by_rank=tuple(ctr),
    )


def _log_probability(probabilities: Floats, clicks: Bools) -> Floats:
    likely = np.clip(probabilities, LEAST, 1 - LEAST)
    found: Floats = np.log(np.where(clicks, likely, 1 - likely))
    return found


def _perplexity(logs: Floats) -> float:
    """Return 2 ** -mean(log2 p), given natural logarithms."""
    return float(np.exp(-logs.mean()))

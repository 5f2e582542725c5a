"""What a click log says of each product for each query, debiased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .log import ClickLog, Pair
from .models.base import ClickModel


@dataclass(frozen=True)
class RelevanceWeight:
    """What clicks say of one product for one query.

    Attributes:
        attractiveness: P(click | examined) under the model.
        examinations: how often it was examined, as far as the model can tell: how much evidence
            the attractiveness rests on.
        impressions: how often it was shown.
        clicks: how often it was clicked.

    """

    attractiveness: float
    examinations: float
    impressions: int
    clicks: int


def relevance_weights(log: ClickLog, model: ClickModel) -> Mapping[Pair, RelevanceWeight]:
    """Return (query, product) -> weight, to train a ranker on clicks without position bias.

    Args:
        log: the searches.
        model: a click model fitted on this log, or on one with the same vocabulary.

    Raises:
        InputError: the model was fitted over another vocabulary.

    """
    if len(model.attractiveness) != len(log.pairs) + 1:
        raise InputError(
            f"the {model.name} model knows {len(model.attractiveness) - 1} items and the log has "
            f"{len(log.pairs)} pairs of query and product; fit it on log.sessions"
        )
    inside = log.shown & (log.items < len(log.pairs))
    where, count = log.items[inside], len(log.pairs)
    examined = np.bincount(where, model.examined(log.sessions)[inside], minlength=count)
    impressions = np.bincount(where, minlength=count)
    clicks = np.bincount(where, log.clicks[inside], minlength=count)
    return {
        pair: RelevanceWeight(
            float(model.attractiveness[row]),
            float(examined[row]),
            int(impressions[row]),
            int(clicks[row]),
        )
        for row, pair in enumerate(log.pairs)
        if impressions[row]
    }

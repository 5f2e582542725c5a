"""How far the vectors move when one part of one layer is pruned, and how much to prune where."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ..v3 import V3Config
from .units import Site, removed, unit_weights, units

LEAST, MOST = 0.2, 0.5
RATIOS = (0.2, 0.3, 0.4, 0.5)
_STEP = 0.02


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss, 1 - mean cosine to the unpruned vectors, by the ratio pruned at one site.

    Attributes:
        ratios: rising.
        losses: measured at them; between them the curve is a straight line.

    """

    site: Site
    ratios: Sequence[float]
    losses: Sequence[float]

    def at(self, ratio: float) -> float:
        """Return the loss at a ratio."""
        return float(np.interp(ratio, self.ratios, self.losses))


def choose_ratios(config: V3Config, curves: Sequence[Curve], overall: float) -> dict[Site, float]:
    """Give each site a ratio between 0.2 and 0.5 so that together they prune `overall`.

    All begin at 0.2; then, again and again, the site goes a step further whose loss grows least
    for each parameter removed (marginal analysis, Fox 1966; the best choice where the curves bend
    upwards and losses add up).

    Args:
        config: of the unpruned model.
        curves: one for each site.
        overall: share of the prunable parameters to remove.

    Raises:
        InputError: `overall` lies outside 0.2 to 0.5.

    """
    check_ratio(overall)
    weights = {c.site: unit_weights(config, c.site) * units(config, c.site) for c in curves}
    wanted = overall * sum(weights.values())
    chosen = dict.fromkeys(weights, LEAST)
    waiting = [(_price(curve, LEAST, weights), n) for n, curve in enumerate(curves)]
    heapq.heapify(waiting)
    while waiting and pruned_weights(config, chosen) < wanted:
        _, n = heapq.heappop(waiting)
        site = curves[n].site
        chosen[site] = min(round(chosen[site] + _STEP, 6), MOST)
        if chosen[site] < MOST:
            heapq.heappush(waiting, (_price(curves[n], chosen[site], weights), n))
    return chosen


def check_ratio(overall: float) -> None:
    """Refuse what no ratios between 0.2 and 0.5 add up to."""
    if not LEAST <= overall <= MOST:
        raise InputError(f"a ratio of {overall:g} cannot be met: each layer's is {LEAST} to {MOST}")


def _price(curve: Curve, ratio: float, weights: Mapping[Site, int]) -> float:
    further = min(ratio + _STEP, MOST)
    added = curve.at(further) - curve.at(ratio)
    return added / ((further - ratio) * weights[curve.site])


def pruned_weights(config: V3Config, ratios: Mapping[Site, float]) -> int:
    """Count the parameters that ratios remove."""
    return sum(
        removed(config, site, ratio) * unit_weights(config, site) for site, ratio in ratios.items()
    )

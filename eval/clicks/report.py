"""What simulated shoppers did with one system's rankings, and the lift of one over another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ..compare import Interval
from .intervals import ratio_intervals


@dataclass(frozen=True)
class ClickReport:
    """Click measures with intervals over queries; every query weighs the same.

    Attributes:
        model: the click model.
        k: how many results a shopper sees.
        sessions: searches drawn for each query; 0 where expectations were computed exactly.
        seed: of the drawing.
        ctr: share of searches with at least one click.
        clicks_at_k: mean clicks in a search.
        first_click: mean rank of the first click over the searches that have one, from 1: how
            far down a shopper reads before something is worth a click. None without a click.
        abandonment: share of searches without a click, 1 - ctr; an empty list is abandoned.
        ctr_by_rank: clicks over showings at each rank; shorter than `k` where no list is as long.
        query_ctr: query -> its own ctr.
        query_clicks: query -> its own mean clicks.
        unjudged: share of shown products that nobody judged.
        not_judged: queries ranked but never judged, which are left out.
        without_results: judged queries for which nothing was shown; they count, as abandoned.
        notes: what a reader must know: parameters and choices.

    """

    model: str
    k: int
    sessions: int
    seed: int
    ctr: Interval
    clicks_at_k: Interval
    first_click: Interval | None
    abandonment: Interval
    ctr_by_rank: tuple[Interval, ...]
    query_ctr: Mapping[str, float]
    query_clicks: Mapping[str, float]
    unjudged: float
    not_judged: int
    without_results: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lift:
    """A relative change: 0.19 is 19 % more than the baseline; with its interval."""

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def significant(self) -> bool:
        """Say whether the interval leaves out no change."""
        return self.low > 0 or self.high < 0


def ctr_lift(
    baseline: ClickReport, system: ClickReport, *, confidence: float = 0.95, seed: int = 0
) -> Lift:
    """Return how much more often searches end in a click under `system` than under `baseline`.

    ctr(system) / ctr(baseline) - 1; the interval resamples queries, both systems' together.

    Raises:
        InputError: the two were not simulated alike, or the baseline drew no click at all.

    """
    return _lift(baseline, system, baseline.query_ctr, system.query_ctr, confidence, seed)


def click_lift(
    baseline: ClickReport, system: ClickReport, *, confidence: float = 0.95, seed: int = 0
) -> Lift:
    """Return how many more clicks a search draws under `system`; as `ctr_lift`."""
    return _lift(baseline, system, baseline.query_clicks, system.query_clicks, confidence, seed)


def _lift(
    baseline: ClickReport,
    system: ClickReport,
    before: Mapping[str, float],
    after: Mapping[str, float],
    confidence: float,
    seed: int,
) -> Lift:
    if (baseline.model, baseline.k) != (system.model, system.k):
        raise InputError(
            f"two simulations differ in more than the system: {baseline.model} on {baseline.k} "
            f"ranks and {system.model} on {system.k}"
        )
    if set(before) != set(after):
        raise InputError(
            "two systems were not simulated over the same queries: "
            f"{len(before)} and {len(after)}, {len(set(before) & set(after))} in common"
        )
    order = sorted(before)
    down = np.asarray([[before[query]] for query in order])
    up = np.asarray([[after[query]] for query in order])
    found = ratio_intervals(up, down, confidence=confidence, seed=seed)[0]
    if found is None:
        raise InputError("the baseline drew no click, so a lift over it has no size")
    return Lift(found.mean - 1, found.low - 1, found.high - 1, confidence)

"""Say whether one system is better than another, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .resampling import bootstrap_means, randomisation_ps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and the interval that covers it with the given confidence."""

    mean: float
    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True)
class Comparison:
    """Compares a system with a baseline on one measure over the same queries.

    Attributes:
        difference: system minus baseline, with its paired bootstrap interval.
        p: two-sided, of the paired randomisation test.
        p_adjusted: after Holm's correction over the family it was made in.
        effect: mean difference in standard deviations of the differences (Cohen's d_z).
        detectable: the smallest difference that this many queries show with 80 % power.
        queries_needed: how many queries would show the difference seen with 80 % power; None
            where there was no difference at all.
        unrated: pairs of query and product that either system shows and nobody rated, where they
            could turn the verdict; 0 where they could not.

    """

    measure: str
    baseline: str
    system: str
    queries: int
    difference: Interval
    p: float
    p_adjusted: float
    effect: float
    wins: int
    losses: int
    ties: int
    detectable: float
    queries_needed: int | None
    alpha: float = 0.05
    unrated: int = 0

    @property
    def significant(self) -> bool:
        """Say whether the difference stands after correction."""
        return self.p_adjusted < self.alpha

    @property
    def worse(self) -> bool:
        """Say whether the system is worse, beyond doubt."""
        return self.verdict == "worse"

    @property
    def verdict(self) -> str:
        """Return `better`, `worse`, `cannot tell from N queries`, or that judgments have holes."""
        if self.unrated:
            return f"the judgments have holes: rate these {self.unrated:,} pairs"
        if not self.significant:
            return f"cannot tell from {self.queries} queries"
        return "better" if self.difference.mean > 0 else "worse"


def mean_interval(values: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Return the mean over queries with its bootstrap interval."""
    if not len(values):
        return Interval(0.0, 0.0, 0.0, confidence)
    column = np.asarray(values, dtype=np.float64)[:, None]
    return mean_intervals(column, confidence=confidence, seed=seed)[0]


def mean_intervals(columns: Floats, *, confidence: float = 0.95, seed: int = 0) -> list[Interval]:
    """Return the mean of each column over its rows, the queries, with its bootstrap interval."""
    low, high = bootstrap_means(columns, confidence, seed)
    return [
        Interval(float(mean), float(from_), float(to), confidence)
        for mean, from_, to in zip(columns.mean(axis=0), low, high, strict=True)
    ]


def randomisation_p(differences: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p of a paired randomisation test."""
    return float(randomisation_ps(np.asarray(differences, dtype=np.float64)[:, None], seed)[0])


@dataclass(frozen=True)
class Pair:
    """What is compared, and each query's value under both."""

    measure: str
    baseline: str
    system: str
    before: Mapping[str, float]
    after: Mapping[str, float]


def compare_values(
    baseline: Mapping[str, float],
    system: Mapping[str, float],
    *,
    measure: str = "",
    names: tuple[str, str] = ("baseline", "system"),
    alpha: float = 0.05,
    seed: int = 0,
) -> Comparison:
    """Compare two systems' values of one measure, query by query.

    Raises:
        InputError: the two were not measured over the same queries.

    """
    pair = Pair(measure, *names, baseline, system)
    return compare_pairs([pair], alpha=alpha, seed=seed)[0]


def compare_pairs(pairs: Sequence[Pair], *, alpha: float = 0.05, seed: int = 0) -> list[Comparison]:
    """Compare several pairs over the same queries, without correction for their number.

    Raises:
        InputError: not all were measured over the same queries.

    """
    if not pairs:
        return []
    changes = np.stack([_changes(pair, pairs[0]) for pair in pairs], axis=1)
    intervals = mean_intervals(changes, confidence=1 - alpha, seed=seed)
    ps = randomisation_ps(changes, seed)
    return [
        _comparison(pair, changes[:, place], intervals[place], float(ps[place]), alpha)
        for place, pair in enumerate(pairs)
    ]


def _changes(pair: Pair, first: Pair) -> Floats:
    before, after = pair.before, pair.after
    if set(before) != set(after) or set(before) != set(first.before) or not before:
        raise InputError(
            f"{pair.baseline} and {pair.system} were not measured over the same queries: "
            f"{len(before)} and {len(after)}, {len(set(before) & set(after))} in common"
        )
    change = np.asarray([after[query] - before[query] for query in first.before])
    change[np.abs(change) < 1e-12] = 0.0
    return change


def _comparison(
    pair: Pair, change: Floats, interval: Interval, p: float, alpha: float
) -> Comparison:
    deviation = float(change.std(ddof=1)) if len(change) > 1 else 0.0
    detectable, needed = _power(interval.mean, deviation, len(change), alpha)
    return Comparison(
        measure=pair.measure,
        baseline=pair.baseline,
        system=pair.system,
        queries=len(change),
        difference=interval,
        p=p,
        p_adjusted=p,
        effect=interval.mean / deviation if deviation else 0.0,
        wins=int((change > 0).sum()),
        losses=int((change < 0).sum()),
        ties=int((change == 0).sum()),
        detectable=detectable,
        queries_needed=needed,
        alpha=alpha,
    )


def _power(
    mean: float, deviation: float, count: int, alpha: float, power: float = 0.8
) -> tuple[float, int | None]:
    """Return the detectable difference and the queries needed for the one seen.

    By the normal approximation of a paired test: n = ((z(1-alpha/2) + z(power)) sd / mean)^2
    (Sakai, Information Retrieval Journal 2016).
    """
    from scipy.stats import norm

    reach = float(norm.ppf(1 - alpha / 2) + norm.ppf(power)) * deviation
    needed = ceil((reach / mean) ** 2) if mean else None
    return reach / sqrt(count), max(2, needed) if needed is not None else None


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm, 1979); in the order given."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Apply Holm's correction over comparisons that are read together."""
    adjusted = holm([comparison.p for comparison in comparisons])
    return [
        replace(comparison, p_adjusted=p)
        for comparison, p in zip(comparisons, adjusted, strict=True)
    ]

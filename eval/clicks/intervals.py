"""Intervals of means and ratios by resampling queries."""

from __future__ import annotations

import numpy as np

from ..compare import Interval
from .sessions import Floats

RESAMPLES = 2000


def ratio_intervals(
    numerators: Floats, denominators: Floats, *, confidence: float = 0.95, seed: int = 0
) -> list[Interval | None]:
    """Return sum(numerators) / sum(denominators) of each column with its percentile interval.

    Queries are drawn with replacement, the same ones for every column (Efron and Tibshirani,
    1993). With denominators of 1 the ratio is a mean over queries. A column whose denominators
    sum to 0 has no ratio and gives None.

    Args:
        numerators: (queries, columns).
        denominators: (queries, columns).
        confidence: what share of resamples the interval covers.
        seed: of the resampling.

    """
    count = len(numerators)
    rng = np.random.default_rng(seed)
    batch = max(1, 4_000_000 // max(1, count))
    found = []
    for first in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - first)
        times = _draw_queries(size, count, rng)
        found.append(_divide(times @ numerators, times @ denominators))
    values = np.concatenate(found)
    means = _divide(numerators.sum(0), denominators.sum(0))
    tail = (1 - confidence) / 2
    return [
        _interval(float(mean), values[:, column], tail, confidence)
        for column, mean in enumerate(means)
    ]


def _draw_queries(resamples: int, count: int, rng: np.random.Generator) -> Floats:
    """Return how often each query is drawn in each resample; (resamples, count)."""
    drawn = rng.integers(count, size=(resamples, count))
    drawn += np.arange(resamples)[:, None] * count
    times = np.bincount(drawn.ravel(), minlength=resamples * count)
    return times.reshape(resamples, count).astype(np.float64)


def _divide(numerators: Floats, denominators: Floats) -> Floats:
    found = np.full(numerators.shape, np.nan)
    np.divide(numerators, denominators, out=found, where=denominators > 0)
    return found


def _interval(mean: float, values: Floats, tail: float, confidence: float) -> Interval | None:
    if np.isnan(mean):
        return None
    low, high = np.quantile(values[~np.isnan(values)], [tail, 1 - tail])
    return Interval(mean, float(low), float(high), confidence)

"""Bootstrap intervals and randomisation tests of means, for many columns of values at once.

Every column is resampled by the same draws, so that intervals and tests of several systems and
measures over the same queries go together, and a thousand queries take a second.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 9999
# Every pattern of signs is tried for as many changed queries as this: 2^13 patterns.
LARGEST_EXACT = 13
_BLOCK = 4_000_000


def bootstrap_means(columns: Floats, confidence: float = 0.95, seed: int = 0) -> Floats:
    """Return the BCa interval of each column's mean (Efron, 1987), (2, columns): low, high.

    Args:
        columns: (queries, columns).
        confidence: how often the interval covers the true mean.
        seed: of the draws.

    """
    count = len(columns)
    means = columns.mean(axis=0)
    if count < 2:
        return np.stack([means, means])
    draws = np.concatenate([weights @ columns for weights in _draws(count, seed)]) / count
    low, high = _corrected_levels(columns, means, draws, confidence)
    ends = [np.quantile(draws[:, place], [low[place], high[place]]) for place in range(len(means))]
    found: Floats = np.asarray(ends).T.reshape(2, len(means))
    same = np.ptp(columns, axis=0) == 0
    found[:, same] = means[same]
    return found


def _draws(count: int, seed: int) -> Iterator[Floats]:
    """Yield how often each query is drawn in each resample, (resamples, queries), in blocks."""
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // count)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        drawn = generator.integers(0, count, size=(size, count))
        drawn += np.arange(size)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=size * count)
        yield times.reshape(size, count).astype(np.float64)


def _corrected_levels(
    columns: Floats, means: Floats, draws: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Return BCa's quantile levels: corrected for bias and for skew."""
    from scipy.special import ndtr, ndtri

    below = ((draws < means).mean(axis=0) + (draws <= means).mean(axis=0)) / 2
    edge = 1 / (2 * len(draws))
    bias = ndtri(np.clip(below, edge, 1 - edge))
    # Leaving a query out moves the mean by its distance from it: the jackknife in closed form.
    distance = columns - means
    square = (distance**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = (distance**3).sum(axis=0) / (6 * square**1.5)
    skew = np.where(square > 0, skew, 0.0)
    z = ndtri((1 - confidence) / 2)
    low, high = (ndtr(bias + (bias + tail) / (1 - skew * (bias + tail))) for tail in (z, -z))
    return low, high


def randomisation_ps(changes: Floats, seed: int = 0) -> Floats:
    """Return the two-sided p of each column's mean by a paired randomisation test, (columns,).

    The sign of each query's change is flipped at random (Smucker et al., CIKM 2007).

    Args:
        changes: (queries, columns), differences between two systems.
        seed: of the flips.

    """
    totals = np.abs(changes.sum(axis=0)) * (1 - 1e-12)
    few = (changes != 0).sum(axis=0) <= LARGEST_EXACT
    found = np.ones(changes.shape[1])
    for place in np.flatnonzero(few):
        found[place] = _exact_p(changes[changes[:, place] != 0, place], totals[place])
    if few.all():
        return found
    many = changes[:, ~few]
    extreme = np.zeros(many.shape[1])
    for flipped in _flips(len(changes), seed):
        extreme += (np.abs(many.sum(axis=0) - 2 * (flipped @ many)) >= totals[~few]).sum(axis=0)
    found[~few] = (extreme + 1) / (RESAMPLES + 1)
    return found


def _exact_p(changed: Floats, total: float) -> float:
    patterns = np.arange(2 ** len(changed))[:, None] >> np.arange(len(changed))
    return float(np.mean(np.abs((1 - 2 * (patterns & 1)) @ changed) >= total))


def _flips(count: int, seed: int) -> Iterator[Floats]:
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // count)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start), count
        yield (generator.random(size, dtype=np.float32) < 0.5).astype(np.float64)

"""How much of the catalog is ever shown, and how evenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .run import Run


@dataclass(frozen=True)
class Coverage:
    """How a system's first `k` places are spread over the catalog.

    Attributes:
        shown: different products shown.
        possible: different products that so many places could show at most.
        share: of the catalog that was shown.
        gini: inequality of the times shown over the whole catalog; 0 is even, 1 is all on one.
        gini_shown: the same over the products shown at least once.

    """

    system: str
    k: int
    shown: int
    possible: int
    share: float
    gini: float
    gini_shown: float


def measure_coverage(run: Run, product_ids: Collection[str], k: int = 10) -> Coverage:
    """Count what the first `k` places of every query show; unknown products count for nothing."""
    known = set(product_ids)
    times = Counter(
        product for query in run.rankings for product in run.top(query, k) if product in known
    )
    places = sum(min(k, len(ranking)) for ranking in run.rankings.values())
    counts = np.asarray(list(times.values()), dtype=np.float64)
    everything = np.concatenate([np.zeros(len(known) - len(times)), counts])
    return Coverage(
        system=run.name,
        k=k,
        shown=len(times),
        possible=min(places, len(known)),
        share=len(times) / len(known) if known else 0.0,
        gini=gini(everything),
        gini_shown=gini(counts),
    )


def gini(counts: np.typing.NDArray[np.float64]) -> float:
    """Return the Gini coefficient of non-negative counts; 0 where all are equal or none.

    G = 2 sum(i x_i) / (n sum(x)) - (n + 1) / n over x sorted upwards, i from 1.
    """
    total = float(counts.sum())
    count = len(counts)
    if not count or total == 0:
        return 0.0
    ranks = np.arange(1, count + 1)
    return float(2 * (ranks @ np.sort(counts)) / (count * total) - (count + 1) / count)

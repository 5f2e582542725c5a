"""A run: what one system showed for each query, best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Run:
    """A system's rankings.

    Attributes:
        name: the system's name, as tables print it.
        rankings: query id -> product ids, best first, each at most once. A query may be
            missing or its ranking empty: the system found nothing, and every measure says zero.
        scores: query id -> one score for each ranked product, where the system gave scores.

    """

    name: str
    rankings: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def top(self, query: str, k: int) -> Sequence[str]:
        """Return the first `k` products shown for a query."""
        return self.rankings.get(query, ())[:k]

    def without_results(self, queries: Iterable[str]) -> list[str]:
        """List the queries for which the system showed nothing."""
        return [query for query in queries if not self.rankings.get(query)]

    def cut(self, k: int) -> Run:
        """Return the run with the first `k` products of each query, without scores."""
        return Run(self.name, {query: self.top(query, k) for query in self.rankings})

    def renamed(self, name: str) -> Run:
        """Return the same run under another name."""
        return Run(name, self.rankings, self.scores)


def from_scores(name: str, scored: Mapping[str, Mapping[str, float]]) -> Run:
    """Rank scored products exactly as trec_eval does.

    It compares scores in single precision and breaks ties by product id, last in byte order
    first; a ranking made any other way would differ from it on ties.
    """
    rankings: dict[str, tuple[str, ...]] = {}
    scores: dict[str, tuple[float, ...]] = {}
    for query, products in scored.items():
        with np.errstate(over="ignore"):
            single = {product: float(np.float32(score)) for product, score in products.items()}
        order = sorted(single, key=lambda p: (single[p], p.encode()), reverse=True)
        rankings[query] = tuple(order)
        scores[query] = tuple(products[p] for p in order)
    return Run(name, rankings, scores)

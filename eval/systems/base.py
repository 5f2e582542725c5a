"""The contract of a system under evaluation, and the two that need no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ..run import Run


class System(Protocol):
    """Ranks products for queries."""

    @property
    def name(self) -> str:
        """Name the system as tables print it."""
        ...

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Return at most `k` products, best first, for each (query id, text)."""
        ...


class RandomSystem:
    """Ranks products at random: what any number must be read against."""

    name = "random"

    def __init__(self, product_ids: Sequence[str], seed: int = 0) -> None:
        self._products = list(product_ids)
        self._seed = seed

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Draw `k` different products for each query; the same seed draws the same."""
        generator = np.random.default_rng(self._seed)
        count = len(self._products)
        rankings = {
            query: [
                self._products[row]
                for row in generator.choice(count, size=min(k, count), replace=False)
            ]
            for query in queries
        }
        return Run(self.name, rankings)


class RunSystem:
    """Gives back a run that another engine made."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.name = run.name

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Return the run's rankings of these queries, by id or else by text."""
        run = by_query_id(self._run, queries)
        return Run(self.name, {query: run.top(query, k) for query in queries})


def by_query_id(run: Run, queries: Mapping[str, str]) -> Run:
    """Name a run's queries by their ids where it names them by what the shopper typed.

    Args:
        run: another engine's run.
        queries: query id -> text.

    """
    known = {query: query if query in run.rankings else text for query, text in queries.items()}
    used = {*known.values(), *queries}
    names = {**known, **{name: name for name in run.rankings if name not in used}}
    return Run(
        run.name,
        {query: run.rankings[name] for query, name in names.items() if name in run.rankings},
        {query: run.scores[name] for query, name in names.items() if name in run.scores},
    )

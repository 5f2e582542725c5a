"""Look at single queries: the worst, the most changed, what was shown and what should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .qrels import Qrels
from .run import Run


@dataclass(frozen=True)
class Shown:
    """One product in a list: its grade is None where nobody judged it.

    Attributes:
        rank: where the system put it, from 1; None where it did not find it.

    """

    product_id: str
    title: str
    grade: int | None
    rank: int | None


@dataclass(frozen=True)
class QueryView:
    """Shows one query: what each system showed first, and the best products they missed.

    Attributes:
        values: system -> its value of the measure.
        shown: system -> its first `k` products.
        missed: the best judged products that the last system did not show among the first `k`.

    """

    query: str
    text: str
    values: Mapping[str, float]
    shown: Mapping[str, tuple[Shown, ...]]
    missed: tuple[Shown, ...]

    @property
    def change(self) -> float:
        """Return the last system's value minus the first one's."""
        values = list(self.values.values())
        return values[-1] - values[0]


Values = Mapping[str, float]
Title = Callable[[str], str]


def worst_queries(
    qrels: Qrels, run: Run, values: Values, title: Title, count: int = 10, k: int = 10
) -> list[QueryView]:
    """Return the answerable queries with the lowest values, worst first."""
    answerable = [query for query in qrels.grades if qrels.relevant(query)]
    order = sorted(answerable, key=lambda query: values[query])[:count]
    return [view_query(qrels, query, [(run, values)], title, k) for query in order]


def most_changed(
    qrels: Qrels,
    before: tuple[Run, Values],
    after: tuple[Run, Values],
    title: Title,
    count: int = 10,
    k: int = 10,
) -> list[QueryView]:
    """Return the queries whose value changed most, either way; none that did not change."""

    def change(query: str) -> float:
        return abs(after[1][query] - before[1][query])

    order = sorted((q for q in qrels.grades if change(q) > 1e-12), key=change, reverse=True)
    return [view_query(qrels, query, [before, after], title, k) for query in order[:count]]


def view_query(
    qrels: Qrels, query: str, systems: list[tuple[Run, Values]], title: Title, k: int = 10
) -> QueryView:
    """Put side by side what systems showed for one query."""
    last = systems[-1][0]
    return QueryView(
        query=query,
        text=qrels.text(query),
        values={run.name: values[query] for run, values in systems},
        shown={run.name: _first(qrels, run, query, title, k) for run, _ in systems},
        missed=_missed(qrels, last, query, title, k),
    )


def _first(qrels: Qrels, run: Run, query: str, title: Title, k: int) -> tuple[Shown, ...]:
    return tuple(
        Shown(product, title(product), qrels.grade(query, product), rank)
        for rank, product in enumerate(run.top(query, k), 1)
    )


def _missed(qrels: Qrels, run: Run, query: str, title: Title, k: int) -> tuple[Shown, ...]:
    ranks = {product: rank for rank, product in enumerate(run.rankings.get(query, ()), 1)}
    shown = set(run.top(query, k))
    best = sorted(qrels.relevant(query) - shown, key=lambda p: (-qrels.grades[query][p], p))
    return tuple(
        Shown(product, title(product), qrels.grade(query, product), ranks.get(product))
        for product in best[:k]
    )

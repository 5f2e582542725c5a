"""Judgments: which products answer which query, and how well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import InputError


@dataclass(frozen=True)
class Qrels:
    """Graded judgments.

    Attributes:
        grades: query id -> product id -> grade; 0 is not relevant, higher is better. A product
            that is absent was never judged, which is not the same as grade 0.
        texts: query id -> what the shopper typed; a query that is absent here is its own id.
        gains: grade -> gain, where the collection publishes gains of its own (ESCI does);
            otherwise the gain of a grade is the grade.
        source: where the judgments came from, for messages and reports.

    """

    grades: Mapping[str, Mapping[str, int]]
    texts: Mapping[str, str] = field(default_factory=dict)
    gains: Mapping[int, float] | None = None
    source: str = ""

    def __len__(self) -> int:
        """Count the judged queries."""
        return len(self.grades)

    @property
    def queries(self) -> dict[str, str]:
        """Map each judged query id to its text."""
        return {query: self.text(query) for query in self.grades}

    @property
    def pairs(self) -> int:
        """Count the judged pairs of query and product."""
        return sum(len(judged) for judged in self.grades.values())

    def text(self, query: str) -> str:
        """Return what the shopper typed."""
        return self.texts.get(query, query)

    def grade(self, query: str, product: str) -> int | None:
        """Return the grade of one product for one query; None where it was not judged."""
        return self.grades.get(query, {}).get(product)

    def gain(self, grade: int) -> float:
        """Return the gain of a grade; a negative grade (TREC's mark for junk) gains nothing."""
        if self.gains is not None:
            return self.gains.get(grade, 0.0)
        return float(max(0, grade))

    def relevant(self, query: str, level: int = 1) -> set[str]:
        """Return the products of grade `level` or better."""
        return {p for p, grade in self.grades.get(query, {}).items() if grade >= level}

    def without_relevant(self) -> list[str]:
        """List the queries for which nobody found a relevant product."""
        return [query for query in self.grades if not self.relevant(query)]

    def select(self, queries: Iterable[str]) -> Qrels:
        """Keep only these queries."""
        kept = {query: self.grades[query] for query in queries}
        return Qrels(kept, self.texts, self.gains, self.source)


def collect(
    judgments: Iterable[tuple[str, str, int]],
    texts: Mapping[str, str] | None = None,
    gains: Mapping[int, float] | None = None,
    source: str = "",
) -> Qrels:
    """Gather (query id, product id, grade) triples; of a pair judged twice the last grade wins.

    Raises:
        InputError: there is not one judgment.

    """
    grades: dict[str, dict[str, int]] = {}
    for query, product, grade in judgments:
        grades.setdefault(query, {})[product] = grade
    if not grades:
        raise InputError(f"{source or 'judgments'}: no judgment found; expected one pair a line")
    return Qrels(grades, dict(texts or {}), gains, source)

"""Judgments: which products answer which query, and how well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import InputError

ALL_OTHERS = "*"
"""In files, the product that stands for all that have no grade."""


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
        raters: query id -> product id -> who gave the grade, where that is known.
        complete: queries of which all relevant products are known: what has no grade is not
            relevant, instead of unrated. In files the product `*` with grade 0 says so.

    """

    grades: Mapping[str, Mapping[str, int]]
    texts: Mapping[str, str] = field(default_factory=dict)
    gains: Mapping[int, float] | None = None
    source: str = ""
    raters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()

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
        return replace(self, grades={query: self.grades[query] for query in queries})

    def rater(self, query: str, product: str) -> str:
        """Name who gave a grade; empty where it is not known."""
        return self.raters.get(query, {}).get(product, "")

    def shares(self) -> dict[str, float]:
        """Return the share of the grades, 0 to 1, that each rater gave; the largest first."""
        counts = Counter(
            self.rater(query, product)
            for query, judged in self.grades.items()
            for product in judged
        )
        total = counts.total()
        return {rater: count / total for rater, count in counts.most_common()}

    def by_raters(self, wanted: Iterable[str]) -> Qrels:
        """Keep only the grades that these raters gave; every query stays.

        Raises:
            InputError: one of them gave no grade.

        """
        wanted, known = set(wanted), self.shares()
        unknown = sorted(wanted - set(known))
        if unknown:
            raise InputError(
                f"{self.source or 'judgments'}: no grade by {', '.join(unknown)}; raters are "
                f"{', '.join(filter(None, known)) or 'not named'}"
            )
        grades = {
            query: {p: grade for p, grade in judged.items() if self.rater(query, p) in wanted}
            for query, judged in self.grades.items()
        }
        return replace(self, grades=grades)


def collect(
    judgments: Iterable[tuple[str, str, int] | tuple[str, str, int, str]],
    texts: Mapping[str, str] | None = None,
    gains: Mapping[int, float] | None = None,
    source: str = "",
) -> Qrels:
    """Gather (query id, product id, grade), with the rater where known; a pair's last grade wins.

    Raises:
        InputError: there is not one judgment.

    """
    grades: dict[str, dict[str, int]] = {}
    raters: dict[str, dict[str, str]] = {}
    complete = set()
    for query, product, grade, *rater in judgments:
        if product == ALL_OTHERS and grade == 0:
            complete.add(query)
            continue
        grades.setdefault(query, {})[product] = grade
        if rater and rater[0]:
            raters.setdefault(query, {})[product] = rater[0]
        elif query in raters:
            raters[query].pop(product, None)
    if not grades:
        raise InputError(f"{source or 'judgments'}: no judgment found; expected one pair a line")
    return Qrels(grades, dict(texts or {}), gains, source, raters, frozenset(complete))


def joined(parts: Sequence[Qrels]) -> Qrels:
    """Join judgments of several sources by the queries' texts; a pair's first grade counts."""
    grades: dict[str, dict[str, int]] = {}
    raters: dict[str, dict[str, str]] = {}
    complete: set[str] = set()
    for part in parts:
        for query, judged in part.grades.items():
            text = part.text(query)
            for product, grade in judged.items():
                if product not in grades.setdefault(text, {}):
                    grades[text][product] = grade
                    raters.setdefault(text, {})[product] = part.rater(query, product)
        complete |= {part.text(query) for query in part.complete}
    source = ", ".join(part.source for part in parts if part.source)
    return Qrels(grades, {}, parts[0].gains if parts else None, source, raters, frozenset(complete))

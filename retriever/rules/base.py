"""What `rules.toml` says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be used of the file: where, and why."""

    line: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.line is None else f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Synonym:
    """A word, or several in a row, that products also say otherwise.

    Attributes:
        asked: what a query says.
        said: what counts as it in a product.
        line: of the file.
    """

    asked: str
    said: str
    line: int


@dataclass(frozen=True, slots=True)
class Products:
    """Products that a rule is about: those of some ids, or those that pass a condition."""

    ids: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done for some queries.

    Attributes:
        line: of the file.
        name: for whoever reads an explanation.
        queries: what they say, `*` standing for anything; None for every query.
        begins: moment from which it holds.
        ends: moment from which it holds no longer.
        pins: (position from 1, product id); of several for one position each goes behind the last.
        hidden: products that are not found.
        boosted: products that stand as if they were `by` times as far up.
        buried: products that stand as if they were `by` times as far down.
        by: more than 1; None puts what is buried last, and boosts threefold.
    """

    line: int
    name: str = ""
    queries: tuple[str, ...] | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    pins: tuple[tuple[int, str], ...] = ()
    hidden: Products | None = None
    boosted: Products | None = None
    buried: Products | None = None
    by: float | None = None

    def __str__(self) -> str:
        return f"line {self.line}" + (f" ({self.name})" if self.name else "")

    def holds(self, now: datetime) -> bool:
        """Tell whether it is in force at a moment."""
        return (self.begins is None or self.begins <= now) and (
            self.ends is None or now < self.ends
        )


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a search has to show.

    Attributes:
        line: of the file.
        query: what is typed.
        where: a filter.
        at: moment at which dated rules are looked at; None is now.
        k: how many hits `top` is about.
        first: ids of the first hits, in their order.
        top: ids that are among the first `k`.
        not_first: ids of which none is the first hit.
        absent: ids that are not found at all.
    """

    line: int
    query: str
    where: str | None = None
    at: datetime | None = None
    k: int = 10
    first: tuple[str, ...] = ()
    top: tuple[str, ...] = ()
    not_first: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """A file that was read; what could not be used of it is among the faults."""

    synonyms: tuple[Synonym, ...] = ()
    rules: tuple[Rule, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.synonyms or self.rules)

"""Words run together or taken apart, told by how a shop's own products write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .analysis import Analysis

if TYPE_CHECKING:
    from .query import QueryBuilder

_SHORTEST = 4  # letters of a word that may be two
_LONGEST = 30
_SHORTEST_KNOWN = 4  # of two words that stand in no product side by side
_MOST_BY_CHANCE = 2  # products in which a single letter stands behind a word
_SHORT_TAIL_BEHIND = 4  # letters before a tail of two: "carry on"


@dataclass(frozen=True, slots=True)
class Parts:
    """Two words that stand side by side in products where a shopper wrote one.

    Attributes:
        head: as typed.
        tail: as typed.
        terms: of both.
        count: products that have them side by side, or the rarer of them.
    """

    head: str
    tail: str
    terms: tuple[str, str]
    count: int


@dataclass(frozen=True, slots=True)
class Joined:
    """A word that products have where a shopper wrote two.

    Attributes:
        typed: the two words, folded.
        terms: of the two words.
        term: of the one.
        count: products that have the one.
        apart: products that have the two side by side.
    """

    typed: tuple[str, str]
    terms: tuple[str, str]
    term: str
    count: int
    apart: int


def parts_of(word: str, queries: QueryBuilder, analysis: Analysis) -> Parts | None:
    """Return the two words that most products write side by side for one; None if none do."""
    best: Parts | None = None
    if not _SHORTEST <= len(word) <= _LONGEST:
        return None
    for cut in range(1, len(word)):
        head, tail = word[:cut], word[cut:]
        if not _may_be_tail(head, tail):
            continue
        terms = (_term(head, analysis), _term(tail, analysis))
        if not all(term and queries.count(term) for term in terms):
            continue
        count = queries.count_adjacent(terms)
        if len(tail) == 1 and not tail.isdigit() and count <= _MOST_BY_CHANCE:
            continue
        if count and (best is None or count > best.count):
            best = Parts(head, tail, terms, count)
    return best


def known_parts_of(word: str, queries: QueryBuilder, analysis: Analysis) -> Parts | None:
    """Return two words of the shop's, in whichever products, that make one; None if there are none.

    Of several the two that are had most often, by the rarer of both.
    """
    best: Parts | None = None
    if not word.isalpha() or len(word) > _LONGEST:
        return None
    for cut in range(_SHORTEST_KNOWN, len(word) - _SHORTEST_KNOWN + 1):
        terms = (_term(word[:cut], analysis), _term(word[cut:], analysis))
        count = min((queries.count(term) if term else 0 for term in terms), default=0)
        if count and (best is None or count > best.count):
            best = Parts(word[:cut], word[cut:], terms, count)
    return best


def joined_of(first: str, second: str, queries: QueryBuilder, analysis: Analysis) -> Joined | None:
    """Return the word that some product has for two neighbours, folded; None if none has.

    What begins with a digit is rather a number with its unit than a word.
    """
    if len(first) + len(second) > _LONGEST or not first.isalpha():
        return None
    term = _term(first + second, analysis)
    count = queries.count(term) if term else 0
    if not count:
        return None
    terms = (_term(first, analysis), _term(second, analysis))
    apart = queries.count_adjacent(terms) if all(terms) else 0
    return Joined((first, second), terms, term, count, apart)


def _may_be_tail(head: str, tail: str) -> bool:
    if tail.isdigit():
        return not head[-1].isdigit()
    if tail[0].isdigit() and head[-1].isdigit():
        return False
    return len(tail) != 2 or len(head) >= _SHORT_TAIL_BEHIND


def _term(word: str, analysis: Analysis) -> str:
    """Return the term of one word; empty where it is none, or several."""
    terms = analysis.analyzer.analyze(analysis.prepare(word))
    return terms[0] if len(terms) == 1 else ""

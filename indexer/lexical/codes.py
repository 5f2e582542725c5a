"""Find product codes in what a shopper typed.

A code is compared by its letters and digits. What counts as one has digits and letters; of digits
alone, only what is too long for a number of things, a size or a year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .analysis import Analysis, normalise_code
from .query import MOST_TERMS

if TYPE_CHECKING:
    from .query import QueryBuilder

_SHORTEST = 4
_SHORTEST_NUMBER = 6
_SHORTEST_BEGINNING = 5  # inside a longer text
_MOST_BEGUN = 30  # what begins more codes than that is the name of a series, or chance
_MOST_BEGUN_WITHIN = 10
_MOST_WORDS = 4
_GOES_WITH = frozenset(
    (
        *("for", "fits", "fit", "compatible", "with", "replaces", "für", "passend", "mit", "pour"),
        *("avec", "voor", "met", "para", "con", "per", "till", "för", "til", "med"),
    )
)


def codes_within(text: str) -> list[str]:
    """Return every word that looks like a code, such as TN-2110, normalised."""
    words = {normalise_code(word) for word in text.split()[:MOST_TERMS]}
    return sorted(w for w in words if len(w) >= _SHORTEST and any(c.isdigit() for c in w))


def codes_beginning(text: str, queries: QueryBuilder, analysis: Analysis) -> tuple[str, ...]:
    """Return the codes of which a whole text is the beginning.

    None where the text is a word, where it begins too many codes, or where many more products
    say it than have such a code.
    """
    code = normalise_code(text)
    if len(text.split()) > _MOST_WORDS or not _looks_like_code(code):
        return ()
    begun = [each for each in queries.codes_beginning(code, _MOST_BEGUN) if each != code]
    return () if _is_common(text, len(begun), queries, analysis) else tuple(begun)


def codes_in(text: str, queries: QueryBuilder, analysis: Analysis) -> tuple[str, ...]:
    """Return the codes that one word or adjacent ones of a longer text make, or else begin.

    The product is meant, not what is said to go with it: a code after "for" is none.
    """
    words = text.split()[:MOST_TERMS]
    found: list[str] = []
    place = 0
    while place < len(words):
        step = 1
        if place and {each.casefold() for each in words[max(place - 2, 0) : place]} & _GOES_WITH:
            place += 1
            continue
        for length in range(min(_MOST_WORDS, len(words) - place), 0, -1):
            said = " ".join(words[place : place + length])
            if length == len(words) or not (codes := _codes(said, length, queries)):
                continue
            if not _is_common(said, len(codes), queries, analysis):
                found += codes
                step = length
                break
        place += step
    return tuple(dict.fromkeys(found))


def _codes(said: str, words: int, queries: QueryBuilder) -> list[str]:
    code = normalise_code(said)
    if not _looks_like_code(code) or (words > 1 and code.isdecimal()):
        return []
    if queries.is_known(code, ("code",)):
        return [code]
    if words > 1 or len(code) < _SHORTEST_BEGINNING:
        return []
    return queries.codes_beginning(code, _MOST_BEGUN_WITHIN)


def _looks_like_code(code: str) -> bool:
    if not any(mark.isdigit() for mark in code):
        return False
    return len(code) >= (_SHORTEST_NUMBER if code.isdecimal() else _SHORTEST)


def _is_common(said: str, codes: int, queries: QueryBuilder, analysis: Analysis) -> bool:
    """Tell whether many more products say something than have it as their code."""
    terms = analysis.analyzer.analyze(analysis.prepare(said))
    if not codes or not terms:
        return not codes
    say = queries.count(terms[0]) if len(terms) == 1 else queries.count_adjacent(terms)
    return say > 2 * codes + 3

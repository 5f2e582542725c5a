"""The nearest words of a vocabulary to one that is not in it.

Letters left out, added, changed or swapped with the next are counted: the distance of optimal
string alignment (Damerau 1964; Boytsov 2011, section 2.1), as rapidfuzz computes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz.distance import OSA

_SHORTEST = 5  # shorter words are one edit away from too many others
_LONG = 8  # from this length on, two edits are forgiven
_TOO_MANY = 3


def may_be_misspelt(term: str) -> bool:
    """Tell whether a term that no product has is a word rather than a code or an abbreviation."""
    return len(term) >= _SHORTEST and not any(mark.isdigit() for mark in term)


def nearest_term(word: str, term: str, known: Iterable[tuple[str, int]]) -> str | None:
    """Return the known term that a misspelt word is likeliest meant for; None where none is near.

    An edit may change what stemming cuts off ("wireles" gives "wirel"), so both forms are compared.
    Of equally near terms, the one that is nearer to the whole word is taken, then the most
    frequent.

    Args:
        word: as typed, folded.
        term: what analysis makes of it.
        known: terms with how many products have each.
    """
    near = []
    for other, count in known:
        whole, stem = _edits(word, other), _edits(term, other)
        if min(whole, stem) < _TOO_MANY:
            near.append((min(whole, stem), whole, -count, other))
    return min(near)[-1] if near else None


def spelled_like(word: str, term: str, near: str) -> str:
    """Return the term that a word was meant for with the ending that stemming had cut off.

    "hedphones" has the term "hedphon" and is near to "headphon": "headphones" is meant.
    """
    ending = word.removeprefix(term) if word.startswith(term) else ""
    return min((near, near + ending), key=lambda form: OSA.distance(word, form))


def _edits(typed: str, other: str) -> int:
    """Return the edits between two words where they may be forgiven, else `_TOO_MANY`."""
    forgiven = 1 if len(typed) < _LONG else 2
    if abs(len(typed) - len(other)) > forgiven:
        return _TOO_MANY
    edits = OSA.distance(typed, other, score_cutoff=forgiven)
    return edits if edits <= forgiven else _TOO_MANY

"""The nearest words of a vocabulary to one that is not in it."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 5  # shorter words are one slip away from too many others
_LONG = 8  # from this length on, two slips are forgiven
_TOO_MANY = 3


def may_be_misspelt(term: str) -> bool:
    """Tell whether a term that no product has is a word rather than a code or an abbreviation."""
    return len(term) >= _SHORTEST and not any(mark.isdigit() for mark in term)


def nearest_term(word: str, term: str, known: Iterable[tuple[str, int]]) -> str | None:
    """Return the known term that a misspelt word is likeliest meant for; None where none is near.

    A slip may change what stemming cuts off ("wireles" gives "wirel"), so both forms are compared.
    Of equally near terms, the one that is nearer to the whole word is taken, then the most
    frequent.

    Args:
        word: as typed, folded.
        term: what analysis makes of it.
        known: terms with how many products have each.
    """
    near = []
    for other, count in known:
        whole, stem = _slips(word, other), _slips(term, other)
        if min(whole, stem) < _TOO_MANY:
            near.append((min(whole, stem), whole, -count, other))
    return min(near)[-1] if near else None


def spelled_like(word: str, term: str, near: str) -> str:
    """Return the term that a word was meant for with the ending that stemming had cut off.

    "hedphones" has the term "hedphon" and is near to "headphon": "headphones" is meant.
    """
    ending = word.removeprefix(term) if word.startswith(term) else ""
    return min((near, near + ending), key=lambda form: slips_between(word, form, len(word)))


def _slips(typed: str, other: str) -> int:
    """Count slips where they may be forgiven, else return `_TOO_MANY`."""
    forgiven = 1 if len(typed) < _LONG else 2
    if abs(len(typed) - len(other)) > forgiven:
        return _TOO_MANY
    slips = slips_between(typed, other, forgiven)
    return slips if slips <= forgiven else _TOO_MANY


def slips_between(a: str, b: str, forgiven: int) -> int:
    """Count the letters left out, added, changed or swapped with the next; stop beyond `forgiven`.

    This is the distance of optimal string alignment (Damerau 1964; Boytsov 2011, section 2.1).
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and right == a[i - 2]:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > forgiven:
            return forgiven + 1
        before, last = last, row
    return last[-1]

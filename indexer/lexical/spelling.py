"""The nearest words of a vocabulary to one that is not in it.

Letters left out, added, changed or swapped with the next are counted: the distance of optimal
string alignment (Damerau 1964; Boytsov 2011, section 2.1), as rapidfuzz computes it. Of words
within reach the one is taken that is likeliest, as in a noisy channel (Kernighan, Church & Gale
1990): slips of the finger, letters that sound alike and doubled ones cost less than other edits,
and how many products have a word counts by its logarithm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

_SHORTEST = 4  # shorter words are one edit away from too many others
_SURE = 5  # shorter ones are put right only where letters were swapped, or doubled by mistake
_LONG = 8  # from this length on, two edits are forgiven, and a letter that is just another
_TOO_MANY = 3.0
_COST_OF_EDIT = 5.0  # against the natural logarithm of how many products have a word
_SLIP = 0.7
_OTHER_FORM = 0.3  # of the same word, such as its plural
_ENDS_OF_FORMS = frozenset("snre")  # as of a plural
_VOWELS = frozenset("aeiouy")
_SOUNDS = frozenset(map(frozenset, ("cs", "ck", "sz", "fv", "gj", "bp", "dt")))
_KEYS = {
    key: (row, place + row / 2)
    for row, keys in enumerate(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
    for place, key in enumerate(keys)
}
_RUN = re.compile(r"(.)\1+")
_UMLAUT = re.compile(r"([aou])e")


def may_be_misspelt(word: str) -> bool:
    """Tell whether a word that no product has is one rather than a code or an abbreviation."""
    return len(word) >= _SHORTEST and not any(mark.isdigit() for mark in word)


def beginnings(word: str) -> tuple[str, ...]:
    """Return how the word that a misspelt one is meant for may begin.

    The first letter is taken to be right, or to be swapped with the second.
    """
    return tuple(dict.fromkeys((word[0], word[1::-1])))


def nearest_word(word: str, ending: str, known: Sequence[tuple[str, int]]) -> str | None:
    """Return the known word that a misspelt one is likeliest meant for; None where none is near.

    Args:
        word: as typed, folded.
        ending: what stemming cuts off; products may have the word without it.
        known: words with how many products have each.
    """
    reach = (1 if len(word) < _LONG else 2) + max(len(ending), 1)
    near = process.extract(
        word,
        [other for other, _ in known],
        scorer=OSA.distance,
        score_cutoff=reach,
        limit=None,
    )
    best: tuple[float, str] | None = None
    for other, edits, place in near:
        cost = _cost(word, other)
        if cost >= _TOO_MANY and ending:
            cost = _cost(word, other + ending) + _OTHER_FORM
        if cost >= _TOO_MANY and other[-1] in _ENDS_OF_FORMS and other[-1] != word[-1]:
            cost = _cost(word, other[:-1]) + _OTHER_FORM
        if cost < _TOO_MANY:
            unlikely = cost * _COST_OF_EDIT - math.log1p(known[place][1]) + edits / 10
            best = min(best or (unlikely, other), (unlikely, other))
    return best[1] if best else None


def without_umlauts(word: str) -> str:
    """Return a word in which "ae", "oe" and "ue" are written as folding writes an umlaut."""
    return _UMLAUT.sub(r"\1", word)


def _cost(typed: str, meant: str) -> float:
    """Return what the edits between two words cost where they may be forgiven, else `_TOO_MANY`."""
    length = len(typed)
    forgiven = 1 if length < _LONG else 2
    edits = OSA.distance(typed, meant, score_cutoff=forgiven)
    if edits > forgiven:
        return _TOO_MANY
    if edits == 0:
        return 0.0
    swapped = edits == 1 and sorted(typed) == sorted(meant)
    if typed[0] != meant[0] and not (swapped and typed[:2] == meant[1::-1]):
        return _TOO_MANY
    if edits != 1:
        return float(edits)
    if swapped or _doubled(typed) == _doubled(meant):
        return _SLIP
    if length < _SURE:
        return _TOO_MANY
    if length != len(meant):
        return _SLIP if without_umlauts(typed) == meant else 1.0
    if _is_slip(*next((a, b) for a, b in zip(typed, meant, strict=True) if a != b)):
        return _SLIP
    return 1.0 if length >= _LONG else _TOO_MANY


def _doubled(word: str) -> str:
    """Return a word with each run of a letter as one."""
    return _RUN.sub(r"\1", word)


def _is_slip(typed: str, meant: str) -> bool:
    """Tell whether a letter is easily taken for another: by its sound, or as keys side by side."""
    if (typed in _VOWELS and meant in _VOWELS) or {typed, meant} in _SOUNDS:
        return True
    if typed not in _KEYS or meant not in _KEYS:
        return False
    (row, place), (other_row, other_place) = _KEYS[typed], _KEYS[meant]
    return abs(row - other_row) <= 1 and abs(place - other_place) <= 1

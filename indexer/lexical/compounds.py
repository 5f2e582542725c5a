"""Compounds that end in a word, in languages that write them as one word.

"Holzschrauben" are screws, and "Schraubendreher" is none: the thing itself stands last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .analysis import TERM_REVERSED, Analysis

if TYPE_CHECKING:
    from .query import QueryBuilder

_MOST = 64
_SHORTEST_WORD = 3
_SURE_END = 4  # a shorter end is the end of many words that are no compounds
_SURE_HEAD = 3
_LONG_END = 5  # before it a head may have two letters, unless these are a prefix
_LONG_HEAD = 4  # before an end of three letters
_PREFIXES = frozenset(
    ("ab", "an", "be", "ge", "er", "im", "in", "om", "op", "ow", "um", "un", "zu")
)
_ENDS_OF_OTHERS = frozenset(("bar", "ent", "ion", "ist", "los", "sam", "ter", "tor", "ung"))
_ADJECTIVE = re.compile(r"(?:[aeiouy]|akus|elas|gigan|op|plas|prak|roman)$")  # before -tisch
_ENDINGS = ("", "e", "en", "n", "s", "es")  # of a German noun that is written with -e or -en
_LINKS = ("s", "n", "en", "es", "er", "e", "ens")


def compounds_of(word: str, term: str, queries: QueryBuilder, analysis: Analysis) -> list[str]:
    """Return the terms of compounds that end in a word, those that most products have first.

    Where the end may be no word of its own, what stands before it has to be a word of the shop's.

    Args:
        word: as typed, folded.
        term: what analysis makes of it.
        queries: what the index has.
        analysis: of the shop's language.
    """
    if len(word) < _SHORTEST_WORD or not word.isalpha():
        return []
    counted: dict[str, int] = {}
    for end, by in ((term, TERM_REVERSED), (word, ""), (term, "")):
        if len(end) < _SHORTEST_WORD:
            continue
        for found, count in queries.ending(by + end[::-1], _MOST):
            compound = found[len(by) :][::-1]
            head = compound[: -len(end)]
            if not _is_compound(head, end, word, queries, analysis):
                continue
            made = compound if by else analysis.analyzer.analyze(compound)[0]
            if made != term and _declines_alike(word, term, made, queries, analysis):
                counted[made] = max(counted.get(made, 0), count)
    return sorted(counted, key=lambda each: (-counted[each], each))[:_MOST]


def _declines_alike(
    word: str, term: str, compound: str, queries: QueryBuilder, analysis: Analysis
) -> bool:
    """Tell whether a compound is one of the noun, not of another with the same stem.

    In German "Schraube" and "Akkuschrauber" have the same stem: what is said with -e or -en is
    no compound that is only said with -er.
    """
    if analysis.language != "german" or word not in (term + "e", term + "en"):
        return True
    return any(queries.is_known((compound + end)[::-1], ("compound",)) for end in _ENDINGS)


def _is_compound(head: str, end: str, word: str, queries: QueryBuilder, analysis: Analysis) -> bool:
    """Tell whether what stands before the end of a word may be the first part of a compound."""
    if not head or not _may_be_head(head, end, word):
        return bool(head) and _is_known(head, queries, analysis)
    return True


def _may_be_head(head: str, end: str, word: str) -> bool:
    """Tell whether a head is long enough for its end, which is more than an ending of words."""
    if len(word) < _SURE_END:
        return len(head) >= _LONG_HEAD and word not in _ENDS_OF_OTHERS
    if word == "tisch" and _ADJECTIVE.search(head):
        return False
    if len(head) >= _SURE_HEAD:
        return True
    return len(head) == 2 and len(end) >= _LONG_END and head not in _PREFIXES


def _is_known(head: str, queries: QueryBuilder, analysis: Analysis) -> bool:
    """Tell whether a head is a word of the shop's, with or without what links it to the end."""
    heads = [head, *(head.removesuffix(link) for link in _LINKS)]
    return any(
        queries.count(term)
        for each in heads
        if len(each) >= _SHORTEST_WORD
        for term in analysis.analyzer.analyze(each)
    )

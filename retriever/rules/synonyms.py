"""Words that count as others, for the words of one shop."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .base import Synonym
from .matching import Terms, plain

_PARTS = re.compile(r"\s+|\S+")


class Change(Protocol):
    """Changes a text word by word; with `prefix` the last word may be unfinished."""

    def __call__(self, text: str, *, prefix: bool) -> str:
        """Return the text changed."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a query's words are said otherwise.

    Attributes:
        begin: place of the first of these words.
        end: place behind the last.
        asked: as the file writes them.
        asked_terms: as the shop reads them.
        terms: of the words that count as them.
        text: those words as the file writes them.
    """

    begin: int
    end: int
    asked: str
    asked_terms: Terms
    terms: Terms
    text: str


class Synonyms:
    """Finds synonyms in a row of words.

    Args:
        synonyms: of the file.
        terms: the words of a text as the shop reads them.
    """

    def __init__(self, synonyms: Sequence[Synonym], terms: Callable[[str], Terms]) -> None:
        self._by_first: dict[str, list[tuple[Terms, Synonym, Terms]]] = defaultdict(list)
        self._written: set[str] = set()
        for each in synonyms:
            asked, said = terms(each.asked), terms(each.said)
            if asked and said and asked != said:
                self._by_first[asked[0]].append((asked, each, said))
                self._written.update(plain(each.asked).split())

    def __bool__(self) -> bool:
        return bool(self._by_first)

    def within(self, words: Terms) -> list[Said]:
        """Return every synonym of words that stand side by side."""
        found = []
        for begin, word in enumerate(words):
            for asked, each, said in self._by_first.get(word, ()):
                end = begin + len(asked)
                if words[begin:end] == asked:
                    found.append(Said(begin, end, each.asked, asked, said, each.said))
        return found

    def sparing(self, change: Change) -> Change:
        """Return a change of texts that leaves words alone which have synonyms."""

        def changed(text: str, *, prefix: bool) -> str:
            done = rest = ""
            for part in _PARTS.findall(text):
                if plain(part) not in self._written:
                    rest += part
                    continue
                done += (change(rest, prefix=False) if rest.strip() else rest) + part
                rest = ""
            return done + (change(rest, prefix=prefix) if rest.strip() else rest)

        return changed

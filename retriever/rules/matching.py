"""Which rules are for a query."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from .base import Rule

Terms = tuple[str, ...]


def plain(text: str) -> str:
    """Return a text as it is compared: letter case, width and the number of spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is what a pattern says, in which `*` stands for anything.

    Each part is taken where it first fits; the time grows with the text, whatever the pattern.
    """
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    *inner, last = others
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in inner:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


class Matcher:
    """Finds the rules of a query: by its text, by its words as the shop reads them, by patterns.

    Args:
        rules: any.
        terms: the words of a text; those of "laptops" are those of "laptop".
    """

    def __init__(self, rules: Sequence[Rule], terms: Callable[[str], Terms]) -> None:
        self._terms = terms
        self._always: list[int] = []
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._by_terms: dict[Terms, list[int]] = defaultdict(list)
        self._patterns: list[tuple[str, int]] = []
        for number, rule in enumerate(rules):
            if rule.queries is None:
                self._always.append(number)
                continue
            for query in map(plain, rule.queries):
                if "*" in query:
                    self._patterns.append((query, number))
                else:
                    self._by_text[query].append(number)
                    if found := terms(query):
                        self._by_terms[found].append(number)

    def of(self, texts: Iterable[str]) -> list[int]:
        """Return the numbers of the rules for a query that is read in several ways, ascending."""
        found = set(self._always)
        for text in dict.fromkeys(map(plain, texts)):
            found.update(self._by_text.get(text, ()))
            if self._by_terms:
                found.update(self._by_terms.get(self._terms(text), ()))
            found.update(number for pattern, number in self._patterns if fits(pattern, text))
        return sorted(found)

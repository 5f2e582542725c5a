"""Stage 2: has this been said already, or would it give a test query away?"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Any

from ....errors import MissingExtra
from ..examples import Example

# Jaccard similarity of two examples' words above which one of them is enough.
NEAR = 0.9
# Jaccard similarity of two queries' words above which they are the same query.
SAME_QUERY = 0.8
_PERMUTATIONS = 64
_WORD = re.compile(r"\w+")


class RepetitionCheck:
    """Drops near-duplicates, and examples whose query is one of the test queries.

    Near-duplicates are found by MinHash with banding (Broder 1997; Leskovec, Rajaraman & Ullman,
    "Mining of Massive Datasets", chapter 3): two examples of one query whose products' texts
    share nearly all words.

    Args:
        test_queries: queries that training must not see; word order and letter case do not count.

    Raises:
        MissingExtra: datasketch is not installed.

    """

    def __init__(self, test_queries: Collection[str] = ()) -> None:
        try:
            from datasketch import MinHashLSH
        except ModuleNotFoundError:
            raise MissingExtra("datasketch", "train", "Finding near-duplicates") from None
        self._index = MinHashLSH(threshold=NEAR, num_perm=_PERMUTATIONS)
        self._count = 0
        self._test = [words for query in test_queries if (words := _words(query))]
        self._exact = {frozenset(words) for words in self._test}

    def __call__(self, example: Example) -> str | None:
        """Return why an example is dropped; None keeps it."""
        if self.leaks(example.query):
            return "query of the test"
        signature = _signature(example)
        if self._index.query(signature):
            return "near-duplicate"
        self._index.insert(self._count, signature)
        self._count += 1
        return None

    def leaks(self, query: str) -> bool:
        """Say whether a query is one of the test queries, whatever the order of its words."""
        words = _words(query)
        if frozenset(words) in self._exact:
            return True
        return any(len(words & other) >= SAME_QUERY * len(words | other) for other in self._test)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _signature(example: Example) -> Any:
    """Return the MinHash of an example: its whole query, and pairs of neighbouring words."""
    from datasketch import MinHash

    words = _WORD.findall(example.positive.casefold())
    query = " ".join(sorted(_words(example.query)))
    # The query is part of every shingle, so that only examples of one query can be alike.
    shingles = [f"{query}|{one} {other}" for one, other in pairwise(words)]
    signature = MinHash(num_perm=_PERMUTATIONS)
    signature.update_batch([shingle.encode() for shingle in shingles or [query]])
    return signature

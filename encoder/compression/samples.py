"""The texts that compression measures and distils on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...errors import InputError
from ..runtime.batch import Task

_SHORTEST, _LONGEST = 1, 6
_TOLERATED = 2

Batches = list[tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Unlabelled texts.

    Attributes:
        documents: product texts.
        queries: what shoppers type, or words that stand in for it.

    """

    documents: Sequence[str]
    queries: Sequence[str]

    def of(self, task: Task) -> Sequence[str]:
        """Return the texts that pass one gate."""
        return self.queries if task == "query" else self.documents

    def some(self, count: int, seed: int) -> Samples:
        """Draw at most `count` documents and as many queries."""
        generator = np.random.default_rng(seed)
        return Samples(
            _draw(self.documents, count, generator), _draw(self.queries, count, generator)
        )


def make_samples(documents: Sequence[str], queries: Sequence[str] = (), seed: int = 0) -> Samples:
    """Check the texts; where there are no queries, cut some out of the documents.

    Raises:
        InputError: there are fewer than two documents.

    """
    if len(documents) < _TOLERATED:
        raise InputError(
            f"{len(documents)} texts are too few to compress a model on; give product texts, "
            "one a line, some thousands of them to distil"
        )
    return Samples(documents, queries or short_queries(documents, seed))


def short_queries(documents: Sequence[str], seed: int = 0) -> list[str]:
    """Cut one run of 1 to 6 words out of each document, where shoppers' own words are lacking.

    The run begins near the start, where a product text has its title.
    """
    generator = np.random.default_rng(seed)
    found = []
    for document in documents:
        words = document.split()[: 2 * _LONGEST]
        length = int(generator.integers(_SHORTEST, _LONGEST + 1))
        start = int(generator.integers(0, max(len(words) - length, 0) + 1))
        found.append(" ".join(words[start : start + length]))
    return found


def _draw(texts: Sequence[str], count: int, generator: np.random.Generator) -> Sequence[str]:
    if len(texts) <= count:
        return texts
    return [texts[row] for row in sorted(generator.choice(len(texts), count, replace=False))]

"""Stage 3: can this product answer this query, as far as a model and the words can tell?"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ...base import Encoder
from ..examples import Example

# Share of random pairs that a pair must be nearer than, unless it shares a word.
_NEARER_THAN = 0.95
_RANDOM_PAIRS = 4096
_WORD = re.compile(r"\w{2,}")


class PlausibilityCheck:
    """Drops pairs that share no word and that a model finds no nearer than chance.

    The bound is the cosine that 95 % of random pairs of these queries and texts stay under, so it
    fits any encoder.

    Args:
        examples: all that will be checked.
        encoder: the model that is asked.
        seed: of the random pairs.

    """

    def __init__(self, examples: Sequence[Example], encoder: Encoder, *, seed: int = 0) -> None:
        queries = list(dict.fromkeys(example.query for example in examples))
        texts = list(dict.fromkeys(example.positive for example in examples))
        self._query_places = {query: place for place, query in enumerate(queries)}
        self._text_places = {text: place for place, text in enumerate(texts)}
        self._queries = _unit(encoder.encode_queries(queries))
        self._texts = _unit(encoder.encode_documents(texts))
        self.bound = self._chance(np.random.default_rng(seed)) if examples else 0.0

    def __call__(self, example: Example) -> str | None:
        """Return why an example is dropped; None keeps it."""
        query = self._queries[self._query_places[example.query]]
        text = self._texts[self._text_places[example.positive]]
        if float(query @ text) > self.bound or _share_word(example):
            return None
        return "neither near nor sharing a word"

    def _chance(self, generator: np.random.Generator) -> float:
        left = generator.integers(0, len(self._queries), _RANDOM_PAIRS)
        right = generator.integers(0, len(self._texts), _RANDOM_PAIRS)
        cosines = (self._queries[left] * self._texts[right]).sum(axis=1)
        return float(np.quantile(cosines, _NEARER_THAN))


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def _share_word(example: Example) -> bool:
    """Say whether a word of the query, or its beginning, stands in the text."""
    words = set(_WORD.findall(example.positive.casefold()))
    stems = {word[: max(4, len(word) - 2)] for word in words}
    return any(
        word in words or word[: max(4, len(word) - 2)] in stems
        for word in _WORD.findall(example.query.casefold())
    )

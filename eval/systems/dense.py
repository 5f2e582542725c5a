"""Rank by an encoder alone: exact nearest vectors over a whole catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...encoder.base import Encoder
from ...encoder.corpus.cache import EmbeddingCache, text_key
from ...encoder.corpus.fill import fill_cache
from ..run import Run


class DenseSystem:
    """Ranks products by the similarity of their texts' vectors to the query's, without an index."""

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        product_ids: Sequence[str],
        texts: Sequence[str],
        cache: EmbeddingCache,
        *,
        workers: int | None = None,
    ) -> None:
        self.name = name
        self._encoder = encoder
        self._products = list(product_ids)
        fill_cache(encoder, texts, cache, workers=workers)
        keys = [text_key(text) for text in texts]
        self._vectors = cache.vectors(encoder.fingerprint, keys)

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Return the `k` nearest products of each query."""
        vectors = self._encoder.encode_queries(list(queries.values()))
        scores = vectors @ self._vectors.T  # (queries, products)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        rankings = {
            query: [self._products[row] for row in rows]
            for query, rows in zip(queries, best, strict=True)
        }
        closeness = {
            query: [float(scores[place, row]) for row in best[place]]
            for place, query in enumerate(queries)
        }
        return Run(self.name, rankings, closeness)

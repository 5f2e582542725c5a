"""The products that training examples are made of, with their texts and vectors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...encoder.base import FloatArray, IntArray
from ...encoder.corpus.cache import EmbeddingCache
from ...encoder.corpus.fill import fill_cache
from ...encoder.texts.text import text_key
from ...indexer.lexical.analysis import Analysis
from ...indexer.product import Product
from ...indexer.template import Template

if TYPE_CHECKING:
    from ...encoder.base import Encoder
    from ...retriever.retriever import ECommRetriever

# Above this many products a sample stands for the catalog: types and words repeat.
MOST_PRODUCTS = 200_000


@dataclass(frozen=True)
class Pool:
    """Products side by side with what an encoder makes of them.

    Attributes:
        rows: (n,) their row numbers in the shop, ascending.
        products: in that order.
        texts: what is encoded of each, by the shop's template.
        vectors: (n, dim) of those texts, by the shop's encoder.
        analysis: how the shop cuts words.

    """

    rows: IntArray
    products: Sequence[Product]
    texts: Sequence[str]
    vectors: FloatArray
    analysis: Analysis

    def __len__(self) -> int:
        """Count the products."""
        return len(self.products)

    @cached_property
    def places(self) -> dict[str, int]:
        """Map each product's id to its place."""
        return {product.product_id: place for place, product in enumerate(self.products)}

    def places_of(self, rows: IntArray) -> IntArray:
        """Return the places of those of (n,) rows that the pool holds, in their order."""
        places = np.searchsorted(self.rows, rows)
        inside = places < len(self.rows)
        places, rows = places[inside], rows[inside]
        held: IntArray = places[self.rows[places] == rows]
        return held

    def encoded_by(
        self, encoder: Encoder, cache: EmbeddingCache, on_progress: Callable[[int], None]
    ) -> FloatArray:
        """Return the products' (n, dim) vectors by another encoder, by way of a cache."""
        return _vectors(encoder, self.texts, cache, on_progress)

    @cached_property
    def centred(self) -> FloatArray:
        """Return the vectors less their mean, of unit length: what tells products apart."""
        moved = self.vectors - self.vectors.mean(axis=0, keepdims=True)
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        unit: FloatArray = moved / np.maximum(length, 1e-9)
        return unit


def read_pool(
    shop: ECommRetriever,
    cache: EmbeddingCache,
    *,
    limit: int = MOST_PRODUCTS,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda seen: None,
) -> Pool:
    """Read a shop's products with their vectors; vectors that the cache lacks are computed.

    Args:
        shop: an open shop.
        cache: the shop's embeddings.
        limit: products taken; a larger catalog is sampled.
        seed: of the sample.
        on_progress: called with the number of texts seen so far.

    """
    sample = _sample(shop, limit, seed)
    products = [product for _, product in sample]
    template = Template(shop.settings.template)
    texts = [template.fill(product) for product in products]
    vectors = _vectors(shop.encoder, texts, cache, on_progress)
    rows = np.array([row for row, _ in sample], dtype=np.int64)
    return Pool(rows, products, texts, vectors, Analysis(shop.settings.language))


def _vectors(
    encoder: Encoder,
    texts: Sequence[str],
    cache: EmbeddingCache,
    on_progress: Callable[[int], None],
) -> FloatArray:
    fill_cache(encoder, texts, cache, on_progress=lambda stats: on_progress(stats.seen))
    return cache.vectors(encoder.fingerprint, [text_key(text) for text in texts])


def _sample(shop: ECommRetriever, limit: int, seed: int) -> list[tuple[int, Product]]:
    """Take all products, or an even sample of them in one pass (Vitter 1985, algorithm R)."""
    generator = random.Random(seed)  # noqa: S311 - a sample, not a secret
    kept: list[tuple[int, Product]] = []
    seen = 0
    for change in shop.catalog.changes():
        if change.product is None:
            continue
        seen += 1
        if len(kept) < limit:
            kept.append((change.row, change.product))
        elif (drawn := generator.randrange(seen)) < limit:
            kept[drawn] = (change.row, change.product)
    return sorted(kept, key=lambda pair: pair[0])

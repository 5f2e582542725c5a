"""Products that look like answers and are none: what a search finds, of the wrong type or brand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...encoder.base import FloatArray
from ...encoder.training.examples import Example
from ...encoder.truncation import truncate
from .catalog import CatalogQuery
from .pool import Pool
from .types import ProductTypes, Terms

if TYPE_CHECKING:
    from ...retriever.retriever import ECommRetriever

# Results of each lane among which hard negatives are looked for.
DEPTH = 50
_ASKED_AT_ONCE = 512
# A product of another type is no negative where it lies as close to the type asked for as the
# farthest tenth of that type's own products: the type may have been read wrongly.
_SURE_QUANTILE = 0.1


class HardNegatives:
    """Finds negatives for queries made from a catalog, by the lanes of the shop's own search."""

    def __init__(
        self,
        shop: ECommRetriever,
        pool: Pool,
        types: ProductTypes,
        *,
        per_query: int = 1,
        seed: int = 0,
    ) -> None:
        self._shop = shop
        self._pool = pool
        self._types = types
        self._per_query = per_query
        self._generator = random.Random(seed)  # noqa: S311 - a draw, not a secret
        self._bounds: dict[Terms, tuple[FloatArray, float]] = {}

    def examples(
        self,
        queries: Sequence[CatalogQuery],
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> Iterator[Example]:
        """Yield an example for each query; one without a sure hard negative has no negatives.

        Nothing is searched where none are wanted.
        """
        texts = list(dict.fromkeys(query.text for query in queries)) if self._per_query else []
        found: dict[str, list[int]] = {}
        for begin in range(0, len(texts), _ASKED_AT_ONCE):
            part = texts[begin : begin + _ASKED_AT_ONCE]
            found.update(zip(part, self._search(part), strict=True))
            on_progress(begin + len(part))
        for query in queries:
            chosen = self._choose(query, found.get(query.text, []))
            yield Example(
                query=query.text,
                positive=self._pool.texts[query.place],
                negatives=tuple(self._pool.texts[place] for place in chosen),
                topic=" ".join(query.topic),
            )

    def _choose(self, query: CatalogQuery, near: Sequence[int]) -> Sequence[int]:
        sure = [place for place in near if self._is_hard_negative(query, place)]
        return self._generator.sample(sure, min(self._per_query, len(sure)))

    def _search(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Yield for each text the places that its nearest vectors and its keywords find."""
        encoder, snapshot = self._shop.encoder, self._shop.snapshot()
        boosts = self._shop.settings.ranking.boosts
        vectors = truncate(encoder.encode_queries(texts), snapshot.vectors.dim, encoder.similarity)
        near = snapshot.vectors.search(vectors, DEPTH).rows
        for text, rows in zip(texts, near, strict=True):
            matches = snapshot.lexical.search(snapshot.lexical.read(text, boosts), DEPTH).rows
            both = np.unique(np.concatenate([rows[rows >= 0], matches.ravel()]))
            yield self._pool.places_of(both).tolist()

    def _is_hard_negative(self, query: CatalogQuery, place: int) -> bool:
        if place in query.answers:
            return False
        if not query.topic:
            return True
        brand = self._pool.products[place].brand
        if query.brand is not None and brand and brand.casefold() != query.brand.casefold():
            return True
        terms = self._types.of[place]
        if not terms or self._types.compatible(terms, query.topic):
            return False
        centre, bound = self._bound(query.topic)
        return float(self._pool.centred[place] @ centre) < bound

    def _bound(self, topic: Terms) -> tuple[FloatArray, float]:
        """Return a type's centre and the cosine that its farthest tenth stays under."""
        if topic not in self._bounds:
            centre = self._types.centre(topic)
            own = self._pool.centred[list(self._types.all[topic].places)] @ centre
            self._bounds[topic] = centre, float(np.quantile(own, _SURE_QUANTILE))
        return self._bounds[topic]

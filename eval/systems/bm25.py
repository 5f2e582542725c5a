"""BM25 over a shop's products, field by field, by bm25s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..catalog import FIELDS, CatalogTexts
from ..run import Run

if TYPE_CHECKING:
    import bm25s

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Bm25Settings:
    """BM25's two parameters and the boost of each field.

    A product's score is the boosted sum of its fields' BM25 scores; the idf is Lucene's
    (Robertson and Zaragoza, 2009; Kamphuis et al., ECIR 2020).
    """

    k1: float = 1.2
    b: float = 0.75
    boosts: Mapping[str, float] = field(default_factory=lambda: {"all": 1.0})

    def __str__(self) -> str:
        boosts = ", ".join(f"{name} {boost:g}" for name, boost in self.boosts.items() if boost)
        return f"k1 {self.k1:g}, b {self.b:g}; boosts: {boosts}"


class Bm25Fields:
    """Scores queries against each field of each product.

    Args:
        catalog: the products' words.
        queries: where these are the only texts that will be asked, an index takes less time to
            build: any other word counts towards a product's length and for nothing else.

    """

    def __init__(self, catalog: CatalogTexts, queries: Iterable[str] | None = None) -> None:
        self.catalog = catalog
        self._asked: frozenset[str] | None = None
        if queries is not None:
            self._asked = frozenset(w for text in queries for w in catalog.analysis.terms(text))
        self._words = lru_cache(maxsize=len(FIELDS))(self._find_words)
        self._index = lru_cache(maxsize=2 * len(FIELDS))(self._build)

    def field_scores(self, text: str, name: str, k1: float, b: float) -> Scores:
        """Return one field's BM25 score of every product, (n,)."""
        zeros = np.zeros(len(self.catalog), dtype=np.float32)
        if name not in self.catalog.fields:
            return zeros
        index = self._index(name, k1, b)
        known = [word for word in self.catalog.analysis.terms(text) if word in index.vocab_dict]
        return np.asarray(index.get_scores(known), dtype=np.float32) if known else zeros

    def scores(self, text: str, settings: Bm25Settings) -> Scores:
        """Return every product's score, (n,); 0 where no word of the query occurs."""
        total = np.zeros(len(self.catalog), dtype=np.float32)
        for name, boost in settings.boosts.items():
            if boost:
                total += boost * self.field_scores(text, name, settings.k1, settings.b)
        return total

    def _build(self, name: str, k1: float, b: float) -> bm25s.BM25:
        import bm25s

        index = bm25s.BM25(k1=k1, b=b, method="lucene")
        index.index(self._words(name), show_progress=False)
        return index

    def _find_words(self, name: str) -> list[list[str]]:
        asked = self._asked
        if asked is None:
            return self.catalog.words[name]
        return [
            [word if word in asked else "" for word in words] for words in self.catalog.words[name]
        ]


class Bm25System:
    """Ranks by BM25 with fixed settings."""

    def __init__(
        self, fields: Bm25Fields, settings: Bm25Settings | None = None, name: str = "bm25"
    ) -> None:
        self._fields = fields
        self.settings = settings or Bm25Settings()
        self.name = name

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Rank the products that share a word with the query; ties in catalog order."""
        product_ids = self._fields.catalog.product_ids
        rankings, scores = {}, {}
        for query, text in queries.items():
            found = self._fields.scores(text, self.settings)
            rows = best_rows(found, k)
            rankings[query] = [product_ids[row] for row in rows]
            scores[query] = [float(found[row]) for row in rows]
        return Run(self.name, rankings, scores)


def best_rows(scores: Scores, k: int) -> list[int]:
    """Return the rows of the `k` best positive scores, ties in row order."""
    rows = np.flatnonzero(scores > 0)
    order = np.argsort(-scores[rows], kind="stable")[:k]
    return [int(row) for row in rows[order]]

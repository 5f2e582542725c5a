"""Evaluate a dsv3 shop, in any of its search modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ..run import Run

if TYPE_CHECKING:
    from ...retriever.retriever import ECommRetriever

Mode = Literal["hybrid", "dense", "lexical"]
MODES: tuple[Mode, ...] = ("dense", "lexical", "hybrid")


class RetrieverSystem:
    """Ranks by a shop's own search."""

    def __init__(self, shop: ECommRetriever, mode: Mode = "hybrid", name: str = "") -> None:
        self._shop = shop
        self._mode = mode
        self.name = name or mode

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Ask the shop for the first `k` products of each query.

        Variants are ranked one by one, for judgments may name any of them.
        """
        texts = list(queries.values())
        pages = self._shop.retrieve_many(texts, k=k, mode=self._mode, expand=True)
        rankings, scores = {}, {}
        for query, page in zip(queries, pages, strict=True):
            rankings[query] = [hit.product_id for hit in page]
            scores[query] = [hit.score for hit in page]
        return Run(self.name, rankings, scores)

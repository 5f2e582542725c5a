"""The shop as a program sees it: open it, ask it, change it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from cachetools import LRUCache

from ..closing import Closing
from ..encoder.truncation import truncate
from ..errors import ShopError
from ..files import full_disk_told, identity
from ..indexer.candidates import FloatVector
from ..indexer.product import Product
from ..indexer.settings import Ranking
from ..indexer.shop import Shop
from ..indexer.snapshot import Snapshot
from .clicks import Associations, AssociationsFile
from .facets import count_facets
from .features import FloatMatrix
from .query import Mode, Query
from .ranker import ABOUT, Ranker, default_ranker
from .ranking import Encode, Ranked, learnable, rank
from .results import WARNINGS, Hit, Results
from .rules.file import RulesFile
from .rules.steering import Steering
from .sorting import Sort

if TYPE_CHECKING:
    from ..encoder.base import Encoder, FloatArray
    from ..indexer.catalog import Catalog
    from .cross_encoder import CrossEncoder

_QUERIES_CACHED = 4096
_log = logging.getLogger(__name__)

Space = tuple[str, str, int]
"""Name and fingerprint of an encoder, and the dimensions kept: what vectors are compared in."""


class ECommRetriever(Closing):
    """Searches the products of a shop, and changes them.

    Safe to use from several threads. A generation that another process publishes is seen by
    the next call.

    >>> with ECommRetriever.open("shop.dsv3") as shop:
    ...     results = shop.retrieve("wireless mouse", k=10, where="price < 30", facets=["brand"])
    """

    def __init__(
        self, shop: Shop, catalog_url: str | None = None, *, wait: float | None = None
    ) -> None:
        self._shop = shop
        self._catalog_url = catalog_url
        self._catalog: Catalog | None = None
        self._catalog_place: object = None
        self._wait = wait
        self.settings = shop.settings
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._published: tuple[int, int, int, int] | None = None
        self._rules = RulesFile(shop.rules)
        self._clicks = AssociationsFile(shop.clicks)
        self._steering: Steering | None = None
        self._ranker: Ranker | None = None
        self._ranker_place: tuple[int, int, int, int] | None = None
        self._encoder: Encoder | None = None
        self._encoder_name = ""
        self._cross_encoder: CrossEncoder | None = None
        self._vectors: LRUCache[tuple[str, Space], FloatVector] = LRUCache(_QUERIES_CACHED)

    @classmethod
    def open(
        cls, path: str | Path, *, catalog_url: str | None = None, wait: float | None = None
    ) -> Self:
        """Open a shop that was indexed before.

        Args:
            path: the shop's folder.
            catalog_url: where the catalog is, if not where the shop remembers it.
            wait: seconds that a change waits for other writers; a minute if not given.

        Raises:
            ShopError: there is no shop, or it has no generation yet.
        """
        retriever = cls(Shop.existing(path), catalog_url, wait=wait)
        retriever.snapshot()
        return retriever

    # -- asking ----------------------------------------------------------------------------

    def retrieve(
        self,
        query: str,
        k: int = 10,
        where: str | None = None,
        *,
        offset: int = 0,
        mode: Mode = "hybrid",
        facets: Sequence[str] = (),
        sort: str | None = None,
        prefix: bool = False,
        expand: bool = False,
        at: datetime | None = None,
        explain: bool = False,
        ranking: Ranking | None = None,
    ) -> Results:
        """Return a page of the products that answer a query.

        Args:
            query: what the shopper typed; empty browses all that passes the filter.
            k: hits a page.
            where: condition over the products' fields, as in `price < 30 and in_stock`.
            offset: hits passed over before the page; pages are stable within a generation.
            mode: "hybrid", "dense" or "lexical".
            facets: fields whose values are counted over everything that passes and matches.
            sort: `field`, `field:asc` or `field:desc` instead of the score.
            prefix: whether the last word may be unfinished.
            expand: make each variant a hit. By default products of one `group_id` stand as one,
                the best of those that match, and total, facets, pages and order count groups.
            at: moment at which dated rules of the shop's people are looked at; None is now.
            explain: fill `Hit.explanation` and `Results.plan`.
            ranking: other weights than the shop's.

        Raises:
            FilterError: `where` cannot be understood, or names an unknown field.
            InputError: another argument cannot be used.
        """
        asked = Query(
            text=query,
            where=where,
            k=k,
            offset=offset,
            mode=mode,
            facets=tuple(facets),
            sort=Sort.parse(sort) if sort else None,
            prefix=prefix,
            expand=expand,
            at=at,
            explain=explain,
        )
        return self._answer([asked], ranking)[0]

    def retrieve_many(
        self,
        queries: Sequence[str],
        k: int = 10,
        where: str | None = None,
        *,
        mode: Mode = "hybrid",
        expand: bool = False,
        ranking: Ranking | None = None,
        steering: Steering | None = None,
        clicks: Associations | None = None,
    ) -> list[Results]:
        """Return a page for each of several queries, in their order.

        All are encoded in one call and searched for in one, so that many take less time together
        than one by one. `took` says what each took of what they shared. Other weights, rules or
        associations than the shop's may be given, to see what they would do.
        """
        asked = Query("", where=where, k=k, mode=mode, expand=expand)
        texts = [replace(asked, text=text) for text in queries]
        return self._answer(texts, ranking, steering, clicks)

    def _answer(
        self,
        queries: Sequence[Query],
        ranking: Ranking | None,
        steering: Steering | None = None,
        clicks: Associations | None = None,
    ) -> list[Results]:
        """Answer queries that differ in their text alone."""
        begin = time.perf_counter()
        snapshot = self.snapshot()
        steering = steering or self._steering_of(snapshot)
        ranking = ranking or self.settings.ranking
        ranked = rank(
            queries,
            snapshot,
            ranking,
            self._encoding(snapshot),
            self.ranker,
            steering if steering.rules else None,
            self._associations() if clicks is None else clicks,
            self._cross_encoder_for(queries, ranking),
        )
        warning = steering.warning()
        answers = []
        for query, each in zip(queries, ranked, strict=True):
            counted = {}
            if query.facets and each.matching is not None:
                groups = None if query.expand else snapshot.groups
                counted = count_facets(query.facets, snapshot.columns, each.matching, groups)
            hits = self._hits(snapshot, each, query.offset)
            plan = each.trace.plan
            if warning:
                plan["rules.toml"] = warning
            if each.total and not query.explain:
                plan = {what: plan[what] for what in WARNINGS if what in plan}
            answers.append(Results(hits, each.total, counted, each.trace.took, plan))
        total = (time.perf_counter() - begin) * 1000 / max(len(queries), 1)
        return [replace(each, took={**each.took, "total": total}) for each in answers]

    @property
    def ranker(self) -> Ranker:
        """Return the shop's ranker, else the one that comes with the package.

        One that cannot be read, such as another version's, is passed over with a warning.
        """
        place = identity(self._shop.ranker / ABOUT)
        with self._lock:
            if self._ranker is None or place != self._ranker_place:
                self._ranker, self._ranker_place = default_ranker(), place
                if place is not None:
                    try:
                        self._ranker = Ranker.read(self._shop.ranker)
                    except ShopError as error:
                        _log.warning("%s; the package's own ranks meanwhile", error)
            return self._ranker

    def learnable(
        self, queries: Sequence[Query], ranking: Ranking | None = None
    ) -> Iterator[tuple[list[str], FloatVector, FloatMatrix]]:
        """Yield what a ranker is trained on, for each query.

        Args:
            queries: with a text and without a filter, in hybrid mode.
            ranking: other weights than the shop's.

        Yields:
            The (n,) ids of the candidates, their (n,) joined scores and (n, features) features.

        Raises:
            ShopError: the shop was indexed by a version that made no forward index.
        """
        snapshot = self.snapshot()
        if snapshot.forward is None:
            raise ShopError(
                f"{self._shop.folder} was indexed by an older version; index it again with: "
                f"dsv3 index --into {self._shop.folder}"
            )
        found = learnable(
            queries, snapshot, ranking or self.settings.ranking, self._encoding(snapshot)
        )
        for rows, joined, made in found:
            products = snapshot.products.get_rows(rows.tolist())
            yield [each.product_id if each else "" for each in products], joined, made

    def steering(self) -> Steering:
        """Return the rules of the shop's people as they are now, on the live generation."""
        return self._steering_of(self.snapshot())

    def _associations(self) -> Associations:
        with self._lock:
            return self._clicks.read()

    def _steering_of(self, snapshot: Snapshot) -> Steering:
        with self._lock:
            rules = self._rules.read()
            held = self._steering
            if held is None or held.rules is not rules or held.snapshot is not snapshot:
                held = self._steering = Steering(rules, snapshot)
            return held

    def products(self) -> Iterator[Product]:
        """Stream all products of the live generation."""
        return (product for _, product in self.snapshot().products.items())

    @property
    def catalog(self) -> Catalog:
        """Return the shop's catalog, opening it at the first call, and where it was replaced.

        Raises:
            ShopError: it is gone, or is not the one that the live generation was made from.
        """
        with self._lock:
            place = self._shop.catalog_place(self._catalog_url)
            if self._catalog is not None and place != self._catalog_place:
                self._catalog.close()
                self._catalog = None
            if self._catalog is None:
                self._catalog = self._shop.open_catalog(self._catalog_url)
                self._catalog_place = place
            return self._catalog

    @property
    def encoder(self) -> Encoder:
        """Return the encoder that made the live generation, loading it at the first call."""
        return self._encoder_named(self.snapshot().manifest.encoder["name"])

    def _encoder_named(self, name: str, *, fingerprint: str | None = None) -> Encoder:
        """Return an encoder; load it where another is at hand, or one of another fingerprint."""
        with self._lock:
            held = self._encoder
            fits = held is not None and fingerprint in (None, held.fingerprint)
            if held is None or name != self._encoder_name or not fits:
                from ..encoder.load import load_encoder

                held = self._encoder = load_encoder(name, threads=1)
                self._encoder_name = name
            return held

    def _cross_encoder_for(self, queries: Sequence[Query], ranking: Ranking) -> CrossEncoder | None:
        """Return what orders the first products anew, loading it where another is at hand.

        None where none is wanted, or the order is decided otherwise.
        """
        name, template = ranking.cross_encoder, self.settings.template
        scored = any(q.text and q.mode == "hybrid" and q.sort is None for q in queries)
        if not name or not scored or "cross-encoder" in ranking.without:
            return None
        with self._lock:
            held = self._cross_encoder
            if held is None or (held.name, held.template) != (name, template):
                from .cross_encoder import CrossEncoder

                held = self._cross_encoder = CrossEncoder(name, template)
            return held

    def snapshot(self) -> Snapshot:
        """Return the live generation, opening it if another has been published.

        Raises:
            ShopError: nothing was ever published.
        """
        published = identity(self._shop.generations.pointer)
        with self._lock:
            if self._snapshot is None or published is None or published != self._published:
                with self._shop.pinned() as shop:  # one and the same, if it is swapped meanwhile
                    published = identity(shop.generations.pointer)
                    sound = shop.generations.hold_sound()
                    settings = shop.settings
                if sound is None:
                    raise ShopError(
                        f"{self._shop.folder} has no generation yet; "
                        f"finish with: dsv3 index --into {self._shop.folder}"
                    )
                if self._snapshot is None or sound.held.identity != self._snapshot.held.identity:
                    self._snapshot = Snapshot(sound, self._catalog_url)
                self._snapshot.warning = sound.warning
                if sound.warning:
                    _log.warning("%s", sound.warning)
                self._published = published
                self.settings = settings
            return self._snapshot

    def _encoding(self, snapshot: Snapshot) -> Encode:
        """Return what encodes queries in the space of a generation."""
        made_by = snapshot.manifest.encoder
        space = (made_by["name"], made_by["fingerprint"], made_by["dim"])
        return lambda texts: self._encode(texts, space)

    def _encode(self, texts: Sequence[str], space: Space) -> FloatArray:
        """Return the (n, dim) vectors of queries; those not met lately are encoded in one call."""
        with self._lock:
            known = {text: self._vectors.get((text, space)) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        if missing:
            made = dict(zip(missing, self._encode_queries(missing, space), strict=True))
            known |= made
            with self._lock:
                self._vectors.update({(text, space): vector for text, vector in made.items()})
        return np.stack([vector for text in texts if (vector := known[text]) is not None])

    def _encode_queries(self, texts: Sequence[str], space: Space) -> FloatArray:
        """Encode queries in the space of a generation.

        While a shop is indexed with another encoder, and after it was interrupted in that, the
        live generation is still searched with its own.
        """
        name, fingerprint, dim = space
        encoder = self._encoder_named(name, fingerprint=fingerprint)
        if encoder.fingerprint != fingerprint:
            raise ShopError(
                f"{self._shop.folder} was indexed with another version of the encoder {name!r}; "
                f"index it again with: dsv3 index --into {self._shop.folder}"
            )
        return truncate(encoder.encode_queries(texts), dim, encoder.similarity)

    def _hits(self, snapshot: Snapshot, ranked: Ranked, offset: int) -> tuple[Hit, ...]:
        rows = ranked.page.rows.tolist()
        products = snapshot.products.get_rows(rows)
        found = zip(rows, ranked.page.scores.tolist(), products, strict=True)
        return tuple(
            Hit(
                product_id=product.product_id,
                score=score,
                rank=offset + place,
                product=product,
                explanation=ranked.explanations.get(row),
                variants=ranked.variants.get(row, 1),
            )
            for place, (row, score, product) in enumerate(found, 1)
            if product is not None  # deleted since, where an old generation has no products
        )

    # -- changing --------------------------------------------------------------------------

    def upsert(self, products: Iterable[Product]) -> int:
        """Add or replace products and publish a generation that holds them.

        Returns how many were new or different. Only texts that changed are encoded.

        Raises:
            ShopError: others were changing the shop for too long, or the catalog does not fit.
        """
        with self._changing() as catalog:
            done = catalog.upsert(products)
        return done.added + done.changed

    def delete(self, product_ids: Iterable[str]) -> int:
        """Delete products and publish a generation without them; returns how many went.

        Raises:
            ShopError: others were changing the shop for too long, or the catalog does not fit.
        """
        with self._changing() as catalog:
            return catalog.delete(product_ids)

    @contextmanager
    def _changing(self) -> Iterator[Catalog]:
        """Give the catalog to change while no other writes; publish what was changed."""
        from ..indexer.build import build_generation
        from ..progress import Silent

        then = f"{self._shop.what_holds} finish with: dsv3 index --into {self._shop.folder}"
        with full_disk_told(self._shop.folder, then), self._shop.writing(self._wait) as shop:
            catalog = self.catalog
            shop.check_unmoved(catalog)
            shop.check_catalog(catalog)
            with full_disk_told(shop.sqlite):
                yield catalog
            settings = shop.settings
            encoder = self._encoder_named(settings.encoder)
            build_generation(shop, catalog, settings, encoder, Silent())

    def close(self) -> None:
        """Give back the catalog's connections and let go of the generation."""
        with self._lock:
            if self._catalog is not None:
                self._catalog.close()
            self._catalog = self._snapshot = self._steering = None

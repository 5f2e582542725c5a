"""Derive a generation from the catalog: encode, index, mirror, publish.

Each change is read once: as it passes, its keyword entry and its columns go to their writers and
its text to the encoder; vectors are put in place when all are in the cache.

What did not change since the last generation is taken over from it: vectors and keyword
entries whose text is the same, columns of rows that were not touched. A change of the encoder,
the template, the language or the kind of index builds everything anew; texts that were ever
encoded come from the cache even then.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import orjson

from ..encoder.base import Encoder, FloatArray
from ..encoder.corpus.cache import EmbeddingCache
from ..encoder.corpus.fill import EncodeStats, fill_cache
from ..encoder.truncation import truncate
from ..errors import EncoderError, RecordError, ShopError
from ..files import full_disk_told, sqlite_fault
from ..progress import Progress
from .catalog import Catalog
from .columns.read import Columns
from .columns.write import ColumnsWriter
from .forward import DERIVATION as FORWARD
from .forward import ForwardIndex, ForwardWriter
from .generation import FORMAT, Held, Manifest, describe_files, now, opening_fault
from .kinds import DERIVATION as KINDS
from .kinds import write_kinds
from .ledger import Ledger, Scan
from .lexical.analysis import Analysis
from .lexical.index import DERIVATION as KEYWORDS
from .lexical.index import LexicalDocument, LexicalWriter
from .product import Product, check_product
from .product_store import ProductStore, ProductWriter
from .quantities import DERIVATION
from .settings import Settings
from .shop import Shop
from .template import Template
from .vectors.build import build_index
from .vectors.load import load_index
from .vectors.spec import resolve_spec

if TYPE_CHECKING:
    from .vectors.base import VectorIndex

RowArray = npt.NDArray[np.int64]

_READ_AT_ONCE = 8192
_MOST_TOMBSTONES = 0.2  # share of dead vectors above which an index is built anew
_MEMORY_FOR_VECTORS = 0.5  # share of free memory an index may take


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        manifest: of the new generation.
        encoding: how many texts were encoded.
        full: whether nothing was taken over from the last generation.
        never_filled: placeholders of the template for which no product has a value.
        left_out: ids of products that the catalog holds but no index can take, and why; as
            they were stored before what comes in was checked.
    """

    manifest: Manifest
    encoding: EncodeStats
    full: bool
    never_filled: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def rebuild_digest(settings: Settings, encoder: Encoder, catalog: int) -> str:
    """Return a digest of all that, once changed, makes the last generation useless.

    Rows are numbers of one catalog, told by its `identity`; those of another one do not fit.
    """
    kept = (settings.template, settings.language, settings.index, settings.dim)
    of = (catalog,) if catalog else ()
    return blake2b(orjson.dumps((encoder.fingerprint, *kept, *of)), digest_size=8).hexdigest()


def build_generation(
    shop: Shop,
    catalog: Catalog,
    settings: Settings,
    encoder: Encoder,
    progress: Progress,
    *,
    workers: int | None = None,
    rebuild: bool = False,
) -> Built | None:
    """Bring the shop's generation up to the catalog; None where it already is.

    Needs the shop's lock. Killed at any moment, it leaves the last generation live and every
    vector it computed in the cache.

    Args:
        shop: where the generation goes.
        catalog: where the products are.
        settings: how to index.
        encoder: what turns texts into vectors.
        progress: told of stages.
        workers: processes that encode; None takes one for each core.
        rebuild: build from nothing though nothing changed; a damaged cache of embeddings is
            dropped.
    """
    digest = rebuild_digest(settings, encoder, catalog.identity)
    if rebuild and shop.embeddings.is_file() and sqlite_fault(shop.embeddings):
        for suffix in ("", "-wal", "-shm"):
            shop.embeddings.with_name(shop.embeddings.name + suffix).unlink(missing_ok=True)
    previous = None if rebuild else _Previous.open(shop, digest)
    if previous is not None:
        shop.check_catalog(catalog)
    sequence = catalog.sequence
    if previous is not None and previous.manifest.sequence == sequence and previous.derived_alike:
        return None
    build = _Build(shop, catalog, settings, encoder, progress, previous, sequence, workers)
    build.rebuild = rebuild
    built = build.run(digest)
    if rebuild:
        shop.generations.remove_damaged()
    return built


def prune_cache(shop: Shop, encoder: Encoder) -> int:
    """Drop cached vectors that the live generation does not need; returns how many.

    Needs the shop's lock, as a run that encodes beside would lose what it has not yet published.
    """
    held = shop.generations.hold_current()
    ledger = Ledger() if held is None else Ledger.read(held.place)
    with EmbeddingCache(shop.embeddings) as cache:
        return cache.prune({encoder.fingerprint: ledger.keys(slice(None))})


class _Previous:
    """The parts of the last generation that a build takes over."""

    def __init__(self, held: Held, manifest: Manifest) -> None:
        self._held = held
        self.folder = held.place
        self.manifest = manifest
        self.ledger = Ledger.read(self.folder)
        products = self.folder / "products"
        self.products = ProductStore(products) if products.is_dir() else None

    @property
    def derived_alike(self) -> bool:
        """Tell whether its columns, keywords, terms and kinds are what would be found now."""
        kinds = self.manifest.kinds == KINDS
        alike = self.columns_alike and self.keywords is not None and self.forward is not None
        return alike and kinds

    @property
    def columns_alike(self) -> bool:
        """Tell whether its columns hold the quantities that would be found now."""
        return self.manifest.quantities == DERIVATION

    @property
    def keywords(self) -> Path | None:
        """Return the folder of its keyword index; None where entries would be other ones now."""
        return self.folder / "lexical" if self.manifest.keywords == KEYWORDS else None

    @cached_property
    def forward(self) -> ForwardIndex | None:
        """Return its terms by row; None where these would be other ones now."""
        alike = self.manifest.forward == FORWARD
        return ForwardIndex(self.folder / "forward") if alike else None

    @classmethod
    def open(cls, shop: Shop, digest: str) -> _Previous | None:
        """Open the live generation; None where it does not fit or is damaged."""
        held = shop.generations.hold_current() if shop.generations.pointer.exists() else None
        if held is None:
            return None
        manifest = Manifest.read(held.place)
        if manifest.settings != digest or opening_fault(held.place, manifest):
            return None
        return cls(held, manifest)


class _Build:
    def __init__(
        self,
        shop: Shop,
        catalog: Catalog,
        settings: Settings,
        encoder: Encoder,
        progress: Progress,
        previous: _Previous | None,
        sequence: int,
        workers: int | None,
    ) -> None:
        self.shop = shop
        self.catalog = catalog
        self.settings = settings
        self.encoder = encoder
        self.progress = progress
        self.previous = previous
        self.sequence = sequence
        self.rebuild = False
        self.identity = catalog.identity
        self.since = previous.manifest.sequence if previous else 0
        self.old_ledger = previous.ledger if previous else Ledger()
        self.analysis = Analysis(settings.language)
        self.left_out: dict[str, str] = {}
        self.dim = min(settings.dim or encoder.dim, encoder.dim)
        self.workers = workers

    def run(self, digest: str) -> Built:
        with full_disk_told(self.shop.folder / "generations"):
            try:
                return self._run(digest)
            except sqlite3.DatabaseError as error:
                with full_disk_told(self.shop.embeddings):
                    raise EncoderError(
                        f"{self.shop.embeddings} cannot be used ({error}); it can be computed "
                        f"again with: dsv3 index --rebuild --into {self.shop.folder}"
                    ) from error

    def _run(self, digest: str) -> Built:
        with EmbeddingCache(self.shop.embeddings) as cache:
            if self.rebuild:
                cache.drop_damaged()
            number = self.shop.generations.next_number()
            with self.shop.generations.writing(number) as folder:
                changed, deleted, stats = self._read(cache, folder)
                ledger = self.old_ledger.updated(changed, deleted)
                index = self._vectors(cache, ledger, changed, deleted)
                columns = Columns(folder / "columns")
                write_kinds(folder / "kinds", columns, self.encoder, cache, self.dim)
                self.progress.start("write", None)
                index.save(folder / "vectors")
                ledger.write(folder)
                self.progress.finish()
                manifest = self._manifest(folder, number, digest, ledger, index.spec)
                manifest.write(folder)
                fields = columns.fields
                self._see_nothing_lost(manifest)
        wanted = Template(self.settings.template).attributes
        never_filled = tuple(name for name in wanted if name not in fields)
        return Built(manifest, stats, self.previous is None, never_filled, self.left_out)

    def _read(self, cache: EmbeddingCache, folder: Path) -> tuple[Ledger, RowArray, EncodeStats]:
        """Read the changes: write keywords, columns and products, encode what the cache lacks.

        Returns the ledger of the changed products, and the deleted rows.
        """
        scan = Scan(self.old_ledger)
        last = self.previous.keywords if self.previous else None
        with (
            LexicalWriter(folder / "lexical", self.analysis, previous=last) as keywords,
            ColumnsWriter(folder / "columns") as columns,
            ProductWriter(
                folder / "products", self.previous.products if self.previous else None
            ) as products,
            ForwardWriter(
                folder / "forward",
                self.analysis,
                previous=self.previous.forward if self.previous else None,
            ) as forward,
        ):
            texts = self._texts(scan, keywords, columns, products, forward)
            stats = self._encode(cache, texts)
            changed, deleted = scan.ledger, scan.deleted
            self._lexical(keywords)
            self._columns(columns, np.concatenate([changed.rows, deleted]))
            self._products(products, deleted)
            self._forward(forward, deleted)
        for begin in range(0, len(changed), _READ_AT_ONCE):
            part = slice(begin, begin + _READ_AT_ONCE)
            changed.entries["tokens"][part] = cache.token_counts(
                self.encoder.fingerprint, changed.keys(part)
            )
        return changed, deleted, stats

    def _texts(
        self,
        scan: Scan,
        keywords: LexicalWriter,
        columns: ColumnsWriter,
        products: ProductWriter,
        forward: ForwardWriter,
    ) -> Iterator[str]:
        """Yield the text of every product that is there, its other parts written."""
        template = Template(self.settings.template)
        for change in self.catalog.changes(self.since):
            if change.product is None or self._unfit(change.product):
                scan.note_deleted(change.row)
                keywords.remove(change.row)
                continue
            text = template.fill(change.product)
            document = LexicalDocument.of(change.row, change.product)
            changed = scan.note(text, document)
            if changed or (self.previous is not None and self.previous.keywords is None):
                keywords.add(document)
            if changed or (self.previous is not None and self.previous.forward is None):
                forward.add(change.row, change.product)
            columns.add(change.row, change.product)
            products.add(change.row, change.product)
            yield text

    def _unfit(self, product: Product) -> bool:
        """Tell whether a product has to be left out; it is named in the end."""
        try:
            check_product(product, bounded=False)
        except RecordError as error:
            self.left_out[product.product_id] = error.reason
            return True
        return False

    def _encode(self, cache: EmbeddingCache, texts: Iterator[str]) -> EncodeStats:
        total = self.sequence - self.since if self.since else len(self.catalog)
        self.progress.start("encode", total)
        seen = 0

        def advance(stats: EncodeStats) -> None:
            nonlocal seen
            self.progress.advance(stats.seen - seen)
            seen = stats.seen

        stats = fill_cache(self.encoder, texts, cache, workers=self.workers, on_progress=advance)
        self.progress.finish()
        return stats

    def _lexical(self, keywords: LexicalWriter) -> None:
        self.progress.start("keywords", None)
        if self.previous is not None and self.previous.keywords is None:
            for row, product in self._unchanged():
                keywords.add(LexicalDocument.of(row, product))
        keywords.finish()
        self.progress.finish()

    def _columns(self, columns: ColumnsWriter, changed: RowArray) -> None:
        self.progress.start("columns", None)
        if self.previous is not None and self.previous.columns_alike:
            columns.keep(Columns(self.previous.folder / "columns"), changed)
        elif self.previous is not None:
            for row, product in self._unchanged():
                columns.add(row, product)
        columns.finish()
        self.progress.finish()

    def _products(self, products: ProductWriter, deleted: RowArray) -> None:
        if self.previous is not None and self.previous.products is None:
            for row, product in self._unchanged():  # an old generation held none
                products.add(row, product)
        products.finish(deleted)

    def _forward(self, forward: ForwardWriter, deleted: RowArray) -> None:
        if self.previous is not None and self.previous.forward is None:
            for row, product in self._unchanged():
                forward.add(row, product)
        forward.finish(deleted)

    def _unchanged(self) -> Iterator[tuple[int, Product]]:
        """Yield the products that the last generation holds and that have not changed since."""
        for change in self.catalog.changes():
            if change.sequence > self.since:
                break
            if change.product is not None and self.old_ledger.entry(change.row) is not None:
                yield change.row, change.product

    def _vectors(
        self, cache: EmbeddingCache, ledger: Ledger, changed: Ledger, deleted: RowArray
    ) -> VectorIndex:
        memory = int(_free_memory() * _MEMORY_FOR_VECTORS)
        spec = resolve_spec(self.settings.index, len(ledger), self.dim, memory)
        if self.previous is not None and self.previous.manifest.index == spec:
            index = load_index(self.previous.folder / "vectors")
            rows = changed.differing(self.old_ledger, "text")
            dead = index.tombstone_share * (len(index) + 1) + len(rows) + len(deleted)
            if dead <= _MOST_TOMBSTONES * len(ledger):
                self._update_vectors(index, cache, changed, rows, deleted)
                return index
        self.progress.start("vectors", len(ledger))
        index = build_index(
            spec,
            self.dim,
            self.encoder.similarity,
            len(ledger),
            self._cached_vectors(cache, ledger),
            lambda wanted: self._sample(cache, ledger, wanted),
            self.progress.advance,
            scratch=self.shop.folder_pinned,
        )
        self.progress.finish()
        return index

    def _sample(self, cache: EmbeddingCache, ledger: Ledger, wanted: int) -> FloatArray:
        """Return vectors of entries spread evenly over the catalog."""
        places = np.unique(np.linspace(0, len(ledger) - 1, wanted).astype(np.int64))
        part = Ledger(ledger.entries[places])
        return np.concatenate([vectors for _, vectors in self._cached_vectors(cache, part)])

    def _update_vectors(
        self,
        index: VectorIndex,
        cache: EmbeddingCache,
        changed: Ledger,
        rows: RowArray,
        deleted: RowArray,
    ) -> None:
        self.progress.start("vectors", len(rows))
        index.remove(deleted)
        part = Ledger(changed.entries[np.isin(changed.rows, rows)])
        for batch_rows, vectors in self._cached_vectors(cache, part):
            index.add(batch_rows, vectors)
            self.progress.advance(len(batch_rows))
        self.progress.finish()

    def _cached_vectors(
        self, cache: EmbeddingCache, ledger: Ledger
    ) -> Iterator[tuple[RowArray, FloatArray]]:
        for begin in range(0, len(ledger), _READ_AT_ONCE):
            part = slice(begin, begin + _READ_AT_ONCE)
            keys = ledger.keys(part)
            vectors, found, _ = cache.get_many(self.encoder.fingerprint, keys)
            if not found.all():
                self._encode_lost(cache, Ledger(ledger.entries[begin:]))
                vectors = cache.vectors(self.encoder.fingerprint, keys)
            yield ledger.rows[part], truncate(vectors, self.dim, self.encoder.similarity)

    def _encode_lost(self, cache: EmbeddingCache, ledger: Ledger) -> None:
        """Encode again what was encoded once and is in the cache no more."""
        fill_cache(self.encoder, self._lost_texts(cache, ledger), cache, workers=self.workers)

    def _lost_texts(self, cache: EmbeddingCache, ledger: Ledger) -> Iterator[str]:
        template = Template(self.settings.template)
        for begin in range(0, len(ledger), _READ_AT_ONCE):
            part = slice(begin, begin + _READ_AT_ONCE)
            tokens = cache.token_counts(self.encoder.fingerprint, ledger.keys(part))
            for product in self.catalog.get_rows(ledger.rows[part][tokens < 0].tolist()):
                if product is not None:
                    yield template.fill(product)

    def _see_nothing_lost(self, manifest: Manifest) -> None:
        """Refuse to publish beside another catalog, or nothing where nothing was deleted.

        Raises:
            ShopError: the catalog or the folder was replaced, or no product is left though the
                catalog does not say that all were deleted.
        """
        self.shop.check_unmoved(self.catalog)
        if self.catalog.identity != self.identity or self.catalog.sequence < self.sequence:
            raise ShopError(
                f"the catalog of {self.shop.folder} was replaced since the run began; "
                "run the command again"
            )
        before = self.shop.generations.readable()
        if manifest.products or before is None or not before.products:
            return
        if before.catalog not in (None, self.identity) or len(self.catalog):
            why = f"; {len(self.left_out):,} could not be taken" if self.left_out else ""
            raise ShopError(
                f"the catalog holds no product for a generation{why}, and generation "
                f"{before.number} of {self.shop.folder} holds {before.products:,}, which stays; "
                f"read them again with: dsv3 index SOURCE --into {self.shop.folder}"
                f"{'' if len(self.catalog) else ' --adopt-catalog'}"
            )

    def _manifest(
        self, folder: Path, number: int, digest: str, ledger: Ledger, spec: str
    ) -> Manifest:
        encoder = self.encoder
        return Manifest(
            format=FORMAT,
            number=number,
            created=now(),
            version=version("dsv3"),
            sequence=self.sequence,
            products=len(ledger),
            encoder={
                "name": encoder.name,
                "fingerprint": encoder.fingerprint,
                "dim": self.dim,
                "similarity": encoder.similarity,
                "max_tokens": encoder.max_tokens,
                "long_text": encoder.long_text,
            },
            index=spec,
            language=self.settings.language,
            settings=digest,
            texts_cut=int(np.count_nonzero(ledger.entries["tokens"] > encoder.max_tokens)),
            files=describe_files(
                folder, (self.previous.folder, self.previous.manifest) if self.previous else None
            ),
            catalog=self.identity,
            mark=self.catalog.mark(self.sequence),
            quantities=DERIVATION,
            forward=FORWARD,
            keywords=KEYWORDS,
            kinds=KINDS,
        )


def _free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 4 << 30

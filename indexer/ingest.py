"""Take products from sources into the catalog."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice

import numpy as np

from ..errors import InputError
from ..progress import Progress
from .catalog import Catalog, Incoming
from .product import Product
from .shop import Shop
from .sources.fields import FieldMap
from .sources.prices import PriceUnit
from .sources.products import SourceItem, read_items
from .sources.records import ReadOptions, Rejected, SourceProgress
from .sources.rejected import RejectedFile
from .sources.report import SourceReport

_BATCH = 1000
_MOST_DELETED = 0.1


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are to be read.

    Attributes:
        sources: files, tables by URL, or "-".
        fields: our field → the source's, where recognition is not enough.
        price_unit: whether prices are whole units of a currency or cents.
        strict: stop at the first bad record instead of setting it aside.
        sync: delete the products that are no longer in the sources.
        most_deleted: share of the shop's products, 0 to 1, that `sync` may delete, though records
            could not be read whose products would be among them. None: 0.1, and none where a
            record could not be read.
        options: of the sources themselves.
    """

    sources: Sequence[str]
    fields: Mapping[str, str] = field(default_factory=dict)
    price_unit: PriceUnit = "units"
    strict: bool = False
    sync: bool = False
    most_deleted: float | None = None
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(slots=True)
class Ingested:
    """What came of the records, counted.

    Attributes:
        added: products that were stored; in a mere check, that would be.
        rejected: records that cannot become a product, by why.
        met: what else was met while reading: what was passed over, cut or not for sale.
        reports: what each source gave whose fields were recognised.
        unread: rejected records of which not even the fields could be read.
        kept: why nothing was deleted though the shop was to be brought in step with its
            sources; empty where nothing spoke against it.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    met: SourceProgress = field(default_factory=SourceProgress)
    reports: list[SourceReport] = field(default_factory=list)
    unread: int = 0
    kept: str = ""

    @property
    def none_taken(self) -> str:
        """Return why there were records and none became a product; empty where one did."""
        left_out = self.met.unpublished.total()
        if not (self.read or left_out) or self.added or self.changed or self.unchanged:
            return ""
        reasons = [f"{count:,} x {reason}" for reason, count in self.rejected.most_common(3)]
        if left_out:
            why = ", ".join(self.met.unpublished)
            reasons.append(f"{left_out:,} not for sale ({why}; --include-unpublished takes them)")
        return f"of {self.read + left_out:,} records none could be stored: {'; '.join(reasons)}"


def ingest(
    shop: Shop,
    catalog: Catalog,
    reading: Reading,
    progress: Progress,
    on_recognised: Callable[[str, FieldMap], None] | None = None,
) -> Ingested:
    """Read all sources into the catalog; bad records go to `rejected.jsonl` of the shop.

    Records that were read before and have not changed are not even converted. Within a run
    the last record of an id wins. Each thousand is one transaction, so that what was read
    before an interruption is kept. `reading.sync` deletes nothing where a source breaks off or
    holds no product, where a record cannot be read (nobody knows whose it is), or where more than
    `reading.most_deleted` would go: a download that failed would empty the shop.

    Raises:
        InputError: a source cannot be read at all, no record of any could be stored, or
            `most_deleted` is no share.
        RecordError: a record is bad and `reading.strict` is set.
    """
    if reading.most_deleted is not None and not 0 <= reading.most_deleted <= 1:
        raise InputError(f"the share to delete is between 0 and 1, not {reading.most_deleted:g}")
    counts = Ingested()
    seen = _SeenRows()
    # What is gone can only be told where all sources are read, and none of what is gone is unread.
    if len(catalog) and not (reading.sync and len(reading.sources) > 1):
        options = replace(reading.options, fetched=shop.fetched)
        reading = replace(reading, options=options)
    with RejectedFile(shop.rejected) as rejected:
        for batch in _read(reading, counts, rejected, progress, on_recognised):
            _take(batch, catalog, counts, seen, rejected, strict=reading.strict)
    if counts.none_taken:
        raise InputError(counts.none_taken)
    if reading.sync and not counts.met.unchanged:
        _delete_unseen(catalog, counts, seen, reading.most_deleted)
    return counts


def check(
    reading: Reading,
    progress: Progress,
    on_recognised: Callable[[str, FieldMap], None] | None = None,
) -> Ingested:
    """Read all sources and convert every record, as `ingest` does; store nothing.

    Raises:
        InputError: a source cannot be read at all.
        RecordError: a record is bad and `reading.strict` is set.
    """
    counts = Ingested()
    seen: set[bytes] = set()
    with RejectedFile(None) as rejected:
        for batch in _read(reading, counts, rejected, progress, on_recognised):
            for item in batch:
                try:
                    _report(counts, item, item.to_product())
                except Rejected as error:
                    _reject(error, rejected, strict=reading.strict)
                    continue
                seen.add(blake2b(item.product_id.encode(), digest_size=8).digest())
                counts.duplicates += len(seen) == counts.added
                counts.added = len(seen)
    return counts


def _read(
    reading: Reading,
    counts: Ingested,
    rejected: RejectedFile,
    progress: Progress,
    on_recognised: Callable[[str, FieldMap], None] | None,
) -> Iterator[list[SourceItem]]:
    """Yield what sources hold by the thousand; count it and show how far reading has come."""

    def recognised(source: str, fields: FieldMap) -> None:
        counts.reports.append(SourceReport(source, fields))
        if on_recognised:
            on_recognised(source, fields)

    met = counts.met
    items = read_items(
        reading.sources,
        overrides=reading.fields,
        price_unit=reading.price_unit,
        options=replace(
            reading.options, reading=repr((sorted(reading.fields.items()), reading.price_unit))
        ),
        on_recognised=recognised,
        progress=met,
    )
    progress.start("read", met.total)
    done = 0
    for batch in _batches(_good(items, counts, rejected, strict=reading.strict)):
        yield batch
        progress.advance(met.done - done)
        done = met.done
    progress.finish()
    counts.rejected = rejected.counts


def _report(counts: Ingested, item: SourceItem, product: Product) -> None:
    report = next(each for each in reversed(counts.reports) if each.fields is item.fields)
    report.add(product)


def _delete_unseen(
    catalog: Catalog, counts: Ingested, seen: _SeenRows, most_deleted: float | None
) -> None:
    before = len(catalog) - counts.added
    gone = [row for row in catalog.live_rows() if row not in seen]
    if gone and not counts.kept and not seen:
        counts.kept = "no product could be read"
    if gone and not counts.kept and counts.unread and most_deleted is None:
        counts.kept = (
            f"{counts.unread:,} records could not be read, maybe of the {len(gone):,} products to "
            "delete; mend the source, or, if they shall go, say so with: --allow-deleting "
            f"{_MOST_DELETED:g}"
        )
    most_deleted = _MOST_DELETED if most_deleted is None else most_deleted
    if not counts.kept and len(gone) > most_deleted * before:
        counts.kept = (
            f"{len(gone):,} of {before:,} products are no longer in the sources, more than the "
            f"{most_deleted:.0%} that may be deleted; if so it shall be, allow it with: "
            f"--allow-deleting {math.ceil(100 * len(gone) / before) / 100:g}"
        )
    if not counts.kept:
        counts.deleted = catalog.delete_rows(gone)


def _good(
    items: Iterator[SourceItem | Rejected],
    counts: Ingested,
    rejected: RejectedFile,
    *,
    strict: bool,
) -> Iterator[SourceItem]:
    for item in items:
        counts.read += 1
        if isinstance(item, Rejected):
            _reject(item, rejected, strict=strict)
            counts.unread += not isinstance(item.record, Mapping)
            if item.ends:
                counts.kept = f"{item.source} could not be read to its end"
        else:
            yield item


def _take(
    batch: Sequence[SourceItem],
    catalog: Catalog,
    counts: Ingested,
    seen: _SeenRows,
    rejected: RejectedFile,
    *,
    strict: bool,
) -> None:
    latest = {item.product_id: item for item in batch}
    counts.duplicates += len(batch) - len(latest)
    entries = catalog.entries(list(latest))
    products = []
    for product_id, item in latest.items():
        entry = entries.get(product_id)
        if entry is not None and not entry.deleted and entry.source_digest == item.digest:
            counts.duplicates += seen.add(entry.row)
            counts.unchanged += 1
            continue
        try:
            product = item.to_product()
            _report(counts, item, product)
            products.append(Incoming(product, item.digest, checked=True))
        except Rejected as error:
            _reject(error, rejected, strict=strict)
            if entry is not None and not entry.deleted:
                seen.add(entry.row)  # what was stored of it stays
    done = catalog.upsert(products)
    counts.added += done.added
    counts.changed += done.changed
    counts.unchanged += done.unchanged
    counts.duplicates += sum(seen.add(row) for row in done.rows)


def _reject(error: Rejected, rejected: RejectedFile, *, strict: bool) -> None:
    if strict:
        raise error
    rejected.add(error)


class _SeenRows:
    """Remembers which rows a run has met, a byte for each."""

    def __init__(self) -> None:
        self._seen = np.zeros(1024, np.bool_)

    def add(self, row: int) -> bool:
        """Note a row; return whether it was there already."""
        if row >= len(self._seen):
            self._seen = np.concatenate([self._seen, np.zeros(row + 1, np.bool_)])
        before = bool(self._seen[row])
        self._seen[row] = True
        return before

    def __bool__(self) -> bool:
        return bool(self._seen.any())

    def __contains__(self, row: int) -> bool:
        return row < len(self._seen) and bool(self._seen[row])


def _batches(items: Iterator[SourceItem]) -> Iterator[list[SourceItem]]:
    while batch := list(islice(items, _BATCH)):
        yield batch

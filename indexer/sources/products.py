"""Read products from sources: records, recognised, and converted when asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter

import orjson

from ...errors import InputError
from ..product import Product
from .bounds import bounded
from .convert import product_id, to_product
from .fields import FieldMap
from .joining import LONGEST_HEAD, SAMPLE_RECORDS, complete_rows
from .load import Records, read_records
from .platforms import Platform
from .prices import PriceUnit
from .records import NoProductsError, RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import size_of

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One record that has an id, not yet converted.

    Attributes:
        digest: 16 bytes that change whenever the product it converts to may change.
        progress: where what could not be taken of it is counted.

    """

    product_id: str
    digest: bytes
    record: RawRecord
    fields: FieldMap
    price_unit: PriceUnit
    progress: SourceProgress | None = None

    @property
    def source(self) -> str:
        """Return the source the record came from."""
        return self.record.source

    @property
    def line(self) -> int:
        """Return the record's line or position in its source."""
        return self.record.line

    def to_product(self) -> Product:
        """Return the product; what could not be taken of it is counted in `progress`.

        Raises:
            RecordError: the record has no title, or cannot be a product.

        """
        return to_product(
            self.record, self.fields, price_unit=self.price_unit, progress=self.progress
        )


def read_items(
    specs: Sequence[str],
    *,
    overrides: Mapping[str, str] | None = None,
    price_unit: PriceUnit = "units",
    options: ReadOptions | None = None,
    on_recognised: Callable[[str, FieldMap], None] | None = None,
    progress: SourceProgress | None = None,
) -> Iterator[SourceItem | Rejected]:
    """Return the records of all sources in order, not yet converted, and those rejected.

    Fields are recognised for each source by itself, from its first records; `on_recognised` is
    called with the source and its map before the first item of that source is given.

    Raises:
        InputError: at once for a source that is missing or of an unknown kind; while reading,
            for one whose id or title cannot be recognised.

    """
    progress = progress or SourceProgress()
    sizes = [size_of(spec) for spec in specs]
    progress.total = None if None in sizes else sum(size or 0 for size in sizes)
    opened = [read_records(spec, options, progress) for spec in specs]
    return chain.from_iterable(
        _of_source(records, overrides or {}, price_unit, on_recognised, progress, options)
        for records in opened
    )


def record_digest(record: RawRecord, fields: FieldMap, *, price_unit: PriceUnit = "units") -> bytes:
    """Return 16 bytes that stand for the record as read and for how it is converted."""
    try:
        content = orjson.dumps(record.fields, default=repr, option=_OPTIONS)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, half a surrogate pair
        content = json.dumps(record.fields, default=repr, skipkeys=True).encode()
    key = _conversion_key(price_unit, fields.fingerprint)
    return hashlib.blake2b(content, digest_size=16, key=key).digest()


@lru_cache(maxsize=16)
def _conversion_key(price_unit: PriceUnit, fingerprint: str) -> bytes:
    return hashlib.blake2b(f"{price_unit}\n{fingerprint}".encode(), digest_size=32).digest()


def _of_source(
    records: Records,
    overrides: Mapping[str, str],
    price_unit: PriceUnit,
    on_recognised: Callable[[str, FieldMap], None] | None,
    progress: SourceProgress,
    options: ReadOptions | None,
) -> Iterator[SourceItem | Rejected]:
    """Yield the items of one source; the files in it that are no tables of products are told.

    Files in an archive and sheets of a workbook have columns of their own.
    """
    found, failed = False, None
    for source, same in groupby(records, key=attrgetter("source")):
        try:
            for item in _items(same, overrides, price_unit, on_recognised, progress, options):
                found = True
                yield item
        except NoProductsError as error:
            if source not in progress.members:
                raise
            progress.without_products.append(source)
            failed = failed or error
    if failed and not found:
        raise failed


def _items(
    records: Records,
    overrides: Mapping[str, str],
    price_unit: PriceUnit,
    on_recognised: Callable[[str, FieldMap], None] | None,
    progress: SourceProgress,
    options: ReadOptions | None,
) -> Iterator[SourceItem | Rejected]:
    platform, records = complete_rows(
        _bounded(records, progress), progress, options or ReadOptions()
    )
    head: list[RawRecord | Rejected] = []
    sample: list[RawRecord] = []
    for item in records:
        head.append(item)
        if isinstance(item, RawRecord):
            sample.append(item)
        if len(sample) == SAMPLE_RECORDS or (sample and len(head) > LONGEST_HEAD):
            break
        if len(head) > LONGEST_HEAD:  # unreadable from the start: hold none of it
            yield from (bad for bad in head if isinstance(bad, Rejected))
            head.clear()
    if not sample:
        yield from (bad for bad in head if isinstance(bad, Rejected))
        return
    try:
        fields = FieldMap.recognise(sample, overrides, platform)
    except InputError as error:
        _check_overrides(sample, overrides, platform)
        raise NoProductsError(str(error)) from error
    if on_recognised:
        on_recognised(sample[0].source, fields)
    for item in chain(head, records):
        yield item if isinstance(item, Rejected) else _item(item, fields, price_unit, progress)


def _check_overrides(
    sample: Sequence[RawRecord], overrides: Mapping[str, str], platform: Platform | None
) -> None:
    """Raise what is wrong with overrides where records would be products without them."""
    if not overrides:
        return
    try:
        FieldMap.recognise(sample, {}, platform)
    except InputError:
        return
    FieldMap.recognise(sample, overrides, platform)


def _bounded(records: Records, progress: SourceProgress) -> Records:
    cut = progress.cut
    for item in records:
        yield bounded(item, cut) if isinstance(item, RawRecord) else item


def _item(
    record: RawRecord, fields: FieldMap, price_unit: PriceUnit, progress: SourceProgress
) -> SourceItem | Rejected:
    try:
        found = product_id(record, fields)
        digest = record_digest(record, fields, price_unit=price_unit)
    except Rejected as error:
        return error
    except (RecursionError, ValueError) as error:
        reason = f"the record cannot be taken in ({error})"
        return Rejected(reason, source=record.source, line=record.line)
    return SourceItem(found, digest, record, fields, price_unit, progress)

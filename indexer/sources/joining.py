"""Make whole records of the rows of a shop platform, as the table in `platforms.py` says.

A record that comes out is complete in itself: its attributes stand under their own names, a
variant has what its parent says, and what is not for sale is left out. It depends on the source's
rows alone, so that the same rows give the same digest in every run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from .columns import sample_columns
from .layout import (
    Fields,
    Header,
    as_word,
    available,
    is_empty,
    is_own,
    platform_name,
    put,
    unpacked,
)
from .names import fold_name
from .platforms import PLATFORMS, Join, Packed, Platform
from .publication import StatusColumn, status_columns
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .spool import Kept, Spool

Records = Iterator[RawRecord | Rejected]

SAMPLE_RECORDS = 200
"""How many records at the beginning of a source its platform and fields are recognised from."""

LONGEST_HEAD = 10 * SAMPLE_RECORDS
_LONGEST_GROUP = 1000
_LONGEST_CONTINUED = 10_000
_LIST = Packed("")
_OPTION = re.compile(r"option[0-9]+|selectedOptions")
_COUNT = re.compile(r"[0-9]{1,15}")
NUMBER = "id:"
"""Stands before a product's number where a key could stand, too."""

GROUP = "group_id"
"""The field that tells which records are variants of one product."""

OWN_ID = "listing_id"
"""The field that tells products apart which share the name that they go by."""


def complete_rows(
    records: Records, progress: SourceProgress, options: ReadOptions
) -> tuple[Platform | None, Records]:
    """Return the platform that a source is of, if it can be told, and its whole records.

    Records of no platform are passed through as they are, without those that a column says are
    not for sale.
    """
    head: list[RawRecord | Rejected] = []
    sample: list[RawRecord] = []
    for item in records:
        head.append(item)
        if isinstance(item, RawRecord):
            sample.append(item)
        if len(sample) == SAMPLE_RECORDS or len(head) > LONGEST_HEAD:
            break
    records = chain(head, records)
    if not sample:
        return None, records
    platform = tell(record.fields for record in sample)
    source = sample[0].source
    if platform is not None:
        progress.recognise(source, platform=platform.name)
        return platform, _Joining(platform, progress, options).records(records)
    if options.include_unpublished:
        return None, records
    return None, _published(records, _StatusColumns(sample, progress), progress)


def tell(rows: Iterable[Mapping[str, object]]) -> Platform | None:
    """Return the platform whose columns the rows have; None for none of the known ones."""
    names = {name for row in rows for name in row}
    folded = frozenset(fold_name(name) for name in names)
    for platform in PLATFORMS:
        own = folded
        if platform.translated or platform.left_out:
            own = frozenset(platform_name(platform, name) for name in names)
        if any(own.issuperset(columns.split()) for columns in platform.told):
            return platform
    return None


class _StatusColumns:
    """The columns of a source that tell whether a product is for sale, also those met late."""

    def __init__(self, sample: Sequence[RawRecord], progress: SourceProgress) -> None:
        self._progress = progress
        self._met: set[str] = set()
        self.columns: list[StatusColumn] = []
        self._meet(sample)

    def why(self, record: RawRecord) -> str:
        """Return why a record's product is not for sale; "" where it is."""
        if not self._met.issuperset(record.fields):
            self._meet([record])
        for column in self.columns:
            if why := column.why(record.fields):
                return why
        return ""

    def _meet(self, records: Sequence[RawRecord]) -> None:
        samples = sample_columns(record.fields for record in records)
        new = {name: values for name, values in samples.items() if name not in self._met}
        self._met.update(new)
        if found := status_columns(new):
            self.columns += found
            names = ", ".join(column.name for column in self.columns)
            self._progress.recognise(records[0].source, status=names)


def _published(records: Records, status: _StatusColumns, progress: SourceProgress) -> Records:
    for item in records:
        if isinstance(item, RawRecord) and (why := status.why(item)):
            progress.unpublished[why] += 1
        else:
            yield item


@dataclass(slots=True)
class _Row:
    """A row of a platform: as it was read, and unpacked.

    Attributes:
        given: it was already passed on.
    """

    header: Header
    raw: Mapping[str, object]
    record: RawRecord
    given: bool = False

    @property
    def fields(self) -> Mapping[str, object]:
        return self.record.fields

    def first(self, names: str) -> str:
        return self.header.first(self.raw, names)


class _Joining:
    """Puts the rows of one source together."""

    def __init__(self, platform: Platform, progress: SourceProgress, options: ReadOptions) -> None:
        self._platform = platform
        self._progress = progress
        self._all = options.include_unpublished
        self._header = lru_cache(maxsize=64)(lambda names: Header(platform, names))

    def records(self, items: Records) -> Records:
        join = self._platform.join
        if join is None:
            return self._told_apart(items) if self._platform.shared else self._alone(items)
        if join.how == "following":
            return self._following(items, join)
        return self._nested(items, join) if join.how == "nested" else self._by_key(items, join)

    def _alone(self, items: Records) -> Records:
        names: tuple[str, ...] = ()
        as_is = False
        for item in items:
            if isinstance(item, Rejected):
                yield item
                continue
            if tuple(item.fields) != names:
                names = tuple(item.fields)
                header = self._header(names)
                stated = any(status.column in header.by_name for status in self._platform.status)
                as_is = header.is_plain and (self._all or not stated)
            if as_is:
                yield item
            else:
                row = self._row(item)
                yield from self._given(row.record, self._why(row))

    def _told_apart(self, items: Records) -> Records:
        """Give the products without an id that share a name an id of their own.

        It is the name with a digest of the cells that stay while a product is the same, so that
        it depends on no order.
        """
        spool = Spool()
        try:
            for item in items:
                if isinstance(item, Rejected):
                    yield item
                    continue
                row = self._row(item)
                ids = self._platform.columns["product_id"].split()
                known = row.first(" ".join(each for each in ids if each != self._platform.shared))
                key = "" if known else row.first(self._platform.shared)
                digest = _digest(row, self._platform.passing.split()) if key else ""
                why = self._why(row)
                try:
                    spool.add(
                        row.record, keys=[key], product_id=f"{key} #{digest}", parent="",
                        overlay=False, head=False, why=(why, why), variants=(),
                    )  # fmt: skip
                except (RecursionError, ValueError) as error:
                    reason = f"the record cannot be taken in ({error})"
                    yield Rejected(reason, source=item.source, line=item.line)
            spool.link()
            shared = spool.shared()
            for kept in spool:
                record = kept.record
                if kept.number in shared:
                    record = replace(record, fields={**record.fields, OWN_ID: kept.product_id})
                yield from self._given(record, kept.why[1])
        finally:
            spool.close()

    def _row(self, record: RawRecord, kind: str = "") -> _Row:
        header = self._header(tuple(record.fields))
        fields = header.unpack(record.fields, kind)
        return _Row(header, record.fields, replace(record, fields=fields))

    def _why(self, row: _Row, *, joined: bool = False) -> str:
        """Return why a row's product is not for sale; "" where it is, or all are wanted."""
        if self._all:
            return ""
        for status in self._platform.status:
            column = row.header.by_name.get(status.column)
            if column is None or (joined and status.unless_joined):
                continue
            value = row.raw[column]
            # An empty cell says nothing; JSON's null does.
            if (value is None or as_word(value)) and (
                why := status.why.get(as_word(value).casefold())
            ):
                return why
        return ""

    def _given(self, record: RawRecord, why: str) -> Records:
        if why:
            self._progress.unpublished[why] += 1
        else:
            yield record

    def _inherited(self, fields: Mapping[str, object], parent: Mapping[str, object]) -> Fields:
        """Return a variant's fields with those of its parent where it has none of its own."""
        complete = dict(fields)
        for name, value in parent.items():
            empty = is_empty(complete.get(name)) and not is_empty(value)
            if empty and not is_own(self._platform, name):
                complete[name] = value
        return complete

    def _id(self, row: _Row) -> str:
        return row.first(self._platform.columns.get("product_id", ""))

    # Rows that follow the first one of their product.

    def _following(self, items: Records, join: Join) -> Records:
        group: list[_Row] = []
        key = ""
        for item in items:
            if isinstance(item, Rejected):
                yield item
                continue
            header = self._header(tuple(item.fields))
            kind = header.first(item.fields, join.kind).casefold()
            new_key = header.first(item.fields, join.key)
            starts = kind in join.heads.split() if join.kind else not new_key or new_key != key
            if not group or starts:
                yield from self._group(group, join)
                group, key = [self._row(item, kind)], new_key
            elif self._is_variant(header, item, kind, join):
                named = header.with_names(item.fields, group[0].header.pair_names(group[0].raw))
                group.append(self._row(replace(item, fields=named), kind))
                if len(group) > _LONGEST_GROUP:
                    yield from self._group(group, join)
                    group = group[:1]
            else:
                self._progress.skip(f"{kind or 'picture'} rows")
                self._take_picture(group[0], header, item, join)
        yield from self._group(group, join)

    def _is_variant(self, header: Header, item: RawRecord, kind: str, join: Join) -> bool:
        if join.rows:
            return kind in join.rows.split()
        return bool(header.first(item.fields, join.any_of))

    def _take_picture(self, head: _Row, header: Header, item: RawRecord, join: Join) -> None:
        picture = header.first(item.fields, join.picture)
        if picture and not head.first(join.picture):
            column = next(
                name for each in join.picture.split() if (name := header.by_name.get(each))
            )
            head.raw = {**head.raw, column: picture}
            head.record = replace(head.record, fields={**head.fields, column: picture})

    def _group(self, group: list[_Row], join: Join) -> Records:
        if not group:
            return
        head, *variants = group
        why = self._why(head)
        name = self._id(head) if variants and not join.key else ""
        self._count(head, variants)
        if not head.given:
            head.given = True
            yield from self._given(_grouped(head.record, name), why)
        for row in variants:
            fields = self._inherited(row.fields, head.fields)
            if join.key:
                self._name(fields, row, join)
            record = replace(row.record, fields=fields)
            yield from self._given(_grouped(record, name), why or self._why(row))

    def _name(self, fields: Fields, row: _Row, join: Join) -> None:
        """Give a variant without an id the key and its options as one, so that it has its own."""
        keys = join.key.split()
        columns = [
            name for name in self._platform.columns["product_id"].split() if name not in keys
        ]
        if not row.first(" ".join(columns)):
            column = next((row.header.by_name[c] for c in columns if c in row.header.by_name), "id")
            parts = [row.first(join.key), *row.header.pair_values(row.raw)]
            fields[column] = "/".join(parts)

    def _count(self, head: _Row, variants: list[_Row]) -> None:
        """Put right the count of a product that is not counted, or only by its variants."""
        for column, (beside, words) in self._platform.uncounted.items():
            name = head.header.by_name.get(column)
            if name is not None and fold_name(head.first(beside)) in words.split():
                texts = (row.first(column) for row in variants)
                count = max(filter(_COUNT.fullmatch, texts), key=int, default=None)
                head.record = replace(head.record, fields={**head.fields, name: count})

    # Variants within their product.

    def _nested(self, items: Records, join: Join) -> Records:
        for item in items:
            if isinstance(item, Rejected):
                yield item
                continue
            row = self._row(item)
            column = row.header.by_name.get(join.children)
            variants = _objects(item.fields.get(column)) if column else []
            if column is None or not variants:
                yield from self._given(row.record, self._why(row))
                continue
            why = self._why(row)
            key = row.first(join.key)
            names = _option_names(item.fields.get("options"))
            parent = {
                name: value for name, value in row.fields.items() if name not in (column, "options")
            }
            for variant in variants:
                folded = {fold_name(f"{join.children}.{name}"): name for name in variant}
                variant.update(available(self._platform, folded, variant))
                fields = _variant(variant, parent, column, names)
                yield from self._given(_grouped(replace(item, fields=fields), key), why)

    # Variants that name their parent, or parents that name their variants.

    def _by_key(self, items: Records, join: Join) -> Records:
        spool = Spool()
        try:
            for item in self._whole(items, join) if join.continued else items:
                if isinstance(item, Rejected):
                    yield item
                    continue
                try:
                    self._keep(spool, item, join)
                except (RecursionError, ValueError) as error:
                    reason = f"the record cannot be taken in ({error})"
                    yield Rejected(reason, source=item.source, line=item.line)
            for _ in range(spool.link()):
                self._progress.skip("store-view rows")
            row = lru_cache(maxsize=256)(spool.row)
            for kept in spool:
                yield from self._completed(kept, row)
        finally:
            spool.close()

    def _whole(self, items: Records, join: Join) -> Records:
        """Yield rows with what those without a key below them say."""
        held: RawRecord | None = None
        more: list[RawRecord] = []
        for item in items:
            if isinstance(item, Rejected):
                yield item
                continue
            keyed = self._header(tuple(item.fields)).first(item.fields, join.key)
            if held is not None and not keyed and len(more) < _LONGEST_CONTINUED:
                more.append(item)
                self._progress.skip("rows that go on with the product above")
                continue
            if held is not None:
                yield self._continued(held, more, join)
            held, more = item, []
        if held is not None:
            yield self._continued(held, more, join)

    def _continued(self, first: RawRecord, more: list[RawRecord], join: Join) -> RawRecord:
        if not more:
            return first
        fields = dict(first.fields)
        listed = {
            name
            for each in join.children.split()
            if (name := self._header(tuple(fields)).by_name.get(each))
        }
        for name in listed:
            values = (each.fields.get(name) for each in (first, *more))
            fields[name] = [value for value in values if not is_empty(value)]
        for each in more:
            for name, value in each.fields.items():
                if name not in listed and is_empty(fields.get(name)):
                    fields[name] = value
        return replace(first, fields=fields)

    def _keep(self, spool: Spool, item: RawRecord, join: Join) -> None:
        row = self._row(item)
        number = row.first(join.number)
        parent, parent_number = row.first(join.parent), row.first(join.parent_number)
        if not parent and parent_number not in ("", "0"):
            parent = f"{NUMBER}{parent_number}"
        kinds = {part.strip() for part in row.first(join.kind).casefold().split(",")}
        fields = dict(row.fields)
        columns = (row.header.by_name.get(each, "") for each in join.children.split())
        variants = [each for name in columns for each in _variants(fields.pop(name, None), join)]
        for name in dict.fromkeys(name for _, said in variants for name in said):
            values = dict.fromkeys(str(said[name]) for _, said in variants if name in said)
            put(fields, name, list(values))
        store = row.first(join.overlay)
        head = bool(variants) or bool(kinds & set(join.heads.split()))
        if head and self._platform.head_zero:
            fields = row.header.without_zeros(fields)
        spool.add(
            replace(row.record, fields=fields),
            keys=[row.first(join.key), *([f"{NUMBER}{number}"] if number else [])],
            product_id=self._id(row),
            parent=parent,
            overlay=bool(store) and not {*store.split(",")} & {*join.everywhere.split()},
            head=head,
            why=(self._why(row, joined=True), self._why(row)),
            variants=variants,
        )

    def _completed(self, kept: Kept, row: Callable[[int], Kept]) -> Records:
        """Give a row with all that its parents say, and the id of the topmost as its group."""
        fields = dict(kept.record.fields)
        for name, value in kept.said.items():
            put(fields, name, value)
        why = kept.why[0] if kept.up is not None else kept.why[1]
        seen = {kept.number}
        above = kept
        while above.up is not None and above.up not in seen:
            above = row(above.up)
            seen.add(above.number)
            fields = self._inherited(fields, above.record.fields)
            why = why or above.why[0]
        group = above.parent.removeprefix(NUMBER) if above.parent else above.product_id
        related = above is not kept or above.parent or kept.head or kept.has_variants
        record = replace(kept.record, fields=fields)
        yield from self._given(_grouped(record, group if related else ""), why)


def _grouped(record: RawRecord, group: str) -> RawRecord:
    if not group or not is_empty(record.fields.get(GROUP)):
        return record
    return replace(record, fields={**record.fields, GROUP: group})


def _digest(row: _Row, passing: list[str]) -> str:
    """Return 8 hexadecimal digits for the cells of a row that are not among the passing ones."""
    lasting = sorted(
        (name, as_word(row.raw[column]))
        for name, column in row.header.by_name.items()
        if name not in passing
    )
    text = json.dumps(lasting, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _variants(listed: object, join: Join) -> list[tuple[str, Fields]]:
    """Return the key of each variant that a parent lists, with what it says of it."""
    variants: list[tuple[str, Fields]] = []
    for text in map(as_word, listed if isinstance(listed, list) else [listed]):
        for part in text.split("|" if join.child else ","):
            said: Fields = dict(unpacked(part, _LIST)) if join.child else {}
            if key := as_word(said.pop(join.child, None)) if join.child else part.strip():
                variants.append((key, said))
    return variants


def _objects(value: object) -> list[Fields]:
    """Return the objects of a list, also where GraphQL wraps them in edges and nodes."""
    if isinstance(value, Mapping):
        nested = value.get("edges", value.get("nodes"))
        value = nested if nested is not None else [value]
    if not isinstance(value, list):
        return []
    found = [each.get("node", each) for each in value if isinstance(each, Mapping)]
    return [dict(each) for each in found if isinstance(each, Mapping)]


def _variant(variant: Fields, parent: Fields, column: str, names: list[str]) -> Fields:
    """Return a variant below the name of its list, with its options and its product's fields."""
    options = {
        name: as_word(variant.get(f"option{number}")) for number, name in enumerate(names, start=1)
    }
    chosen = unpacked(variant.get("selectedOptions"), _LIST)
    options.update((name, as_word(value)) for name, value in chosen)
    fields = {
        **parent,
        column: {name: value for name, value in variant.items() if not _OPTION.fullmatch(name)},
    }
    for name, option in options.items():
        if option != "Default Title":
            put(fields, name, option)
    return fields


def _option_names(value: object) -> list[str]:
    names = (
        [each.get("name") if isinstance(each, Mapping) else each for each in value]
        if (isinstance(value, list))
        else []
    )
    return [as_word(name) for name in names]

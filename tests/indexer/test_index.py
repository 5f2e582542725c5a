from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tantivy
from dsv3 import ECommRetriever, Product
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.errors import Dsv3Error, EncoderError, FilterError, InputError, RecordError, ShopError
from dsv3.indexer import build
from dsv3.indexer import catalog as catalog_module
from dsv3.indexer.catalog import Catalog, Change
from dsv3.indexer.index import Indexed, index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.inspect import inspect_shop
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.lexical.index import TEXT_FIELDS, LexicalDocument
from dsv3.indexer.product import LONGEST_ID, LONGEST_TEXT, MOST_ATTRIBUTES
from dsv3.indexer.snapshot import Snapshot
from dsv3.indexer.sources.products import SourceItem

Record = dict[str, Any]
HASHING = {"encoder": "hashing:64"}


def record(number: int, **other: Any) -> Record:
    return {
        "id": f"p{number}",
        "title": f"Product number {number}",
        "brand": ["Tarnwell", "Ozmera"][number % 2],
        "price": 10 + number,
        "description": f"A thing with {number} uses",
        **other,
    }


class Source:
    """A file of records, and the shop made of it."""

    def __init__(self, folder: Path, catalog_url: str | None) -> None:
        self.file = folder / "products.jsonl"
        self.shop = folder / "shop.dsv3"
        self.catalog_url = catalog_url

    def write(self, records: list[Record | str]) -> None:
        lines = [each if isinstance(each, str) else json.dumps(each) for each in records]
        self.file.write_text("\n".join(lines))

    def index(self, records: list[Any] | None = None, **options: Any) -> Indexed:
        if records is not None:
            self.write(records)
        changes: Mapping[str, Any] = {**HASHING, **options.pop("changes", {})}
        reading = Reading([str(self.file)], **options.pop("reading", {}))
        url = self.catalog_url
        return index_shop(self.shop, reading, changes=changes, catalog_url=url, **options)

    def generation(self) -> Snapshot:
        pointer = (self.shop / "CURRENT").read_text().strip()
        return Snapshot(self.shop / "generations" / pointer)


@pytest.fixture
def source(tmp_path: Path, catalog_url: str) -> Source:
    return Source(tmp_path, catalog_url)


@pytest.fixture
def local(tmp_path: Path) -> Source:
    return Source(tmp_path, None)


def titles(shop: Path, query: str, **options: Any) -> list[str]:
    with ECommRetriever.open(shop) as retriever:
        return [hit.product.title for hit in retriever.retrieve(query, **options)]


def test_indexes_and_takes_in_only_what_changed(source: Source) -> None:
    records = [record(n) for n in range(30)]
    first = source.index(records)
    assert first.ingested is not None
    assert first.built is not None
    assert (first.ingested.added, first.built.encoding.encoded) == (30, 30)

    again = source.index()
    assert again.ingested is not None
    assert (again.ingested.unchanged, again.built) == (30, None)

    records[3]["title"] = "A zebra lamp"
    records[4]["price"] = 999
    changed = source.index([*records[:-1], record(50)])
    assert changed.ingested is not None
    assert changed.built is not None
    assert (changed.ingested.added, changed.ingested.changed) == (1, 2)
    assert changed.built.encoding.encoded == 2
    assert not changed.built.full
    assert len(source.generation().vectors) == 31
    assert "A zebra lamp" in titles(source.shop, "zebra", mode="lexical")
    assert titles(source.shop, "", where="price = 999") == ["Product number 4"]


def test_a_price_change_encodes_nothing_and_touches_no_vector(local: Source) -> None:
    local.index([record(n) for n in range(20)])
    before = local.generation()
    done = local.index([record(n, price=5, availability="in stock") for n in range(20)])
    assert done.built is not None
    assert done.built.encoding.encoded == 0
    after = local.generation()
    assert after.vectors.tombstone_share == 0
    assert np.array_equal(np.sort(after.vectors.rows()), np.sort(before.vectors.rows()))
    assert len(titles(local.shop, "", k=50, where="price = 5 and in_stock")) == 20


def test_sync_deletes_what_is_no_longer_there(source: Source) -> None:
    source.index([record(n) for n in range(10)])
    kept = source.index([record(n) for n in range(4)])
    assert kept.products == 10
    fewer = [record(n) for n in range(4)]
    refused = source.index(fewer, reading={"sync": True})
    assert refused.ingested is not None
    assert (refused.ingested.deleted, refused.products) == (0, 10)
    assert "6 of 10" in refused.ingested.kept
    assert "--allow-deleting 0.6" in refused.ingested.kept
    synced = source.index(fewer, reading={"sync": True, "most_deleted": 0.6})
    assert synced.ingested is not None
    assert (synced.ingested.deleted, synced.products) == (6, 4)
    assert len(titles(source.shop, "product", k=50)) == 4


def test_sync_deletes_what_is_no_longer_published(source: Source) -> None:
    source.index([record(n, status="active") for n in range(10)])
    hidden = [record(n, status="archived" if n < 3 else "active") for n in range(10)]
    kept = source.index(hidden)
    assert kept.ingested is not None
    assert (kept.ingested.met.unpublished, kept.products) == ({"archived": 3}, 10)
    refused = source.index(hidden, reading={"sync": True})
    assert refused.ingested is not None
    assert "3 of 10" in refused.ingested.kept
    synced = source.index(hidden, reading={"sync": True, "most_deleted": 0.3})
    assert synced.ingested is not None
    assert (synced.ingested.deleted, synced.products) == (3, 7)


def test_bad_records_are_rejected_and_the_rest_goes_on(source: Source) -> None:
    done = source.index(
        [
            record(1),
            "{not json",
            {"title": "no id"},
            {"id": "x"},
            record(2, title="<p></p>"),
            record(3),
        ]
    )
    assert done.products == 2
    assert done.ingested is not None
    assert done.ingested.rejected.total() == 4
    lines = (source.shop / "rejected.jsonl").read_text().splitlines()
    rejected = [json.loads(line) for line in lines]
    assert [each["line"] for each in rejected] == [2, 3, 4, 5]
    assert all(each["source"].endswith("products.jsonl") and each["reason"] for each in rejected)


def test_a_record_that_turns_bad_keeps_what_was_stored_of_it(local: Source) -> None:
    local.index([record(1), record(2)])
    done = local.index([record(1, title="<p></p>"), record(2)], reading={"sync": True})
    assert done.products == 2
    assert titles(local.shop, "", where="price = 11") == ["Product number 1"]


def test_a_price_that_says_no_amount_leaves_the_product_in(local: Source) -> None:
    local.index([record(1), record(2)])
    done = local.index([record(1, price="auf Anfrage"), record(2)], reading={"strict": True})
    assert done.products == 2
    assert titles(local.shop, "", where="price is null") == ["Product number 1"]


def test_strict_stops_at_the_first_bad_record(local: Source) -> None:
    with pytest.raises(RecordError, match=r"products\.jsonl, line 2"):
        local.index([record(1), record(2, title="<p></p>")], reading={"strict": True})


def test_of_a_duplicate_id_the_last_one_wins(local: Source) -> None:
    many = [record(n % 700, title=f"Take {n // 700} of {n % 700}") for n in range(1500)]
    done = local.index(many)
    assert done.ingested is not None
    assert (done.products, done.ingested.duplicates) == (700, 800)
    with ECommRetriever.open(local.shop) as shop:
        (last,) = shop.catalog.get(["p99"])
    assert last is not None
    assert last.title == "Take 2 of 99"


def test_a_bad_price_is_checked_before_a_good_shop_is_touched(local: Source) -> None:
    local.index([record(1)])
    with pytest.raises(InputError, match="missing"):
        index_shop(local.shop, Reading([str(local.file.with_name("missing.jsonl"))]))
    assert titles(local.shop, "") == ["Product number 1"]


@pytest.mark.parametrize(
    ("changes", "full"),
    [
        ({"template": "{brand} {title}"}, True),
        ({"language": "german"}, True),
        ({"index": "HNSW16"}, True),
        ({"dim": 16}, True),
        ({"encoder": "hashing:32"}, True),
        ({}, None),
    ],
)
def test_a_changed_setting_rebuilds_and_is_remembered(
    local: Source, changes: Mapping[str, Any], full: bool | None
) -> None:
    local.index([record(n) for n in range(40)])
    done = local.index(changes=changes)
    assert (done.built.full if done.built else None) == full
    assert local.index(changes=changes).built is None
    again = index_shop(local.shop, Reading([str(local.file)]))
    assert again.built is None
    assert "Product number 7" in titles(local.shop, "Product number 7", mode="dense")
    if "dim" in changes:
        assert local.generation().vectors.dim == 16


def test_rebuild_from_the_catalog_alone(local: Source) -> None:
    local.index([record(n) for n in range(5)])
    local.file.unlink()
    assert index_shop(local.shop).built is None
    done = index_shop(local.shop, rebuild=True)
    assert done.built is not None
    assert (done.built.full, done.built.encoding.encoded, done.products) == (True, 0, 5)


def test_pruning_keeps_the_vectors_that_are_needed_and_no_others(local: Source) -> None:
    local.index([record(n) for n in range(10)])
    local.index(changes={"encoder": "hashing:96"})
    changed = [record(n, title="Another" if n == 3 else "Same") for n in range(10)]
    done = local.index(changed, changes={"encoder": "hashing:96"})
    assert done.pruned == 0
    done = local.index(changed, changes={"encoder": "hashing:96"}, prune=True)
    assert done.built is None
    assert done.pruned == 10 + 10
    again = local.index(changes={"encoder": "hashing:96"}, rebuild=True)
    assert again.built is not None
    assert again.built.encoding.encoded == 0
    back = local.index()
    assert back.built is not None
    assert back.built.encoding.encoded == 10


def test_many_changes_compact_the_index(local: Source) -> None:
    records = [record(n) for n in range(40)]
    local.index(records)
    for turn in range(1, 8):
        for n in range(turn, 40, 8):
            records[n]["title"] = f"Renamed {turn} {n}"
        local.index(records)
        snapshot = local.generation()
        assert len(snapshot.vectors) == 40
        assert snapshot.vectors.tombstone_share <= 0.25
    assert titles(local.shop, "Renamed 7 39", k=1) == ["Renamed 7 39"]


@pytest.mark.parametrize("part", ["_encode", "_vectors", "_lexical", "_columns", "_manifest"])
def test_a_failure_anywhere_leaves_the_last_generation_served(
    local: Source, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    local.index([record(n) for n in range(10)])

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build._Build, part, fail)
        with pytest.raises(KeyboardInterrupt):
            local.index([record(n, title=f"New {n}") for n in range(10)])
    assert titles(local.shop, "", k=1, where="title like 'Product%'") != []
    with ECommRetriever.open(local.shop) as shop:
        assert len(shop.snapshot().vectors) == 10
    done = local.index()
    assert done.built is not None
    assert titles(local.shop, "", k=50, where="title like 'Product%'") == []


def test_an_empty_source_makes_an_empty_shop(local: Source) -> None:
    done = local.index([])
    assert done.products == 0
    assert titles(local.shop, "anything") == []
    assert titles(local.shop, "") == []


def test_inspection_tells_what_there_is_and_what_is_wrong(local: Source) -> None:
    local.index([record(n) for n in range(10)])
    found = inspect_shop(local.shop, check=True)
    assert (found["products"], found["problems"]) == (10, [])
    assert found["generation"]["encoder"]["name"] == "hashing:64"
    with ECommRetriever.open(local.shop) as shop:
        shop.catalog.upsert([Product("new", "New")])
    assert "1 changes behind" in inspect_shop(local.shop)["problems"][0]
    damaged = local.generation().folder / "columns" / "number.arrow"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    problems = inspect_shop(local.shop, check=True)["problems"]
    assert any("columns/number.arrow" in problem for problem in problems)


def test_a_shop_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    checks: list[Callable[[Path], object]] = [ECommRetriever.open, inspect_shop]
    for check in checks:
        with pytest.raises(ShopError, match="dsv3 index"):
            check(tmp_path / "none.dsv3")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Dsv3Error, match="is a file"):
        index_shop(file)


@pytest.mark.parametrize("cut", ["gzip", "array", "nothing", "line", "row"])
def test_sync_deletes_nothing_where_the_source_breaks_off(local: Source, cut: str) -> None:
    local.index([record(n) for n in range(30)])
    broken = {
        "gzip": (".jsonl.gz", gzip.compress(local.file.read_bytes())[:-40]),
        "array": (".json", b"[" + local.file.read_bytes().replace(b"\n", b",")[:900]),
        "nothing": (".jsonl", b""),
        "line": (".jsonl", local.file.read_bytes()[:-20]),
        "row": (".csv", b"id,title,price\np1,x,2\np2,y"),
    }
    suffix, content = broken[cut]
    file = local.file.with_suffix(suffix)
    file.write_bytes(content)
    done = index_shop(local.shop, Reading([str(file)], sync=True, most_deleted=1))
    assert done.ingested is not None
    assert done.ingested.kept
    assert (done.ingested.deleted, done.products) == (0, 30)


@pytest.mark.parametrize("bad", ['{"id": "p3", "ti\n', "garbage\n", "[1, 2]\n"])
def test_sync_deletes_nothing_where_nobody_knows_whose_a_record_is(local: Source, bad: str) -> None:
    local.index([record(number) for number in range(30)])
    lines = [json.dumps(record(number)) + "\n" for number in range(30)]
    file = local.shop.parent / "broken.jsonl"
    file.write_text("".join([*lines[:3], bad, *lines[4:]]))
    done = index_shop(local.shop, Reading([str(file)], sync=True))
    assert done.ingested is not None
    assert "1 records could not be read, maybe of the 1 products" in done.ingested.kept
    assert done.products == 30
    done = index_shop(local.shop, Reading([str(file)], sync=True, most_deleted=0.1))
    assert done.products == 29


def test_sync_goes_on_where_a_record_is_rejected_whose_fields_were_read(local: Source) -> None:
    local.index([record(number) for number in range(30)])
    rows = [record(number) for number in range(29)] + [{"id": "", "title": "Total"}]
    file = local.shop.parent / "total.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert index_shop(local.shop, Reading([str(file)], sync=True)).products == 29


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": "none"},
        {"language": "klingon"},
        {"index": "IVF,x"},
        {"dim": 0},
        {"dim": 10**20},
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_read_or_remembered(
    local: Source, wrong: Mapping[str, Any]
) -> None:
    local.write([record(1)])
    with pytest.raises(InputError, match=next(iter(wrong))):
        index_shop(local.shop, Reading(["-"]), changes={**HASHING, **wrong})
    assert local.index([record(1)]).products == 1


def test_without_a_source_no_shop_is_made(local: Source) -> None:
    with pytest.raises(InputError, match="name a source"):
        index_shop(local.shop)
    assert not local.shop.exists()


def test_a_placeholder_that_no_product_fills_is_told(local: Source) -> None:
    done = local.index(
        [record(1, colour="red"), record(2)], changes={"template": "{titel} {colour} {description}"}
    )
    assert done.built is not None
    assert done.built.never_filled == ("titel",)


def test_while_another_encoder_is_brought_in_the_last_generation_is_served(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.index([record(n) for n in range(10)])

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with ECommRetriever.open(local.shop) as early:
        assert early.retrieve("Product number 7", mode="dense").hits[0].product_id == "p7"
        with monkeypatch.context() as patch:
            patch.setattr(build._Build, "_vectors", fail)
            with pytest.raises(KeyboardInterrupt):
                local.index(changes={"encoder": "hashing:96"})
        assert titles(local.shop, "Product number 7", mode="dense", k=1) == ["Product number 7"]
        local.index(changes={"encoder": "hashing:96"})
        assert early.encoder.dim == 96
        assert early.retrieve("Product number 7", mode="dense").hits[0].product_id == "p7"


def test_each_change_is_read_once(local: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    made: list[int] = []
    changes, of = Catalog.changes, LexicalDocument.of

    def counted(catalog: Catalog, since: int = 0) -> Iterator[Change]:
        for change in changes(catalog, since):
            read.append(change.row)
            yield change

    def counting(row: int, product: Product) -> LexicalDocument:
        made.append(row)
        return of(row, product)

    monkeypatch.setattr(Catalog, "changes", counted)
    monkeypatch.setattr(LexicalDocument, "of", counting)
    local.index([record(n) for n in range(50)])
    assert len(read) == len(set(read)) == len(made) == 50
    read.clear()
    made.clear()
    local.index([record(n, price=1) if n == 3 else record(n) for n in range(50)])
    assert len(read) == len(made) == 1


def test_a_run_that_fails_midway_leaves_the_last_generation_and_what_it_encoded(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.index([record(n) for n in range(1500)])
    first = local.generation()
    put_many = EmbeddingCache.put_many
    stored = 0

    def failing(cache: EmbeddingCache, fingerprint: str, keys: Any, *rest: Any) -> None:
        nonlocal stored
        if stored:
            raise EncoderError("out of memory")
        put_many(cache, fingerprint, keys, *rest)
        stored += len(keys)

    again = [record(n, title=f"Edition two of product {n}") for n in range(1500)]
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddingCache, "put_many", failing)
        with pytest.raises(EncoderError, match="out of memory"):
            local.index(again, workers=1)
    assert stored
    assert local.generation().manifest == first.manifest
    assert [path.name for path in (local.shop / "generations").iterdir()] == ["000001"]
    assert titles(local.shop, "edition", mode="lexical") == []
    done = local.index(again, workers=1)
    assert done.built is not None
    assert done.built.encoding.reused == stored
    assert len(titles(local.shop, "edition", mode="lexical", k=2)) == 2


def test_records_read_before_are_not_converted(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.index([record(n) for n in range(300)])
    converted: list[str] = []
    original = SourceItem.to_product

    def counted(item: SourceItem) -> Product:
        converted.append(item.product_id)
        return original(item)

    monkeypatch.setattr(SourceItem, "to_product", counted)
    local.index([record(n, price=1) if n == 17 else record(n) for n in range(300)])
    assert converted == ["p17"]


def test_a_run_that_fails_leaves_the_settings_as_they_were(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.index([record(n) for n in range(5)])
    before = (local.shop / "settings.json").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    changes = {"encoder": "hashing:32", "template": "{title}", "dim": 16}
    with monkeypatch.context() as patch:
        patch.setattr(build._Build, "_vectors", fail)
        with pytest.raises(KeyboardInterrupt):
            local.index([record(n) for n in range(6)], changes=changes)
    assert (local.shop / "settings.json").read_bytes() == before
    with pytest.raises(InputError, match="missing"):
        index_shop(local.shop, Reading(["missing.jsonl"]), changes=changes)
    assert (local.shop / "settings.json").read_bytes() == before
    with ECommRetriever.open(local.shop) as shop:
        shop.upsert([Product("new", "New")])
        assert shop.snapshot().manifest.encoder["name"] == "hashing:64"


def test_a_long_lived_writer_takes_the_settings_of_another_process(local: Source) -> None:
    local.index([record(n) for n in range(5)])
    with ECommRetriever.open(local.shop) as writer:
        writer.upsert([Product("one", "One")])
        local.index(changes={"encoder": "hashing:32", "template": "{title}"})
        done = local.generation().manifest
        writer.upsert([Product("two", "Two")])
        after = local.generation().manifest
        assert (after.encoder, after.settings) == (done.encoder, done.settings)
        assert after.encoder["name"] == "hashing:32"
        assert writer.retrieve("Two", mode="dense").hits[0].product_id == "two"


@pytest.mark.parametrize("sources", [["missing.jsonl"], ["list.xlsx"]])
def test_a_first_run_that_read_nothing_leaves_no_shop(local: Source, sources: list[str]) -> None:
    with pytest.raises(InputError):
        index_shop(local.shop, Reading(sources), changes=HASHING)
    assert not local.shop.exists()
    local.shop.mkdir()
    (local.shop / "notes.txt").write_text("mine")
    with pytest.raises(InputError):
        index_shop(local.shop, Reading(sources), changes=HASHING)
    left = {path.name for path in local.shop.iterdir()}
    assert left - {".lock", ".queue"} == {"notes.txt"}
    assert local.index([record(1)]).products == 1


def test_a_first_run_that_was_not_finished_is_told_and_finished(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build._Build, "_vectors", fail)
        with pytest.raises(KeyboardInterrupt):
            local.index([record(n) for n in range(5)])
    found = inspect_shop(local.shop)
    assert (found["products"], found["generation"]) == (5, None)
    assert "the first run was not finished" in found["problems"][0]
    with pytest.raises(ShopError, match="has no generation yet"):
        ECommRetriever.open(local.shop)
    done = index_shop(local.shop)
    assert done.built is not None
    assert done.built.manifest.encoder["name"] == "hashing:64"
    assert done.built.encoding.encoded == 0


def test_cells_and_records_that_are_too_long_are_told(local: Source) -> None:
    long = "word " * 50_000
    wide = record(3, **{f"f{n}": 1 for n in range(MOST_ATTRIBUTES + 1)})
    done = local.index([record(1, title=long, spec={"note": [long]}), record(2), wide])
    assert done.ingested is not None
    assert done.ingested.met.cut == {"title": 1, "spec": 1}
    [reason] = done.ingested.rejected
    assert "fields; at most" in reason
    assert done.products == 2
    with ECommRetriever.open(local.shop) as retriever:
        [product] = retriever.catalog.get(["p1"])
    assert product is not None
    assert len(product.title) <= LONGEST_TEXT


BAD: list[dict[str, Any]] = [
    {"product_id": 5},
    {"product_id": ""},
    {"product_id": "x" * (LONGEST_ID + 1)},
    {"title": None},
    {"title": ""},
    {"title": "half \ud800"},
    {"title": "nul \0"},
    {"title": "x" * (LONGEST_TEXT + 1)},
    {"description": None},
    {"brand": 5},
    {"price": "5"},
    {"price": math.nan},
    {"price": True},
    {"in_stock": 1},
    {"codes": None},
    {"codes": "123"},
    {"codes": (None,)},
    {"codes": (123,)},
    {"attributes": None},
    {"attributes": {"colour": None}},
    {"attributes": {5: "x"}},
    {"attributes": {"sizes": (1, 2)}},
    {"attributes": {"size": {"a": 1}}},
    {"attributes": {"size": math.inf}},
    {"attributes": {"size": 1 << 70}},
]


@pytest.mark.parametrize("wrong", BAD, ids=[str(each)[:40] for each in BAD])
def test_what_cannot_be_indexed_is_refused_at_the_door(
    local: Source, wrong: dict[str, Any]
) -> None:
    local.index([record(1)])
    with ECommRetriever.open(local.shop) as retriever:
        with pytest.raises(RecordError, match="cannot be stored"):
            retriever.upsert([Product(**{"product_id": "b", "title": "Bad", **wrong})])
        retriever.upsert([Product("c", "Good")])
        assert len(retriever.catalog) == 2
        assert retriever.retrieve("good", mode="lexical").total == 1


def test_a_build_names_and_leaves_out_what_was_stored_before(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.index([record(1), record(2)])
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "plain_product", lambda product: product)
        with Catalog(local.shop / "catalog.sqlite") as catalog:
            catalog.upsert(
                [
                    Product("bad", "Bad", attributes={"colour": None}),  # type: ignore[dict-item]
                    Product("p1", "Bad, too", codes=(None,)),  # type: ignore[arg-type]
                    Product("good", "Good"),
                ]
            )
    done = index_shop(local.shop)
    assert done.built is not None
    assert set(done.built.left_out) == {"bad", "p1"}
    assert "colour is None" in done.built.left_out["bad"]
    with ECommRetriever.open(local.shop) as retriever:
        found = [hit.product_id for hit in retriever.retrieve("").hits]
    assert sorted(found) == ["good", "p2"]


def test_what_a_killed_run_left_is_removed(local: Source, tmp_path: Path) -> None:
    local.index([record(1)])
    left = [local.shop / f".{name}.unfinished-123" for name in ("settings.json", "CURRENT")]
    for path in left:
        path.write_text("half")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    (local.shop / "generations" / ".new-000002").symlink_to(elsewhere)
    (local.shop / "generations" / ".new-000003").write_text("a file")
    done = local.index([record(1), record(2)])
    assert done.products == 2
    assert not any(path.exists() for path in left)
    assert (elsewhere / "mine").exists()
    assert not list((local.shop / "generations").glob(".new-*"))


def test_quantities_are_filtered_as_numbers_and_change_no_text(local: Source) -> None:
    local.index([record(1, title="Water 1.5 l"), record(2, title="Water 750ml"), record(3)])
    assert titles(local.shop, "", where="volume_l >= 1") == ["Water 1.5 l"]
    assert titles(local.shop, "", where="volume_l = 0.75") == ["Water 750ml"]
    with ECommRetriever.open(local.shop) as retriever:
        [water] = retriever.retrieve("", where="volume_l > 1")
    assert "volume_l" not in water.product.attributes


def test_a_shop_indexed_before_gets_quantities_at_its_next_build(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("dsv3.indexer.columns.values.quantity_values", lambda _product: ())
        before.setattr("dsv3.indexer.build.DERIVATION", 0)
        local.index([record(n, title=f"Water {n} l") for n in range(1, 5)])
        with pytest.raises(FilterError, match="volume_l"):
            titles(local.shop, "", where="volume_l >= 3")
    done = local.index([record(4, title="Water 9 l")])
    assert done.built is not None
    assert (done.built.full, done.built.encoding.encoded) == (False, 1)
    assert set(titles(local.shop, "", where="volume_l >= 3")) == {"Water 3 l", "Water 9 l"}
    assert len(titles(local.shop, "", where="price > 0")) == 4
    assert local.index([record(4, title="Water 9 l")]).built is None


def test_a_shop_indexed_before_gets_marks_at_its_next_build(
    local: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fields_of_before() -> tantivy.Schema:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("row", indexed=True, fast=True)
        builder.add_text_field("code", tokenizer_name="raw", index_option="basic")
        for field in TEXT_FIELDS:
            builder.add_text_field(field, tokenizer_name="product_text")
        return builder.build()

    def found(query: str) -> tuple[list[str], str]:
        with ECommRetriever.open(local.shop) as retriever:
            results = retriever.retrieve(query, k=4, mode="lexical", explain=True)
            return [hit.product.title for hit in results], results.plan.get("signs", "")

    named = [record(n, title=f"Voucher{'+' * (n % 2)} {n}") for n in range(1, 5)]
    with monkeypatch.context() as before:
        before.setattr("dsv3.indexer.lexical.index._schema", fields_of_before)
        before.setattr("dsv3.indexer.lexical.index._to_tantivy", _entry_of_before)
        before.setattr("dsv3.indexer.build.KEYWORDS", 0)
        local.index(named)
        assert len(found("voucher+")[0]) == 4
        assert found("voucher+")[1] == ""
        assert len(found("vuocher")[0]) == 4  # spelling knows the terms alone
    done = local.index([*named[:3], record(4, title="Voucher 9")])
    assert done.built is not None
    assert (done.built.full, done.built.encoding.encoded) == (False, 1)
    titles_found, told = found("voucher+")
    assert set(titles_found[:2]) == {"Voucher+ 1", "Voucher+ 3"}
    assert len(titles_found) == 4
    assert "voucher+" in told
    assert local.index([*named[:3], record(4, title="Voucher 9")]).built is None


def _entry_of_before(document: LexicalDocument, analysis: Analysis) -> tantivy.Document:
    made = tantivy.Document()
    made.add_unsigned("row", document.row)
    for field, text in document.texts.items():
        if text:
            made.add_text(field, analysis.prepare(text))
    return made


def test_prices_of_several_currencies_are_never_compared_in_silence(local: Source) -> None:
    local.index([record(n, currency="EUR" if n < 3 else "USD") for n in range(5)])
    with ECommRetriever.open(local.shop) as retriever:

        def told(**options: Any) -> str:
            return retriever.retrieve("product", **options).plan.get("currency", "")

        assert "EUR (3), USD (2)" in told(where="price < 100")
        assert "currency = 'EUR'" in told(sort="price:asc")
        assert told(where="price < 100 and currency = 'USD'") == ""
        assert told(where="brand is not null") == told() == ""

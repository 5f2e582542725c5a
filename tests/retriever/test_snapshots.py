"""What is shown is what was filtered, of one shop at one moment, whatever is done beside."""

from __future__ import annotations

import gc
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dsv3 import ECommRetriever, Product, files
from dsv3.errors import DiskFullError, ShopError
from dsv3.indexer import build, generation
from dsv3.indexer.catalog import Catalog
from dsv3.indexer.columns.read import Columns
from dsv3.indexer.generation import Manifest
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.ledger import Ledger
from dsv3.indexer.lexical.index import LexicalIndex
from dsv3.indexer.product_store import ProductStore
from dsv3.indexer.settings import Settings
from dsv3.indexer.shop import Shop


def make(folder: Path, brand: str, prices: list[float], encoder: str = "hashing:32") -> Path:
    source = folder.with_suffix(".jsonl")
    records = [
        {"id": f"{brand}-{n}", "title": f"{brand} lamp {n}", "brand": brand, "price": price}
        for n, price in enumerate(prices)
    ]
    source.write_text("\n".join(map(json.dumps, records)))
    index_shop(folder, Reading([str(source)]), changes={"encoder": encoder}, workers=1)
    return folder


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return make(tmp_path / "live", "Tarnwell", [5, 10, 15])


@pytest.fixture
def reader(live: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(live) as opened:
        opened.retrieve("lamp")
        yield opened


def test_a_shop_put_in_the_place_of_an_open_one_is_opened(
    tmp_path: Path, live: Path, reader: ECommRetriever
) -> None:
    assert [hit.product.brand for hit in reader.retrieve("", k=9)] == ["Tarnwell"] * 3
    new = make(tmp_path / "new", "Ozmera", [50, 60, 70, 80])
    live.rename(tmp_path / "old")
    new.rename(live)
    for query in ("", "lamp"):
        hits = reader.retrieve(query, k=9, where="brand = 'Ozmera'")
        assert [hit.product.brand for hit in hits] == ["Ozmera"] * 4
        assert not reader.retrieve(query, where="brand = 'Tarnwell'").hits
    assert reader.catalog.get(["Tarnwell-0"]) == [None]
    assert {product.brand for product in reader.products()} == {"Ozmera"}


def test_a_change_goes_to_the_shop_that_is_there_now(
    tmp_path: Path, live: Path, reader: ECommRetriever
) -> None:
    assert len(reader.catalog) == 3
    new = make(tmp_path / "new", "Ozmera", [50, 60])
    live.rename(tmp_path / "old")
    new.rename(live)
    assert reader.upsert([Product("n", "New lamp", brand="Ozmera")]) == 1
    assert reader.retrieve("", k=9).total == 3
    with Catalog(tmp_path / "old" / "catalog.sqlite", mode="write") as old:
        assert old.get(["n"]) == [None]


@pytest.mark.parametrize("linux", [True, False])
def test_a_part_of_another_shop_is_never_taken_for_one_s_own(
    tmp_path: Path, live: Path, monkeypatch: pytest.MonkeyPatch, linux: bool
) -> None:
    if not linux:  # where a folder is found by its name alone
        monkeypatch.setattr(files, "_PINNED", "/none/")
    with ECommRetriever.open(live) as reader:
        snapshot = reader.snapshot()
        new = make(tmp_path / "new", "Ozmera", [50, 60, 70, 80])
        live.rename(tmp_path / "old")
        new.rename(live)
        for part in ("vectors", "lexical", "products", "ledger"):
            if linux:
                assert len(getattr(snapshot, part)) == 3
            else:
                with pytest.raises(ShopError, match="was replaced"):
                    getattr(snapshot, part)


def swap(tmp_path: Path) -> None:
    """Put the folder `new` in the place of `live`, and the other way round."""
    (tmp_path / "live").rename(tmp_path / "between")
    (tmp_path / "new").rename(tmp_path / "live")
    (tmp_path / "between").rename(tmp_path / "new")


def brands(shop: Path) -> set[str | None]:
    with ECommRetriever.open(shop) as reader:
        return {product.brand for product in reader.products()}


@pytest.mark.parametrize("moment", ["source", "written", "catalog"])
def test_a_run_whose_folder_is_swapped_publishes_nothing_in_the_other(
    tmp_path: Path, live: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    new = make(tmp_path / "new", "Ozmera", [50, 60, 70, 80])
    source = tmp_path / "more.jsonl"
    source.write_text(json.dumps({"id": "m", "title": "More", "brand": "Ilgaz"}))
    done: list[int] = []

    def swapped(*_: object) -> None:
        if not done:
            done.append(1)
            if moment == "catalog":
                (live / "catalog.sqlite").rename(live / "away")
                shutil.copy(new / "catalog.sqlite", live / "catalog.sqlite")
            else:
                swap(tmp_path)

    if moment == "written":
        written = Manifest.write

        def write(self: Manifest, folder: Path) -> None:
            written(self, folder)
            swapped()

        monkeypatch.setattr(Manifest, "write", write)
    with pytest.raises(ShopError, match="was replaced") as refused:
        index_shop(live, Reading([str(source)]), on_recognised=swapped, workers=1)
    assert "\n" not in str(refused.value)
    monkeypatch.undo()
    if moment == "catalog":
        assert brands(live) == {"Tarnwell"}
        return
    assert brands(live) == {"Ozmera"}
    assert brands(new) == {"Tarnwell"}
    assert sorted(path.name for path in (live / "generations").iterdir()) == ["000001"]
    index_shop(new)
    assert brands(new) == {"Tarnwell", "Ilgaz"}
    assert index_shop(live).built is None


def test_a_folder_swapped_there_and_back_changes_nothing_of_a_run(
    tmp_path: Path, live: Path
) -> None:
    make(tmp_path / "new", "Ozmera", [50, 60, 70, 80])
    source = tmp_path / "more.jsonl"
    source.write_text(json.dumps({"id": "m", "title": "More", "brand": "Ilgaz"}))

    def there_and_back(*_: object) -> None:
        swap(tmp_path)
        swap(tmp_path)

    index_shop(live, Reading([str(source)]), on_recognised=there_and_back, workers=1)
    assert brands(live) == {"Tarnwell", "Ilgaz"}
    assert brands(tmp_path / "new") == {"Ozmera"}


@pytest.mark.parametrize("back", [True, False])
@pytest.mark.parametrize(
    "moment",
    [
        (generation, "opening_fault"),
        (Settings, "read"),
        (Columns, "__init__"),
        (ProductStore, "__init__"),
        (LexicalIndex, "__init__"),
        (Ledger, "read"),
    ],
    ids=lambda moment: f"{moment[0].__name__}.{moment[1]}",
)
def test_what_a_reader_opens_while_folders_are_swapped_is_of_one_shop(
    tmp_path: Path,
    live: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    moment: tuple[Any, str],
    back: bool,
) -> None:
    make(tmp_path / "new", "Ozmera", [50, 60, 70, 80])
    reader = ECommRetriever(Shop(live))
    real, done = getattr(*moment), list[int]()

    def swapping(*given: Any, **named: Any) -> Any:
        begun = not done
        if begun:
            done.append(1)
            swap(tmp_path)
        try:
            return real(*given, **named)
        finally:
            if begun and back:
                swap(tmp_path)

    monkeypatch.setattr(*moment, swapping)
    for _ in range(3):
        page = reader.retrieve("lamp", k=9, where="price > 1", facets=["brand"])
        assert (page.total, {hit.product.brand for hit in page}) in (
            (3, {"Tarnwell"}),
            (4, {"Ozmera"}),
        )
        assert [value.count for value in page.facets["brand"]] == [page.total]
        last = reader.snapshot()
        sizes = len(last.ledger), len(last.lexical), len(last.vectors)
        assert sizes in ((3, 3, 3), (4, 4, 4))
    assert done
    assert page.total == (3 if back else 4)
    assert not caplog.records
    reader.close()


def test_facts_shown_are_the_facts_filtered_when_an_update_breaks_off(
    live: Path, reader: ECommRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build._Build, "_vectors", fail)
    with ECommRetriever.open(live) as writer:
        with pytest.raises(DiskFullError, match="no room left"):
            writer.upsert([Product("Tarnwell-0", "Gold lamp", price=999_999.0)])
        with pytest.raises(DiskFullError, match="no room left"):
            writer.delete(["Tarnwell-1"])
        assert [p and p.price for p in writer.catalog.get(["Tarnwell-0"])] == [999_999.0]
    with ECommRetriever.open(live) as fresh:
        for shop in (reader, fresh):
            hits = shop.retrieve("", where="price < 20").hits
            assert [hit.product.price for hit in hits] == [5, 10, 15]
            assert [hit.product.title for hit in hits] == [f"Tarnwell lamp {n}" for n in range(3)]
    monkeypatch.undo()
    index_shop(live)
    assert [hit.product.price for hit in reader.retrieve("", k=9)] == [999_999.0, 15]


def test_facts_shown_are_the_facts_filtered_while_products_are_written(
    live: Path, reader: ECommRetriever
) -> None:
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            hits = reader.retrieve("", k=9, where="price < 20").hits
            wrong.extend(hit for hit in hits if (hit.product.price or 0) >= 20)

    thread = threading.Thread(target=read)
    thread.start()
    with ECommRetriever.open(live) as writer:
        for price in (999.0, 5.0) * 6:
            writer.upsert([Product("Tarnwell-0", "Tarnwell lamp 0", price=price)])
    stop.set()
    thread.join()
    assert not wrong


def test_a_generation_is_read_to_its_end_though_others_are_published(live: Path) -> None:
    with ECommRetriever.open(live) as slow, ECommRetriever.open(live) as writer:
        snapshot = slow.snapshot()
        for n in range(5):
            writer.upsert([Product("new", f"New lamp {n}")])
        assert len(snapshot.vectors) == len(snapshot.ledger) == len(snapshot.lexical) == 3
        assert [product.price for _, product in snapshot.products.items()] == [5, 10, 15]
        assert slow.retrieve("lamp", k=9).total == 4
        del snapshot
        writer.upsert([Product("new", "Newest lamp")])
    assert len(list((live / "generations").iterdir())) <= 3


@pytest.mark.parametrize("lane", ["hybrid", "lexical", "dense"])
def test_a_thread_that_ends_leaves_no_descriptor(reader: ECommRetriever, lane: str) -> None:
    reader.retrieve("lamp", mode=lane)  # type: ignore[arg-type]
    before = descriptors()
    for _ in range(200):
        thread = threading.Thread(target=reader.retrieve, args=("lamp",), kwargs={"mode": lane})
        thread.start()
        thread.join()
    assert descriptors() <= before


def test_generations_that_come_and_go_leave_no_descriptor(reader: ECommRetriever) -> None:
    counts = []
    for n in range(12):
        reader.upsert([Product("new", f"New lamp {n}")])
        reader.retrieve("lamp", where="price < 20", facets=["brand"])
        counts.append(descriptors())
    assert max(counts[6:]) <= max(counts[:6]) + 2  # a merge makes a segment more or less


def test_a_generation_without_products_is_read_from_the_catalog(
    live: Path, reader: ECommRetriever
) -> None:
    (folder,) = (live / "generations").iterdir()
    shutil.rmtree(folder / "products")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["catalog"], manifest["blake2b"]
    manifest["files"] = {
        name: of for name, of in manifest["files"].items() if not name.startswith("products")
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with ECommRetriever.open(live) as shop:
        assert [hit.product.price for hit in shop.retrieve("lamp", where="price < 12")] == [5, 10]
        assert {product.brand for product in shop.products()} == {"Tarnwell"}
        assert shop.upsert([Product("n", "New lamp", price=1.0)]) == 1
        assert [hit.product.price for hit in shop.retrieve("", k=9)] == [5, 10, 15, 1]
        assert (shop.snapshot().folder / "products").is_dir()
    assert not list(live.glob("catalog.sqlite-*"))

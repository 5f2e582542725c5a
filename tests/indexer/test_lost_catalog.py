"""A generation is shown, changed and derived only beside the catalog that it was made from."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from dsv3 import ECommRetriever, Product
from dsv3.errors import Dsv3Error, ShopError
from dsv3.indexer.catalog import Catalog, NoCatalog
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.inspect import inspect_shop
from dsv3.indexer.trial import trial_shop

HASHING = {"encoder": "hashing:32"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "products.jsonl"
    file.write_text("\n".join(json.dumps({"id": f"p{n}", "title": f"Lamp {n}"}) for n in range(9)))
    return file


@pytest.fixture
def shop(tmp_path: Path, source: Path) -> Path:
    made = tmp_path / "shop.dsv3"
    index_shop(made, Reading([str(source)]), changes=HASHING, workers=1)
    return made


def found(shop: Path) -> list[str]:
    with ECommRetriever.open(shop) as retriever:
        return sorted(hit.product_id for hit in retriever.retrieve("", k=99))


def gone(shop: Path) -> None:
    for file in shop.glob("catalog.sqlite*"):
        file.unlink()


def another(shop: Path) -> None:
    gone(shop)
    with Catalog(shop / "catalog.sqlite") as catalog:
        catalog.upsert([Product(f"o{n}", f"Other {n}") for n in range(50)])


def older(shop: Path) -> None:
    saved = shop.with_name("saved.sqlite")
    shutil.copy(shop / "catalog.sqlite", saved)
    with ECommRetriever.open(shop) as retriever:
        retriever.upsert([Product("p9", "Lamp 9")])
        retriever.delete(["p9"])
    gone(shop)
    shutil.copy(saved, shop / "catalog.sqlite")


def diverged(shop: Path) -> None:
    saved = shop.with_name("saved.sqlite")
    shutil.copy(shop / "catalog.sqlite", saved)
    with ECommRetriever.open(shop) as retriever:
        retriever.upsert([Product("p0", "Lamp of here")])
        retriever.upsert([Product("p0", "Lamp 0")])
    gone(shop)
    with Catalog(saved) as catalog:
        for title in ("Lamp of there", "Lamp of there, too", "Lamp 0"):
            catalog.upsert([Product("p0", title)])
    shutil.copy(saved, shop / "catalog.sqlite")


def write(shop: Path) -> None:
    with ECommRetriever.open(shop) as retriever:
        retriever.upsert([Product("new", "New")])


def delete(shop: Path) -> None:
    with ECommRetriever.open(shop) as retriever:
        retriever.delete(["p1"])


def index(shop: Path) -> None:
    index_shop(shop)


def rebuild(shop: Path) -> None:
    index_shop(shop, rebuild=True)


def index_source(shop: Path) -> None:
    index_shop(shop, Reading([str(shop.with_name("products.jsonl"))]))


def index_changed(shop: Path) -> None:
    index_shop(shop, changes={"encoder": "hashing:64"})


def try_settings(shop: Path) -> None:
    with trial_shop(shop, {"encoder": "hashing:64"}):
        pass


CHANGES = [write, delete, index, rebuild, index_source, index_changed, try_settings]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (gone, "no catalog at"),
        (another, "not the catalog"),
        (older, "is older than"),
        (diverged, "changed apart"),
    ],
)
def test_nothing_is_changed_where_the_catalog_does_not_fit(
    shop: Path, lose: Callable[[Path], None], said: str, change: Callable[[Path], None]
) -> None:
    lose(shop)
    before = (shop / "CURRENT").read_text(), (shop / "settings.json").read_text()
    files = sorted(path.name for path in shop.glob("catalog.sqlite"))
    with pytest.raises(ShopError, match=said) as refused:
        change(shop)
    assert "--adopt-catalog" in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert ((shop / "CURRENT").read_text(), (shop / "settings.json").read_text()) == before
    assert sorted(path.name for path in shop.glob("catalog.sqlite")) == files
    assert found(shop) == [f"p{n}" for n in range(9)]
    problems = inspect_shop(shop)["problems"]
    assert any(said in problem and "--adopt-catalog" in problem for problem in problems)
    assert sorted(path.name for path in shop.glob("catalog.sqlite")) == files


@pytest.mark.parametrize(
    ("lose", "left"),
    [(gone, ["p3"]), (another, ["o0"]), (older, ["p0"]), (diverged, ["p0"])],
)
def test_what_is_left_is_adopted_where_that_is_wished(
    shop: Path, lose: Callable[[Path], None], left: list[str]
) -> None:
    lose(shop)
    one = shop.with_name("one.jsonl")
    one.write_text(json.dumps({"id": "p3", "title": "Lamp 3"}))
    done = index_shop(shop, Reading([str(one)]), adopt_catalog=True)
    assert done.built is not None
    assert done.built.full
    assert set(left) <= set(found(shop))
    assert inspect_shop(shop, check=True)["problems"] == []
    write(shop)
    assert "new" in found(shop)


def test_the_original_does_not_fit_what_was_derived_from_an_adopted_copy(shop: Path) -> None:
    original = shop.with_name("original.sqlite")
    older(shop)
    shutil.copy(shop / "catalog.sqlite", original)
    index_shop(shop, adopt_catalog=True)
    write(shop)
    gone(shop)
    shutil.copy(original, shop / "catalog.sqlite")
    with pytest.raises(ShopError, match="not the catalog"):
        index_shop(shop)


def test_a_catalog_that_fits_is_adopted_without_a_change(shop: Path) -> None:
    assert index_shop(shop, adopt_catalog=True).built is None


def test_a_generation_without_an_identity_is_told_by_its_changes(shop: Path) -> None:
    (manifest,) = shop.glob("generations/*/manifest.json")
    stored = json.loads(manifest.read_text())
    del stored["catalog"], stored["blake2b"]
    manifest.write_text(json.dumps(stored))
    write(shop)
    assert len(found(shop)) == 10
    assert "catalog" in json.loads((shop / "generations/000002/manifest.json").read_text())


def test_a_catalog_that_is_gone_is_adopted_from_a_source_alone(shop: Path, tmp_path: Path) -> None:
    gone(shop)
    for wrong in (None, Reading([str(tmp_path / "none.jsonl")])):
        with pytest.raises(Dsv3Error) as refused:
            index_shop(shop, wrong, adopt_catalog=True)
        assert wrong or "index SOURCE" in str(refused.value)
        assert not list(shop.glob("catalog.sqlite*"))
    assert len(found(shop)) == 9


@pytest.mark.parametrize("lose", [gone, another])
def test_a_generation_is_never_replaced_by_an_empty_one_that_nobody_asked_for(
    shop: Path, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    lose(shop)
    if lose is another:
        gone(shop)
        Catalog(shop / "catalog.sqlite").close()
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(ShopError, match="holds 9, which stays"):
        index_shop(shop, Reading([str(empty)]), adopt_catalog=True)
    assert len(found(shop)) == 9
    index_source_adopting(shop)
    assert len(found(shop)) == 9


def index_source_adopting(shop: Path) -> None:
    index_shop(shop, Reading([str(shop.with_name("products.jsonl"))]), adopt_catalog=True)


def test_all_products_may_be_deleted(shop: Path) -> None:
    with ECommRetriever.open(shop) as retriever:
        retriever.delete([f"p{n}" for n in range(9)])
    assert found(shop) == []
    assert inspect_shop(shop)["problems"] == []


def test_what_names_the_live_generation_may_be_gone(shop: Path) -> None:
    write(shop)
    (shop / "CURRENT").unlink()
    assert len(found(shop)) == 10
    with ECommRetriever.open(shop) as retriever:
        assert "CURRENT is gone" in str(retriever.snapshot().warning)
    (problem,) = inspect_shop(shop)["problems"]
    assert "CURRENT is gone; 000002 is served" in problem
    done = index_shop(shop)
    assert done.built is not None
    assert inspect_shop(shop, check=True)["problems"] == []
    assert len(found(shop)) == 10


@pytest.mark.parametrize("lose", [gone, another])
@pytest.mark.parametrize("change", CHANGES)
def test_a_shop_without_a_catalog_is_not_taken_for_a_new_one(
    shop: Path, lose: Callable[[Path], None], change: Callable[[Path], None]
) -> None:
    (shop / "CURRENT").unlink()
    lose(shop)
    with pytest.raises(ShopError, match="--adopt-catalog"):
        change(shop)
    assert len(found(shop)) == 9
    assert not (shop / "CURRENT").exists()
    index_source_adopting(shop)
    assert len(found(shop)) >= 9


def test_a_catalog_without_marks_fits_and_gets_them(shop: Path) -> None:
    """dsv3 0.1 kept none."""
    (manifest,) = shop.glob("generations/*/manifest.json")
    stored = json.loads(manifest.read_text())
    del stored["mark"], stored["blake2b"]
    manifest.write_text(json.dumps(stored))
    with sqlite3.connect(shop / "catalog.sqlite") as connection:
        connection.execute("DROP TABLE marks")
    connection.close()
    write(shop)
    write(shop)
    assert json.loads((shop / "generations/000002/manifest.json").read_text())["mark"]
    assert inspect_shop(shop, check=True)["problems"] == []


@pytest.mark.parametrize("mode", ["write", "read"])
def test_only_a_catalog_that_is_asked_to_be_made_is_made(tmp_path: Path, mode: str) -> None:
    with pytest.raises(NoCatalog, match="there is no catalog"):
        Catalog(tmp_path / "c.sqlite", mode=mode)  # type: ignore[arg-type]
    (tmp_path / "c.sqlite").write_bytes(b"")
    with pytest.raises(NoCatalog, match="there is no catalog"):
        Catalog(tmp_path / "c.sqlite", mode=mode)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["c.sqlite"]

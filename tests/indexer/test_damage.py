"""Damage is noticed when a shop is opened or checked, and what is damaged is not served."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3 import ECommRetriever, Product
from dsv3.errors import EncoderError, ShopError
from dsv3.indexer.generation import Manifest
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.inspect import inspect_shop
from dsv3.indexer.product import is_as_stored, product_digest


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop of two generations, with exact vectors beside the index."""
    folder = tmp_path_factory.mktemp("whole")
    made = folder / "shop.dsv3"
    for version in ("old", "new"):
        source = folder / f"{version}.jsonl"
        source.write_text(
            "\n".join(
                json.dumps({"id": f"p{n}", "title": f"Lamp {n} {version}", "price": n, "new": True})
                for n in range(300)
            )
        )
        settings = {"encoder": "hashing:64", "index": "int8"}
        index_shop(made, Reading([str(source)]), changes=settings, workers=1)
    return made


@pytest.fixture
def shop(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "shop.dsv3"))


def title(shop: Path) -> str:
    with ECommRetriever.open(shop) as retriever:
        return retriever.retrieve("lamp 7", k=1, where="price = 7").hits[0].product.title


def live_files(shop: Path) -> list[Path]:
    folder = shop / "generations" / "000002"
    return [folder / name for name in (*Manifest.read(folder).files, "manifest.json")]


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 0x40  # the shortest file has two bytes
    path.unlink()  # other generations may hold a link
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def rebuilt(shop: Path) -> None:
    index_shop(shop, rebuild=True, workers=1)
    assert inspect_shop(shop, check=True)["problems"] == []
    assert title(shop) == "Lamp 7 new"


def test_every_file_that_is_cut_or_gone_or_flipped(
    shop: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in live_files(shop):
        original = file.read_bytes()
        for damage in (cut, os.unlink, lambda path: flip(path, 5), lambda path: flip(path, -5)):
            if not original:
                continue
            damage(file)
            caplog.clear()
            assert title(shop) == "Lamp 7 old", file
            assert "000001 is served; mend with: dsv3 index --rebuild --into" in caplog.text
            assert inspect_shop(shop)["problems"], file
            file.unlink(missing_ok=True)
            file.write_bytes(original)
    assert title(shop) == "Lamp 7 new"
    cut(live_files(shop)[0])
    rebuilt(shop)


def test_damage_in_the_middle_is_found_on_demand(
    dsv3: Callable[..., CompletedProcess[str]], shop: Path
) -> None:
    file = shop / "generations/000002/vectors/vectors.npy"
    flip(file, file.stat().st_size // 2)
    assert inspect_shop(shop)["problems"] == []
    assert dsv3("info", shop, "--check").returncode == 1
    (problem,) = inspect_shop(shop, check=True)["problems"]
    assert problem.startswith(f"damaged: {file}; mend with: dsv3 index --rebuild --into")
    rebuilt(shop)


@pytest.mark.parametrize("pointer", [b"\xff\xfe\n", b"000009\n", b"", b"../x"])
def test_a_damaged_pointer(shop: Path, pointer: bytes) -> None:
    (shop / "CURRENT").write_bytes(pointer)
    assert title(shop) == "Lamp 7 new"
    (problem,) = inspect_shop(shop)["problems"]
    assert "000002 is served" in problem
    rebuilt(shop)


def test_all_generations_are_damaged(shop: Path) -> None:
    for folder in (shop / "generations").iterdir():
        cut(folder / "columns" / "text.arrow")
    with pytest.raises(ShopError, match="there is no other that is whole; mend with: dsv3 index"):
        title(shop)
    rebuilt(shop)


def test_a_change_goes_on_from_the_catalog(shop: Path) -> None:
    cut(shop / "generations/000002/ledger.npy")
    with ECommRetriever.open(shop) as retriever:
        retriever.delete(["p1"])
        assert retriever.snapshot().warning is None
    assert title(shop) == "Lamp 7 new"


def test_a_damaged_cache_is_computed_again(shop: Path) -> None:
    cache = shop / "embeddings.sqlite"
    content = cache.read_bytes()
    cache.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))
    problems = inspect_shop(shop, check=True)["problems"]
    assert len(problems) == 1
    assert problems[0].startswith(f"damaged: {cache}")
    with ECommRetriever.open(shop) as retriever, pytest.raises(EncoderError, match="--rebuild"):
        retriever.upsert([Product("p1", "Another lamp")])
    rebuilt(shop)


def test_a_damaged_catalog_is_told(shop: Path) -> None:
    catalog = shop / "catalog.sqlite"
    content = catalog.read_bytes()
    catalog.write_bytes(content[:8192] + b"\x55" * (len(content) - 8192))
    problems = inspect_shop(shop, check=True)["problems"]
    assert any(each.startswith(f"damaged: {catalog}") for each in problems)
    assert title(shop) == "Lamp 7 new"


def test_a_change_that_meets_a_damaged_catalog_is_refused_in_one_line(shop: Path) -> None:
    catalog = shop / "catalog.sqlite"
    content = bytearray(catalog.read_bytes())
    content[4096:] = bytes(len(content) - 4096)  # the tables, not the header
    catalog.write_bytes(content)
    with ECommRetriever.open(shop) as retriever:
        with pytest.raises(ShopError, match="the catalog is damaged"):
            retriever.upsert([Product("p1", "Another lamp")])
        assert title(shop) == "Lamp 7 new"
    with pytest.raises(ShopError, match="the catalog is damaged"):
        index_shop(shop, rebuild=True, workers=1)


def by_sql(database: Path, statement: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "changed",
    [
        "title = 'Lamp 7 of gold'",
        "price = 1",
        'attributes = \'{"colour": "gold"}\'',
        "codes = '[\"4\"]'",
        "in_stock = 1",
        "deleted = 1, description = 'x'",
        "sequence = -5, brand = 'Gilt'",
    ],
)
def test_a_product_changed_in_the_catalog_is_named_and_never_published(
    shop: Path, changed: str
) -> None:
    by_sql(shop / "catalog.sqlite", f"UPDATE products SET {changed} WHERE product_id = 'p7'")
    (problem,) = inspect_shop(shop, check=True)["problems"]
    assert problem.startswith("damaged: product 'p7'")
    assert "\n" not in problem
    assert f"dsv3 delete {shop} p7" in problem
    with pytest.raises(ShopError, match="'p7' is not as the catalog stored it"):
        index_shop(shop, rebuild=True, workers=1)
    assert title(shop) == "Lamp 7 new"
    with ECommRetriever.open(shop) as retriever:
        retriever.delete(["p7"])
        retriever.upsert([Product("p7", "Lamp 7 new", price=7.0)])
    assert inspect_shop(shop, check=True)["problems"] == []
    rebuilt(shop)


def test_a_price_of_a_whole_number_is_as_it_was_stored(shop: Path) -> None:
    with ECommRetriever.open(shop) as retriever:
        for price in (5, 0, -0.0, 2.5):
            retriever.upsert([Product("p7", "Lamp 7 new", price=price)])
            index_shop(shop, rebuild=True, workers=1)
            assert inspect_shop(shop, check=True)["problems"] == []


def test_a_digest_of_a_price_that_was_no_float_is_known() -> None:
    for given in (5, 0, -0.0):
        digest = product_digest(Product("p", "P", price=given))
        assert is_as_stored(Product("p", "P", price=float(given) + 0.0), digest)
        assert not is_as_stored(Product("p", "P", price=6.0), digest)


def test_vectors_changed_in_the_cache_are_told_and_encoded_again(shop: Path) -> None:
    cache = shop / "embeddings.sqlite"
    by_sql(cache, "UPDATE embedding SET vector = zeroblob(length(vector) - 4)")
    (problem,) = inspect_shop(shop, check=True)["problems"]
    assert "vectors are not as they were stored" in problem
    done = index_shop(shop, rebuild=True, workers=1)
    assert done.built is not None
    assert done.built.encoding.reused == 0
    assert inspect_shop(shop, check=True)["problems"] == []


def test_the_generation_before_is_checked_too(shop: Path) -> None:
    part = shop / "generations/000001/columns/fields.json"
    part.write_bytes(part.read_bytes().replace(b"t", b"u", 1))
    (problem,) = inspect_shop(shop, check=True)["problems"]
    assert problem.startswith(f"damaged: {part}, of a generation that is not served")
    index_shop(shop, rebuild=True, workers=1)
    assert inspect_shop(shop, check=True)["problems"] == []
    assert title(shop) == "Lamp 7 new"


def test_a_file_that_two_generations_share_is_told_of_both(shop: Path) -> None:
    with ECommRetriever.open(shop) as retriever:
        retriever.upsert([Product("p1", "Another lamp")])
    part = next(
        path
        for path in (shop / "generations/000002").rglob("*")
        if path.is_file() and path.stat().st_nlink > 1
    )
    with part.open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(ShopError, match="there is no other that is whole") as refused:
        ECommRetriever.open(shop)
    assert "--rebuild" in str(refused.value)
    problems = inspect_shop(shop, check=True)["problems"]
    assert [str(part) in each for each in problems].count(True) == 1
    assert any("000003" in each for each in problems)
    index_shop(shop, rebuild=True, workers=1)
    assert inspect_shop(shop, check=True)["problems"] == []
    assert title(shop) == "Lamp 7 new"

"""The products of a generation: written once, shared by links, merged before they are many."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from dsv3.errors import ShopError
from dsv3.indexer.product import Product
from dsv3.indexer.product_store import ProductStore, ProductWriter

WHOLE = Product(
    "p/1 \u2028\n",
    "Lamp \U0001f4a1",
    description="line one\nline two",
    brand="B\u00fchler",
    category="a > b",
    price=0.1 + 0.2,
    currency="EUR",
    in_stock=False,
    url="https://example.com/1",
    image_url="https://example.com/1.png",
    codes=("1", "2"),
    group_id="g",
    attributes={"colours": ("red", "blue"), "weight": 1.5, "dim": True, "note": "x"},
)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def store(
    folder: Path,
    products: Mapping[int, Product],
    previous: ProductStore | None = None,
    deleted: list[int] | None = None,
) -> ProductStore:
    with ProductWriter(folder, previous) as writer:
        for row, product in products.items():
            writer.add(row, product)
        writer.finish(np.array(deleted or [], np.int64))
    return ProductStore(folder)


@pytest.fixture
def at(tmp_path: Path) -> Path:
    folder = tmp_path / "shop.dsv3" / "generations" / "000001"
    folder.mkdir(parents=True)
    return folder


def test_a_product_is_given_back_as_it_was(at: Path) -> None:
    least = Product("p2", "Least")
    made = store(at / "1", {7: WHOLE, 3: least})
    assert made.get_rows([3, 7, 5, 10**9]) == [least, WHOLE, None, None]
    assert list(made.items()) == [(3, least), (7, WHOLE)]
    assert len(made) == 2


def test_an_empty_store_holds_nothing(at: Path) -> None:
    empty = store(at / "1", {})
    assert empty.get_rows([0, 1]) == [None, None]
    again = store(at / "2", {1: WHOLE}, empty)
    assert again.get_rows([1]) == [WHOLE]
    assert list(store(at / "3", {}, again, [1]).items()) == []


def test_one_change_writes_one_line(at: Path) -> None:
    first = store(at / "1", {n: Product(f"p{n}", f"Lamp {n}") for n in range(1000)})
    second = store(at / "2", {5: Product("p5", "Changed")}, first)
    assert (at / "2" / "1.jsonl").samefile(at / "1" / "1.jsonl")
    assert (at / "2" / "2.jsonl").read_bytes().count(b"\n") == 1
    found = second.get_rows([4, 5])
    assert [product and product.title for product in found] == ["Lamp 4", "Changed"]
    assert first.get_rows([5]) == [Product("p5", "Lamp 5")]


def test_any_changes_equal_a_store_made_of_what_is_left(at: Path) -> None:
    generator = random.Random(7)  # noqa: S311 - a test that repeats
    held: dict[int, Product] = {}
    made: ProductStore | None = None
    most = 0
    for turn in range(120):
        changed = {
            generator.randrange(300): Product(f"p{turn}-{n}", "x" * generator.randrange(1, 200))
            for n in range(generator.choice([0, 1, 1, 2, 30]))
        }
        deleted = [row for row in generator.sample(range(300), 5) if row not in changed]
        made = store(at / str(turn), changed, made, deleted)
        held = {row: product for row, product in held.items() if row not in deleted} | changed
        assert list(made.items()) == sorted(held.items())
        files = [file.stat().st_size for file in (at / str(turn)).glob("*.jsonl")]
        most = max(most, len(files))
        alive = int(made.places["length"].sum())
        assert sum(files) <= 2 * alive + 1
    assert most <= 10


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "tables"])
def test_damage_is_told_and_never_shown(at: Path, harm: str) -> None:
    made = store(at / "1", {1: WHOLE, 2: Product("p2", "Two")})
    line = at / "1" / "1.jsonl"
    content = bytearray(line.read_bytes())
    content[20] ^= 1
    if harm == "flip":
        line.write_bytes(content)
    elif harm == "cut":
        os.truncate(line, 30)
    elif harm == "remove":
        line.unlink()
    else:
        os.truncate(at / "1" / "rows.npy", 100)
    with pytest.raises(ShopError, match="--rebuild"):
        ProductStore(at / "1").get_rows([1, 2])
    del made


def test_descriptors_are_given_back(at: Path) -> None:
    made = store(at / "1", {1: WHOLE})
    gc.collect()  # what other tests left
    before = descriptors()
    many = [ProductStore(at / "1") for _ in range(20)]
    assert descriptors() == before + 20
    del many
    gc.collect()
    assert descriptors() == before
    assert made.get_rows([1]) == [WHOLE]

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from dsv3 import Product
from dsv3.errors import InputError, RecordError, ShopError
from dsv3.indexer.catalog import Catalog, Incoming

MOUSE = Product(
    "m1",
    "Wireless mouse",
    description="Quiet clicks",
    brand="Tarnwell",
    category="Computers > Mice",
    price=24.9,
    currency="EUR",
    in_stock=True,
    codes=("2111213568794", "K41"),
    group_id="mice",
    attributes={"colour": "white", "buttons": 3.0, "silent": True, "ports": ("usb-a", "usb-c")},
)
KEYBOARD = Product("k1", "Keyboard ⌨ für Büro")


def test_gives_back_what_was_written(catalog: Catalog) -> None:
    done = catalog.upsert([MOUSE, KEYBOARD])
    assert (done.added, done.changed, done.unchanged) == (2, 0, 0)
    assert catalog.get(["k1", "nobody", "m1"]) == [KEYBOARD, None, MOUSE]
    assert catalog.get_rows(done.rows) == [MOUSE, KEYBOARD]
    assert sorted(rows := done.rows) == list(rows)
    assert list(catalog.products()) == [MOUSE, KEYBOARD]
    assert len(catalog) == 2


def test_each_change_takes_the_next_number(catalog: Catalog) -> None:
    assert catalog.sequence == 0
    catalog.upsert([MOUSE, KEYBOARD])
    assert catalog.sequence == 2
    dearer = Product("k1", "Keyboard", price=30.0)
    done = catalog.upsert([MOUSE, dearer])
    assert (done.added, done.changed, done.unchanged) == (0, 1, 1)
    (change,) = catalog.changes(since=2)
    assert (change.sequence, change.product_id, change.product) == (3, "k1", dearer)


def test_the_same_content_is_no_change(catalog: Catalog) -> None:
    catalog.upsert([Incoming(MOUSE, b"first")])
    catalog.upsert([Incoming(MOUSE, b"second")])
    assert catalog.sequence == 1
    assert catalog.entries(["m1"])["m1"].source_digest == b"second"


def test_within_one_call_the_last_of_an_id_wins(catalog: Catalog) -> None:
    catalog.upsert([MOUSE, Product("m1", "Another mouse")])
    (found,) = catalog.get(["m1"])
    assert found is not None
    assert found.title == "Another mouse"


def test_a_deleted_product_is_a_change_and_keeps_its_row(catalog: Catalog) -> None:
    rows = catalog.upsert([MOUSE, KEYBOARD]).rows
    assert catalog.delete(["m1", "nobody", "m1"]) == 1
    assert catalog.get(["m1"]) == [None]
    assert len(catalog) == 1
    (change,) = catalog.changes(since=2)
    assert (change.row, change.product_id, change.product) == (rows[0], "m1", None)
    assert catalog.delete(["m1"]) == 0
    assert catalog.sequence == 3
    assert catalog.upsert([MOUSE]).rows == rows[:1]
    assert catalog.get(["m1"]) == [MOUSE]
    assert list(catalog.live_rows()) == sorted(rows)


def test_a_batch_that_fails_leaves_no_trace(catalog: Catalog) -> None:
    catalog.upsert([MOUSE])
    unwritable = Product("bad", None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="title is empty"):
        catalog.upsert([KEYBOARD, unwritable])
    assert catalog.sequence == 1
    assert catalog.get(["k1", "m1"]) == [None, MOUSE]


def test_streams_more_than_a_batch(catalog: Catalog) -> None:
    products = [Product(f"p{n}", f"Product {n}") for n in range(2500)]
    assert catalog.upsert(iter(products)).added == 2500
    assert [change.sequence for change in catalog.changes()] == list(range(1, 2501))
    assert list(catalog.products()) == products


def test_two_writers_never_share_a_number(catalog_url: str) -> None:
    with Catalog(catalog_url) as one, Catalog(catalog_url) as two:
        for n in range(20):
            (one if n % 2 else two).upsert([Product(f"p{n}", "x")])
        assert [change.sequence for change in one.changes()] == list(range(1, 21))


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "c.sqlite"
    Catalog(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE state SET value = 99 WHERE name = 'format'")
    connection.close()
    with pytest.raises(ShopError, match="format 99"):
        Catalog(path)


def test_other_databases_are_refused_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="cannot be opened") as caught:
        Catalog("postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:zz?mode=memory&cache=shared&uri=true",
        "sqlite:///file:here.sqlite?uri=true",
        "sqlite:///here.sqlite?timeout=5",
    ],
)
def test_a_catalog_is_a_file_and_no_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="name") as refused:
        Catalog(url)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


class Word(str):
    __slots__ = ()


def test_values_of_other_libraries_are_taken_for_what_they_stand_for(tmp_path: Path) -> None:
    attributes: Any = {
        Word("colour"): Word("red"),
        "size": np.float64(2.5),
        "of": [Word("oak")],
    }
    given = Product(
        Word("p"),
        Word("Lamp"),
        price=np.float64(5.0),
        codes=[Word("123")],  # type: ignore[arg-type]
        attributes=MappingProxyType(attributes),
    )
    with Catalog(tmp_path / "c.sqlite") as catalog:
        assert catalog.upsert([given]).added == 1
        assert catalog.upsert([given]).unchanged == 1
        (stored,) = catalog.get(["p"])
        assert list(catalog.damaged()) == []
    expected: dict[str, Any] = {"colour": "red", "size": 2.5, "of": ("oak",)}
    assert stored == Product("p", "Lamp", price=5.0, codes=("123",), attributes=expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"product_id": "p", "title": "Lamp"}, "is no Product"),
        (None, "is no Product"),
        (Product("p", "Lamp", price=np.int64(5)), "price is"),  # type: ignore[arg-type]
        (Product("p", "Lamp", attributes={"size": np.float32(1)}), "size is"),  # type: ignore[dict-item]
        (Product("p", "Lamp", attributes={"colour": None}), "colour is None"),  # type: ignore[dict-item]
        (Product("p", "Lamp", attributes={"colour": {"a": "b"}}), "colour is"),  # type: ignore[dict-item]
    ],
)
@pytest.mark.parametrize("way", [Incoming, lambda product: product])
def test_what_is_no_product_is_refused_in_one_line(
    tmp_path: Path, given: Any, said: str, way: Callable[[Any], Any]
) -> None:
    with Catalog(tmp_path / "c.sqlite") as catalog:
        with pytest.raises(RecordError, match=said) as refused:
            catalog.upsert([Product("q", "Good"), way(given)])
        assert "\n" not in str(refused.value)
        assert "cannot be stored" in str(refused.value)
        assert len(catalog) == 0


def test_no_flipped_bit_passes_over_a_product(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.sqlite", tmp_path / "broken.sqlite"
    with Catalog(whole) as catalog:
        catalog.upsert([Product(f"p{number}", f"Lamp {number}") for number in range(40)])
        stored = [change.product for change in catalog.changes()]
    content = whole.read_bytes()
    chosen = random.Random(1)  # noqa: S311
    for _ in range(300):
        flipped = bytearray(content)
        flipped[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        broken.write_bytes(flipped)
        with suppress(ShopError, InputError), Catalog(broken) as catalog:
            assert [change.product for change in catalog.changes()] == stored

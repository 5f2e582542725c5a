from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest
from dsv3.errors import InputError, MissingExtra
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.records import RawRecord


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("create table products (sku text primary key, name text, price real)")
    connection.execute('create table "order" (id integer)')
    connection.execute("create view cheap as select * from products where price < 5")
    rows = [(f"s{n:04}", f"Product {n}", n / 4) for n in range(2500)]
    connection.executemany("insert into products values (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_table_gives_its_rows_in_order(database: str) -> None:
    found = list(read_records(f"{database}#products"))
    assert len(found) == 2500
    assert isinstance(found[17], RawRecord)
    assert found[17].fields == {"sku": "s0017", "name": "Product 17", "price": 4.25}
    assert found[17].line == 18
    assert found[17].source == f"{database}#products"


def test_view_is_read_like_a_table(database: str) -> None:
    assert len(list(read_records(f"{database}#cheap"))) == 20


def test_table_named_by_a_reserved_word(database: str) -> None:
    assert list(read_records(f"{database}#order")) == []


def test_missing_table_lists_those_there_are(database: str) -> None:
    with pytest.raises(InputError, match="no table items; its tables are: cheap, order, products"):
        read_records(f"{database}#items")
    with pytest.raises(InputError, match="names no table"):
        read_records(database)


def test_name_of_a_table_is_never_sql(database: str) -> None:
    with pytest.raises(InputError, match="no table"):
        read_records(f"{database}#products; drop table products")
    assert len(list(read_records(f"{database}#products"))) == 2500


def test_missing_database_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_records(f"sqlite:///{tmp_path}/none.db#products")
    assert not (tmp_path / "none.db").exists()


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("not a database, but long enough to be read as one" * 40)
    with pytest.raises(InputError, match="cannot be read"):
        read_records(f"sqlite:///{tmp_path}/shop.db#products")


def test_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dsv3\[postgres\]'") as caught:
        read_records("postgresql+psycopg://user:secret@localhost/shop#products")
    assert "secret" not in str(caught.value)


def test_unknown_kind_of_database() -> None:
    with pytest.raises(InputError, match="unknown kind of database"):
        read_records("noah://example.com/feed#products")


def test_server_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_records("postgresql+psycopg://user:secret@127.0.0.1:1/shop?connect_timeout=1#products")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)

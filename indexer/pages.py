"""Fetch the products of a page of hits.

A SQLite catalogue is read directly: loading SQLAlchemy for ten rows would take a quarter of a
second of every command. Any other catalogue is read through `Catalog`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from .product import Product

if TYPE_CHECKING:
    from .catalog import Catalog

_FIELDS = tuple(each.name for each in fields(Product))
_BY_ROW = """
SELECT * FROM products WHERE NOT deleted AND row IN (SELECT value FROM json_each(?))
"""


class Pages(Protocol):
    """Give products by row."""

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those rows, None where one is not there."""

    def close(self) -> None:
        """Give back what was opened."""


class SqlitePages:
    """Read a catalogue's SQLite file; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those rows, None where one is not there."""
        found = self._connection().execute(_BY_ROW, (orjson.dumps(list(rows)),)).fetchall()
        products = {values["row"]: _product(values) for values in found}
        return [products.get(row) for row in rows]

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._own = threading.local()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            found = sqlite3.connect(uri, uri=True, timeout=60, check_same_thread=False)
            found.row_factory = sqlite3.Row
            self._own.connection = found
            self._opened.append(found)
        return found


class CatalogPages:
    """Read any catalogue, opening it at the first page."""

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those rows, None where one is not there."""
        return self._catalog().get_rows(rows)

    def close(self) -> None:
        """Leave the catalogue to its owner."""


def _product(values: sqlite3.Row) -> Product:
    named: dict[str, Any] = {name: values[name] for name in _FIELDS}
    in_stock = named["in_stock"]
    attributes = orjson.loads(named["attributes"])
    return Product(
        **named
        | {
            "in_stock": None if in_stock is None else bool(in_stock),
            "codes": tuple(orjson.loads(named["codes"])),
            "attributes": {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in attributes.items()
            },
        }
    )

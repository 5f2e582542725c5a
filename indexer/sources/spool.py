"""Rows of a source kept in a temporary file until all are known, so that parents may come late."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from ...errors import DiskFullError
from .layout import is_empty
from .records import RawRecord

_BATCH = 1000
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC

_TABLES = """
CREATE TABLE rows (
    n INTEGER PRIMARY KEY, source TEXT, line INTEGER, key TEXT, id TEXT, parent TEXT,
    overlay INTEGER, head INTEGER, why TEXT, why_alone TEXT, body BLOB, up INTEGER, under INTEGER);
CREATE TABLE keys (key TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
CREATE TABLE claims (child TEXT PRIMARY KEY, n INTEGER, body BLOB) WITHOUT ROWID;
"""
_LINKS = (
    "INSERT OR IGNORE INTO keys SELECT key, n FROM rows WHERE overlay AND key <> '' ORDER BY n",
    """UPDATE rows SET under = (SELECT k.n FROM keys k WHERE k.key = rows.key AND k.n <> rows.n)
    WHERE overlay""",
    """UPDATE rows SET up = (SELECT k.n FROM keys k WHERE k.key = rows.parent AND k.n <> rows.n)
    WHERE parent <> '' AND under IS NULL""",
    """UPDATE rows SET up = (SELECT c.n FROM claims c WHERE c.child = rows.key AND c.n <> rows.n)
    WHERE up IS NULL AND key IN (SELECT child FROM claims) AND under IS NULL""",
    "CREATE INDEX rows_up ON rows (up) WHERE up IS NOT NULL",
    "CREATE INDEX rows_under ON rows (under) WHERE under IS NOT NULL",
)

_ROWS = """
SELECT r.n, r.source, r.line, r.id, r.parent, r.head, r.why, r.why_alone, r.up, r.body,
    EXISTS (SELECT 1 FROM rows v WHERE v.up = r.n),
    EXISTS (SELECT 1 FROM rows o WHERE o.under = r.n), c.body
FROM rows r LEFT JOIN claims c ON c.child = r.key AND c.n = r.up"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as it was kept.

    Attributes:
        number: its place among all, from 0.
        product_id: by which its variants name their group.
        parent: what it says of its parent, as text.
        head: whether it says of itself that it has variants.
        why: why it is not for sale as a variant, and by itself; empty where it is.
        said: what its parent says of it.
        up: number of its parent, if that was met.
        has_variants: whether other rows have it as their parent.
    """

    number: int
    record: RawRecord
    product_id: str
    parent: str
    head: bool
    why: tuple[str, str]
    said: dict[str, object]
    up: int | None
    has_variants: bool


class Spool:
    """Keeps rows in a temporary SQLite database, which is gone when it is closed."""

    def __init__(self) -> None:
        # An empty name is a database in a temporary file that SQLite removes itself.
        self._sql = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._sql.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        self._rows: list[tuple[object, ...]] = []
        self._keys: list[tuple[str, int]] = []
        self._claims: list[tuple[str, int, bytes]] = []
        self._count = 0

    def close(self) -> None:
        """Remove what was kept."""
        self._sql.close()

    def add(
        self,
        record: RawRecord,
        *,
        keys: Sequence[str],
        product_id: str,
        parent: str,
        overlay: bool,
        head: bool,
        why: tuple[str, str],
        variants: Sequence[tuple[str, dict[str, object]]],
    ) -> None:
        """Keep one row.

        Args:
            record: the row.
            keys: the names by which others may call it their parent; the first is its own.
            product_id: what its variants' group is called.
            parent: the name it calls its parent by, or "".
            overlay: whether it only fills what is empty in the row of the same key.
            head: whether it says that it has variants.
            why: why it is not for sale as a variant, and by itself, or "".
            variants: keys of the rows that it calls its variants, with what it says of each.
        """
        number = self._count
        self._count += 1
        keys = [_storable(each) for each in keys]
        key = keys[0] if keys else ""
        self._rows.append(
            (number, record.source, record.line, key, _storable(product_id), _storable(parent),
             overlay, head, *why,
             _pack(record.fields))
        )  # fmt: skip
        if not overlay:
            self._keys += [(each, number) for each in keys if each]
        self._claims += [(_storable(child), number, _pack(fields)) for child, fields in variants]
        if len(self._rows) >= _BATCH:
            self._write()

    def _write(self) -> None:
        with _disk():
            self._sql.execute("BEGIN")
            self._sql.executemany(
                "INSERT INTO rows (n, source, line, key, id, parent, overlay, head, why, "
                "why_alone, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self._rows,
            )
            self._sql.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", self._keys)
            self._sql.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", self._claims)
            self._sql.execute("COMMIT")
        self._rows.clear()
        self._keys.clear()
        self._claims.clear()

    def link(self) -> int:
        """Find the parent of each row; return how many rows only fill what others leave empty."""
        self._write()
        with _disk():
            self._sql.execute("BEGIN")
            for statement in _LINKS:
                self._sql.execute(statement)
            self._sql.execute("COMMIT")
            (count,) = self._sql.execute(
                "SELECT COUNT(*) FROM rows WHERE under IS NOT NULL"
            ).fetchone()
        return int(count)

    def __iter__(self) -> Iterator[Kept]:
        """Yield the rows in the order they were kept, without those that only fill others."""
        yield from map(self._kept, self._sql.execute(_ROWS + " WHERE r.under IS NULL ORDER BY r.n"))

    def shared(self) -> frozenset[int]:
        """Return the numbers of the rows whose key others have, too."""
        rows = self._sql.execute(
            "SELECT n FROM rows WHERE key IN "
            "(SELECT key FROM rows WHERE key <> '' GROUP BY key HAVING COUNT(*) > 1)"
        )
        return frozenset(number for (number,) in rows)

    def row(self, number: int) -> Kept:
        """Return one row."""
        return self._kept(self._sql.execute(_ROWS + " WHERE r.n = ?", (number,)).fetchone())

    def _kept(self, row: tuple[Any, ...]) -> Kept:
        number, source, line, own, parent, head, why, alone, up, body, many, filled, said = row
        fields = _unpack(body)
        if filled:
            self._fill(fields, number)
        return Kept(
            number, RawRecord(source, line, fields), own, parent, bool(head), (why, alone),
            _unpack(said) if said else {}, up, bool(many),
        )  # fmt: skip

    def _fill(self, fields: dict[str, object], number: int) -> None:
        more = self._sql.execute("SELECT body FROM rows WHERE under = ? ORDER BY n", (number,))
        for (body,) in more.fetchall():
            for name, value in _unpack(body).items():
                if is_empty(fields.get(name)):
                    fields[name] = value


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DiskFullError(
            f"rows cannot be kept in a temporary file until their parents are known ({error})",
            "free some space, or name another folder in SQLITE_TMPDIR",
        ) from None


def _storable(text: str) -> str:
    """Return a text without halves of characters, which no database takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _pack(fields: object) -> bytes:
    try:
        return orjson.dumps(fields, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, half a surrogate pair
        return json.dumps(fields, default=_plain, skipkeys=True).encode()


def _unpack(body: bytes) -> dict[str, object]:
    try:
        return dict(orjson.loads(body))
    except orjson.JSONDecodeError:
        return dict(json.loads(body))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else None

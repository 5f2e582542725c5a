"""Vectors kept by (encoder fingerprint, text), so that no text is encoded twice."""

from __future__ import annotations

import sqlite3
import struct
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...closing import Closing
from ...errors import EncoderError
from ...files import sqlite_to_read
from ..base import FloatArray, IntArray
from ..texts.text import text_key

__all__ = ["CacheSize", "EmbeddingCache", "text_key"]

_FORMAT = 3  # 1 had no checksums; 2 had some without
_STORED = np.dtype("<f4")
_CHECKSUM = struct.Struct("<I")  # behind a vector: CRC-32 of its text's key and of itself
# A plain table with an index beside it: rows are appended, and only the small index,
# not the vectors, is written in the random order of the hashes.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS encoder (
    encoder_id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, dim INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS embedding (
    encoder_id INTEGER NOT NULL REFERENCES encoder,
    text_key BLOB NOT NULL, tokens INTEGER NOT NULL, vector BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS embedding_by_text ON embedding (encoder_id, text_key);
CREATE TEMP TABLE wanted (row INTEGER PRIMARY KEY, text_key BLOB NOT NULL);
"""
_WANT = "INSERT INTO temp.wanted VALUES (?, ?)"
_SELECT_VECTORS = """
SELECT wanted.row, embedding.tokens, embedding.vector, embedding.rowid FROM temp.wanted
CROSS JOIN embedding ON embedding.encoder_id = ? AND embedding.text_key = wanted.text_key
"""
_SELECT_ALL = """
SELECT embedding.rowid, text_key, vector, dim FROM embedding JOIN encoder USING (encoder_id)
"""
_SELECT_TOKENS = """
SELECT wanted.row, embedding.tokens FROM temp.wanted
CROSS JOIN embedding ON embedding.encoder_id = ? AND embedding.text_key = wanted.text_key
"""
_DELETE_UNWANTED = """
DELETE FROM embedding WHERE encoder_id = ?
AND text_key NOT IN (SELECT text_key FROM temp.wanted)
"""


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How many vectors each fingerprint has, and how many bytes the file takes."""

    vectors: Mapping[str, int]
    bytes: int


class EmbeddingCache(Closing):
    """Keeps document vectors in one SQLite file; one process writes while many read.

    What `put_many` has returned from survives a killed process. Threads may share a cache.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self.path = Path(path)
        self._lock = threading.RLock()
        self._ids: dict[str, tuple[int, int]] = {}
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=60, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise EncoderError(
                f"{self.path} cannot be used as an embedding cache ({error}); "
                "it holds only what can be computed again: delete it or choose another place"
            ) from error

    def _prepare(self) -> None:
        run = self._connection.execute
        found = int(run("PRAGMA user_version").fetchone()[0])
        if found > _FORMAT:
            raise EncoderError(
                f"{self.path} was written by a newer dsv3 (format {found}, this one reads "
                f"{_FORMAT}); update dsv3 or delete the file"
            )
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA temp_store = MEMORY")
        self._connection.executescript(_SCHEMA)
        if found < _FORMAT:
            with self._transaction():
                self._add_checksums()
                run(f"PRAGMA user_version = {_FORMAT}")

    def _add_checksums(self) -> None:
        """Give a checksum to each vector of an older format."""
        stored = self._connection.cursor().execute(_SELECT_ALL)
        for rowid, key, vector, dim in stored:
            if len(vector) == dim * _STORED.itemsize:
                self._connection.execute(
                    "UPDATE embedding SET vector = ? WHERE rowid = ?", (_packed(vector, key), rowid)
                )

    def get_many(
        self, fingerprint: str, keys: Sequence[bytes]
    ) -> tuple[FloatArray, npt.NDArray[np.bool_], IntArray]:
        """Look up n texts: vectors (n, dim), found mask (n,), token counts (n,).

        Where nothing was found the vector is zero and the count is -1. The vectors are (n, 0)
        when the cache knows nothing of the fingerprint. A vector that is no longer as it was
        stored is dropped, and not found.
        """
        encoder_id, dim = self._encoder(fingerprint)
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        tokens = np.full(len(keys), -1, dtype=np.int64)
        damaged = []
        with self._wanting(keys):
            found = self._connection.execute(_SELECT_VECTORS, (encoder_id,))
            for row, count, stored, rowid in found:
                vector = _unpacked(stored, keys[row], dim)
                if vector is None:
                    damaged.append((rowid,))
                else:
                    vectors[row] = vector
                    tokens[row] = count
        if damaged:
            with self._lock, self._transaction():
                self._connection.executemany("DELETE FROM embedding WHERE rowid = ?", damaged)
        return vectors, tokens >= 0, tokens

    def vectors(self, fingerprint: str, keys: Sequence[bytes]) -> FloatArray:
        """Look up n texts that were encoded before; returns (n, dim).

        Raises:
            EncoderError: some are not there; another process may have dropped them.

        """
        vectors, found, _ = self.get_many(fingerprint, keys)
        if not found.all():
            raise EncoderError(
                f"vectors of {int((~found).sum()):,} texts are gone from {self._path}, dropped by "
                "another process; run the command again"
            )
        return vectors

    def token_counts(self, fingerprint: str, keys: Sequence[bytes]) -> IntArray:
        """Return the token count of each text, -1 where it is not in the cache."""
        encoder_id, _ = self._encoder(fingerprint)
        tokens = np.full(len(keys), -1, dtype=np.int64)
        with self._wanting(keys):
            for row, count in self._connection.execute(_SELECT_TOKENS, (encoder_id,)):
                tokens[row] = count
        return tokens

    def put_many(
        self, fingerprint: str, keys: Sequence[bytes], vectors: FloatArray, tokens: IntArray
    ) -> None:
        """Store vectors (n, dim) in one transaction; what is already there stays.

        Raises:
            EncoderError: the vectors' length is not that of the fingerprint's earlier ones.

        """
        stored = np.ascontiguousarray(vectors, dtype=_STORED)
        with self._lock, self._transaction():
            encoder_id, dim = self._encoder(fingerprint, dim=stored.shape[1])
            if dim != stored.shape[1]:
                raise EncoderError(
                    f"{self.path} holds vectors of {dim} numbers for this encoder, "
                    f"not {stored.shape[1]}"
                )
            self._connection.executemany(
                "INSERT OR IGNORE INTO embedding VALUES (?, ?, ?, ?)",
                (
                    (encoder_id, key, int(count), _packed(vector.tobytes(), key))
                    for key, count, vector in zip(keys, tokens, stored, strict=True)
                ),
            )

    def prune(self, keep: Mapping[str, Collection[bytes] | None]) -> int:
        """Delete all but the texts to keep of each fingerprint (None: all); returns how many.

        Fingerprints that are not named lose everything. The file shrinks accordingly.
        """
        removed = 0
        for fingerprint in self.size().vectors:
            keys = keep.get(fingerprint, ())
            if keys is None:
                continue
            encoder_id, _ = self._encoder(fingerprint)
            with self._wanting(keys):
                removed += self._connection.execute(_DELETE_UNWANTED, (encoder_id,)).rowcount
        if removed:
            with self._lock:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return removed

    def drop_damaged(self) -> int:
        """Delete the vectors that are no longer what was stored; returns how many."""
        with self._lock, self._transaction():
            damaged = [(rowid,) for rowid in _damaged_rows(self._connection)]
            self._connection.executemany("DELETE FROM embedding WHERE rowid = ?", damaged)
        return len(damaged)

    def size(self) -> CacheSize:
        """Count the vectors of each fingerprint and the bytes of the file."""
        with self._lock:
            counts = self._connection.execute(
                "SELECT fingerprint, COUNT(embedding.rowid) FROM encoder "
                "LEFT JOIN embedding USING (encoder_id) GROUP BY encoder_id"
            ).fetchall()
        beside = self.path.with_name(f"{self.path.name}-wal")
        return CacheSize(
            vectors=dict(counts),
            bytes=self.path.stat().st_size + (beside.stat().st_size if beside.exists() else 0),
        )

    def close(self) -> None:
        """Close the file; the cache cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def _encoder(self, fingerprint: str, *, dim: int | None = None) -> tuple[int, int]:
        """Return an encoder's number and dimension; (-1, 0) if unknown and no `dim` is given."""
        if fingerprint in self._ids:
            return self._ids[fingerprint]
        with self._lock:
            if dim is not None:
                self._connection.execute(
                    "INSERT OR IGNORE INTO encoder (fingerprint, dim) VALUES (?, ?)",
                    (fingerprint, dim),
                )
            found = self._connection.execute(
                "SELECT encoder_id, dim FROM encoder WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
        if found is None:
            return -1, 0
        if not all(isinstance(number, int) for number in found):
            raise sqlite3.DatabaseError("the table of encoders is damaged")
        known = (int(found[0]), int(found[1]))
        if dim is None:
            # Inside a transaction the row may yet be rolled back; outside it is there to stay.
            self._ids[fingerprint] = known
        return known

    @contextmanager
    def _wanting(self, keys: Collection[bytes]) -> Iterator[None]:
        """Hold the keys in a table of this connection's own while a statement joins with it."""
        with self._lock, self._transaction("BEGIN"):
            self._connection.executemany(_WANT, enumerate(keys))
            yield
            self._connection.execute("DELETE FROM temp.wanted")

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _packed(vector: bytes, key: bytes) -> bytes:
    return vector + _CHECKSUM.pack(zlib.crc32(vector, zlib.crc32(key)))


def _unpacked(stored: bytes, key: bytes, dim: int) -> FloatArray | None:
    """Return a vector; None where it is not what was stored."""
    size = dim * _STORED.itemsize
    if not isinstance(stored, bytes) or len(stored) != size + _CHECKSUM.size:
        return None
    vector = stored[:size]
    return np.frombuffer(vector, dtype=_STORED) if _packed(vector, key) == stored else None


def damaged_vectors(path: Path) -> int:
    """Count the vectors of a cache that are no longer what was stored; writes nothing."""
    with closing(sqlite_to_read(path)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] < _FORMAT:
            return 0  # without checksums
        return sum(1 for _ in _damaged_rows(connection))


def _damaged_rows(connection: sqlite3.Connection) -> Iterator[int]:
    for rowid, key, vector, dim in connection.execute(_SELECT_ALL):
        if _unpacked(vector, key, dim) is None:
            yield rowid

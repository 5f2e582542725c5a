"""What a generation was made from: for each product, digests of its texts.

A product whose digest has not changed needs no new vector or no new keyword entry, whatever
else of it changed.
"""

from __future__ import annotations

from bisect import bisect_left
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..encoder.texts.text import text_key
from .lexical.index import LexicalDocument

ENTRY = np.dtype([("row", "<i8"), ("tokens", "<i4"), ("text", "V16"), ("lexical", "V16")])
RowArray = npt.NDArray[np.int64]


class Ledger:
    """One entry a product, sorted by row."""

    def __init__(self, entries: npt.NDArray[np.void] | None = None) -> None:
        self.entries = np.empty(0, ENTRY) if entries is None else entries

    @classmethod
    def read(cls, folder: Path) -> Ledger:
        """Read the ledger of a generation."""
        return cls(np.load(folder / "ledger.npy"))

    def write(self, folder: Path) -> None:
        """Write the ledger into a generation's folder."""
        np.save(folder / "ledger.npy", self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def rows(self) -> RowArray:
        """Return the rows, ascending."""
        rows: RowArray = self.entries["row"]
        return rows

    def keys(self, entries: slice) -> list[bytes]:
        """Return the embedding-cache keys of a run of entries."""
        return [key.tobytes() for key in self.entries["text"][entries]]

    def entry(self, row: int) -> np.void | None:
        """Return the entry of one row; None where there is none."""
        place = bisect_left(self.rows, row)
        if place == len(self) or self.rows[place] != row:
            return None
        found: np.void = self.entries[place]
        return found

    def updated(self, changed: Ledger, deleted: RowArray) -> Ledger:
        """Return a ledger in which changed entries replace old ones and deleted rows are gone."""
        gone = np.isin(self.rows, np.concatenate([changed.rows, deleted]))
        joined = np.concatenate([self.entries[~gone], changed.entries])
        return Ledger(joined[np.argsort(joined["row"])])

    def differing(self, other: Ledger, name: str) -> RowArray:
        """Return the rows of this ledger whose digest `name` is not the same in `other`."""
        place = np.searchsorted(other.rows, self.rows)
        place[place == len(other)] = 0
        known = np.zeros(len(self), np.bool_)
        same = np.zeros(len(self), np.bool_)
        if len(other):
            known = other.rows[place] == self.rows
            same = self.entries[name] == other.entries[name][place]
        return self.rows[~(known & same)]


class Scan:
    """Notes the digests of changed products as they pass, and which were deleted."""

    def __init__(self, before: Ledger) -> None:
        self._before = before
        self._noted = bytearray()
        self._deleted: list[int] = []

    def note(self, text: str, document: LexicalDocument) -> bool:
        """Note a product that is there; return whether its keyword entry is another than before."""
        entry = np.zeros((), ENTRY)
        entry["row"] = document.row
        entry["text"] = np.void(text_key(text))
        entry["lexical"] = np.void(_lexical_digest(document))
        self._noted += entry.tobytes()
        known = self._before.entry(document.row)
        return known is None or bool(known["lexical"] != entry["lexical"])

    def note_deleted(self, row: int) -> None:
        """Note a product that is gone."""
        self._deleted.append(row)

    @property
    def ledger(self) -> Ledger:
        """Return the entries noted, sorted by row."""
        entries = np.frombuffer(bytes(self._noted), ENTRY).copy()
        return Ledger(entries[np.argsort(entries["row"])])

    @property
    def deleted(self) -> RowArray:
        """Return the rows of the deleted products that were noted."""
        return np.array(self._deleted, np.int64)


def _lexical_digest(document: LexicalDocument) -> bytes:
    digest = blake2b(digest_size=16)
    for text in (*document.texts.values(), *document.codes):
        digest.update(text.encode() + b"\x00")
    return digest.digest()

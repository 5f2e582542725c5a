"""The products of one generation, by row: what a page of hits shows.

Each product is a line of JSON in a segment file, and a table says where each row's line is.
Segments never change, so a generation shares those of the one before by hard links and adds
one of what changed. So that there are never many, and never much in them that is dead, segments
that are small beside what is new, or half dead, are written together with it (a log-structured
merge; O'Neil et al. 1996, "The Log-Structured Merge-Tree").
"""

from __future__ import annotations

import os
import struct
import weakref
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ..closing import Closing
from ..errors import ShopError, UnreadableError
from ..files import link_file, named
from .product import Product

RowArray = npt.NDArray[np.int64]

_ROWS = "rows.npy"
_PLACES = "places.npy"
_PLACE = np.dtype([("offset", "<i8"), ("length", "<i4"), ("crc32", "<u4"), ("segment", "<i4")])
_PACKED = struct.Struct("<qiIi")


class ProductStore:
    """Reads what `ProductWriter` wrote. Safe to use from several threads.

    Raises:
        ShopError: a file is missing or damaged, when opened or when a product is read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._name = Path(named(folder))
        try:
            self.rows: RowArray = np.load(folder / _ROWS)
            self.places: npt.NDArray[Any] = np.load(folder / _PLACES)
        except PermissionError as error:
            raise _unreadable(error) from None
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(self._name, named(error)) from None
        if len(self.rows) != len(self.places) or self.places.dtype != _PLACE:
            raise _damaged(self._name, "its tables do not fit each other")
        self.segments: dict[int, int] = {}  # number -> file descriptor
        self._close = weakref.finalize(self, _close_all, self.segments)
        for number in np.unique(self.places["segment"]).tolist():
            path = _segment(folder, number)
            try:
                self.segments[number] = os.open(path, os.O_RDONLY)
            except PermissionError as error:
                raise _unreadable(error) from None
            except OSError as error:
                raise _damaged(self._name, f"{path.name}: {error.strerror}") from None

    def __len__(self) -> int:
        return len(self.rows)

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those rows, None where one is not there."""
        if not len(self.rows):
            return [None] * len(rows)
        wanted = np.asarray(rows, np.int64)
        places = np.minimum(np.searchsorted(self.rows, wanted), len(self.rows) - 1)
        known = self.rows[places] == wanted
        return [
            _product(self.line(place)) if there else None
            for place, there in zip(places.tolist(), known.tolist(), strict=True)
        ]

    def items(self) -> Iterator[tuple[int, Product]]:
        """Stream rows and products, in row order."""
        for place, row in enumerate(self.rows.tolist()):
            yield row, _product(self.line(place))

    def line(self, place: int) -> bytes:
        """Return the stored line of the product at a place in `rows`."""
        offset, length, crc32, segment = self.places[place].item()
        line = os.pread(self.segments[segment], length, offset)
        if len(line) != length or zlib.crc32(line) != crc32:
            raise _damaged(self._name, f"{segment}.jsonl, byte {offset}")
        return line


class ProductWriter(Closing):
    """Writes the products of a generation: those that changed, beside those of the one before."""

    def __init__(self, folder: Path, previous: ProductStore | None = None) -> None:
        folder.mkdir()
        self._folder = folder
        self._previous = previous
        self._number = 1 + max(previous.segments, default=0) if previous else 1
        self._rows = array("q")
        self._places = bytearray()
        self._end = 0
        self._file = _segment(folder, self._number).open("wb")

    def add(self, row: int, product: Product) -> None:
        """Store a product that is new or changed."""
        self._add_line(row, orjson.dumps(product) + b"\n")

    def _add_line(self, row: int, line: bytes) -> None:
        self._file.write(line)
        self._rows.append(row)
        self._places += _PACKED.pack(self._end, len(line), zlib.crc32(line), self._number)
        self._end += len(line)

    def finish(self, deleted: RowArray) -> None:
        """Take over from the generation before what was neither added nor deleted."""
        rows, places = np.empty(0, np.int64), np.empty(0, _PLACE)
        if self._previous is not None:
            gone = np.concatenate([np.array(self._rows, np.int64), deleted])
            kept = ~np.isin(self._previous.rows, gone)
            rows, places = self._take_over(self._previous, np.flatnonzero(kept))
        self._file.close()
        if not self._end:
            _segment(self._folder, self._number).unlink()
        rows = np.concatenate([rows, np.array(self._rows, np.int64)])
        places = np.concatenate([places, np.frombuffer(bytes(self._places), _PLACE)])
        order = np.argsort(rows, kind="stable")
        np.save(self._folder / _ROWS, rows[order])
        np.save(self._folder / _PLACES, places[order])

    def close(self) -> None:
        """Close the segment file."""
        self._file.close()

    def _take_over(
        self, previous: ProductStore, kept: npt.NDArray[np.intp]
    ) -> tuple[RowArray, npt.NDArray[Any]]:
        """Link the segments that stay, and copy the lines of the others into the new one."""
        places = previous.places[kept]
        numbers, of = np.unique(places["segment"], return_inverse=True)
        live = np.bincount(of, places["length"], len(numbers))
        copied = []
        for number, alive in sorted(
            zip(numbers.tolist(), live.tolist(), strict=True), reverse=True
        ):
            source = _segment(previous.folder, number)
            if alive < 2 * self._end or 2 * alive < source.stat().st_size:
                copied.append(number)
                for place in kept[places["segment"] == number].tolist():
                    self._add_line(int(previous.rows[place]), previous.line(place))
            else:
                link_file(source, _segment(self._folder, number))
        stays = ~np.isin(places["segment"], copied)
        return previous.rows[kept][stays], places[stays]


def _segment(folder: Path, number: int) -> Path:
    return folder / f"{number}.jsonl"


def _close_all(descriptors: dict[int, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)


def _damaged(folder: Path, what: str) -> ShopError:
    return ShopError(
        f"the products in {folder} are damaged ({what}); "
        f"derive them again with: dsv3 index --rebuild --into {folder.parents[2]}"
    )


def _unreadable(error: OSError) -> ShopError:
    return UnreadableError(named(error.filename), error.strerror)


def _product(line: bytes) -> Product:
    named: dict[str, Any] = orjson.loads(line)
    named["codes"] = tuple(named["codes"])
    named["attributes"] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in named["attributes"].items()
    }
    return Product(**named)

"""Read the columns of a generation: mapped into memory, one field at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ..known_fields import KNOWN_FIELDS, Kind
from .base import (
    BoolArray,
    BooleanColumn,
    Column,
    Field,
    NumberColumn,
    RowArray,
    TextColumn,
)


def holds_values(folder: Path, field: str) -> bool:
    """Tell whether any product has a value of a field, without opening its columns."""
    return field in orjson.loads((folder / "fields.json").read_bytes())


class Columns:
    """Gives the columns of one generation; a column is read when first asked for.

    Files are opened at once: another shop's may stand under their names later.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        self._layout: dict[str, Any] = orjson.loads((folder / "fields.json").read_bytes())
        self._files = {
            path.stem: pa.ipc.open_file(pa.memory_map(str(path))) for path in folder.glob("*.arrow")
        }
        self._columns: dict[tuple[str, Kind], Column] = {}
        self._lock = Lock()
        self.fields = {each.name: Field(each.name, {each.kind: 0}) for each in KNOWN_FIELDS} | {
            name: Field(name, of["counts"]) for name, of in self._layout.items()
        }

    @property
    def live_rows(self) -> RowArray:
        """Return the rows of all products: (n,) int64."""
        column = self.column("product_id", "text")
        return np.empty(0, np.int64) if column is None else column.rows

    @property
    def capacity(self) -> int:
        """Return one more than the largest row: the length of a row mask."""
        rows = self.live_rows
        return int(rows.max()) + 1 if len(rows) else 0

    def column(self, name: str, kind: Kind) -> Column | None:
        """Return a field's values of one kind; None where it has none."""
        layout = self._layout.get(name)
        if layout is None or kind not in layout["batches"]:
            return None
        with self._lock:
            if (name, kind) not in self._columns:
                self._columns[name, kind] = self._read(layout, kind)
            return self._columns[name, kind]

    def different(self, name: str) -> int:
        """Return how many different texts a field has at most, without reading them."""
        layout = self._layout.get(name)
        if layout is None:
            return 0
        return sum(int(self._files["texts"].get_batch(n).num_rows) for n in layout["texts"])

    def _read(self, layout: dict[str, Any], kind: Kind) -> Column:
        table = self._batches(kind, layout["batches"][kind])
        rows = _numbers(table.column("row")).astype(np.int64)
        if kind == "boolean":
            return BooleanColumn(rows, _booleans(table.column("value")))
        values = _numbers(table.column("value"))
        if kind == "number":
            return NumberColumn(rows, values)
        parts = [self._texts(batch) for batch in layout["texts"]]
        return _unify(rows, values, [len(b) for b in table.column("value").chunks], parts)

    def _texts(self, batch: int) -> list[str]:
        texts: list[str] = self._files["texts"].get_batch(batch).column("text").to_pylist()
        return texts

    def _batches(self, kind: Kind, numbers: Sequence[int]) -> Any:
        import pyarrow as pa

        file = self._files[kind]
        return pa.Table.from_batches([file.get_batch(number) for number in numbers])

    def mask(self, rows: RowArray) -> BoolArray:
        """Return a (capacity,) mask that is true at `rows`."""
        mask = np.zeros(self.capacity, np.bool_)
        mask[rows] = True
        return mask


def _unify(rows: RowArray, codes: Any, lengths: list[int], parts: list[list[str]]) -> TextColumn:
    """Join batches that were coded apart under one list of texts."""
    if len(parts) == 1:
        return TextColumn(rows, codes, tuple(parts[0]))
    numbers: dict[str, int] = {}
    joined = []
    ends = np.cumsum([0, *lengths])
    for begin, end, texts in zip(ends[:-1], ends[1:], parts, strict=True):
        translate = np.array([numbers.setdefault(t, len(numbers)) for t in texts], np.int32)
        joined.append(translate[codes[begin:end]])
    return TextColumn(rows, np.concatenate(joined), tuple(numbers))


def _numbers(column: Any) -> npt.NDArray[Any]:
    """Return a column's numbers; Arrow's own `to_numpy` would import pandas for it."""
    parts = [np.from_dlpack(chunk) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _booleans(column: Any) -> BoolArray:
    """Return a column's truth values, which Arrow packs eight to a byte."""
    parts = []
    for chunk in column.chunks:
        bits = np.unpackbits(np.frombuffer(chunk.buffers()[1], np.uint8), bitorder="little")
        parts.append(bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_))
    return np.concatenate(parts)

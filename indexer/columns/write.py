"""Write the columns of a generation, from products or from the last generation's columns.

Three Arrow files hold the values (one for each kind) and a fourth the texts; in each, a field
is a run of record batches, so that a reader maps the file and touches only the fields it
needs. `fields.json` says which batches are whose.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ...closing import Closing
from ..known_fields import Kind
from ..product import Product
from .base import BoolArray, BooleanColumn, NumberColumn, RowArray, TextColumn
from .read import Columns
from .values import Scalar, field_values

SCHEMAS: dict[Kind, pa.Schema] = {
    "number": pa.schema([("row", pa.int32()), ("value", pa.float64())]),
    "boolean": pa.schema([("row", pa.int32()), ("value", pa.bool_())]),
    "text": pa.schema([("row", pa.int32()), ("value", pa.int32())]),
}
TEXTS = pa.schema([("text", pa.large_string())])
_FLUSH_VALUES = 4_000_000  # values held in memory before they are written


class ColumnsWriter(Closing):
    """Writes columns product by product, then what is kept of the last generation's.

    Values are collected by field and kind and written out field by field, a bounded number at once.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = {
            kind: pa.ipc.new_file(folder / f"{kind}.arrow", schema)
            for kind, schema in SCHEMAS.items()
        }
        self._texts = pa.ipc.new_file(folder / "texts.arrow", TEXTS)
        self._written = dict.fromkeys([*SCHEMAS, "texts"], 0)
        self._batches: dict[str, dict[Kind, list[int]]] = defaultdict(dict)
        self._text_batches: dict[str, list[int]] = defaultdict(list)
        self._counts: dict[str, dict[Kind, int]] = defaultdict(dict)
        self._pending: dict[tuple[str, Kind], tuple[array[int], list[Scalar]]] = {}
        self._pending_values = 0
        self._closed = False

    def add(self, row: int, product: Product) -> None:
        """Add what a product holds."""
        for name, kind, value in field_values(product):
            pending = self._pending.get((name, kind))
            if pending is None:
                pending = self._pending[name, kind] = (array("i"), [])
            pending[0].append(row)
            pending[1].append(value)
            self._pending_values += 1
        if self._pending_values >= _FLUSH_VALUES:
            self._flush()

    def keep(self, previous: Columns, changed: RowArray) -> None:
        """Take over the last generation's columns, to stand before what was added.

        Args:
            previous: the columns of the last generation.
            changed: rows whose values in `previous` no longer hold (changed or deleted).
        """
        lost = np.zeros(previous.capacity + 1, np.bool_)
        lost[changed[changed < len(lost)]] = True
        for field in previous.fields.values():
            for kind in field.counts:
                column = previous.column(field.name, kind)
                if column is not None:
                    self._keep_column(field.name, column, lost)

    def finish(self) -> None:
        """Write what is left, and make the folder one that `Columns` opens."""
        self._flush()
        self.close()
        self._write_fields()

    def close(self) -> None:
        """Close the files; without `finish` they are no columns."""
        if not self._closed:
            self._closed = True
            for file in (*self._files.values(), self._texts):
                file.close()

    def _flush(self) -> None:
        for (name, kind), (rows, values) in self._pending.items():
            if kind == "text":
                encoded = pa.array(values, pa.large_string()).dictionary_encode()
                self._write_texts(
                    name,
                    np.frombuffer(rows, np.int32),
                    encoded.indices.to_numpy(),
                    encoded.dictionary,
                )
            else:
                self._write(name, kind, np.frombuffer(rows, np.int32), values)
        self._pending.clear()
        self._pending_values = 0

    def _write(self, name: str, kind: Kind, rows: Any, values: Any, *, first: bool = False) -> None:
        batch = pa.record_batch([pa.array(rows), pa.array(values)], schema=SCHEMAS[kind])
        self._files[kind].write_batch(batch)
        _place(self._batches[name].setdefault(kind, []), self._written[kind], first=first)
        self._counts[name][kind] = self._counts[name].get(kind, 0) + len(rows)
        self._written[kind] += 1

    def _write_texts(
        self, name: str, rows: Any, codes: Any, texts: Any, *, first: bool = False
    ) -> None:
        self._write(name, "text", rows, codes, first=first)
        self._texts.write_batch(pa.record_batch([texts], schema=TEXTS))
        _place(self._text_batches[name], self._written["texts"], first=first)
        self._written["texts"] += 1

    def _keep_column(
        self, name: str, column: NumberColumn | BooleanColumn | TextColumn, lost: BoolArray
    ) -> None:
        """Write again what is still true of a column."""
        kept = ~lost[column.rows]
        rows = column.rows[kept].astype(np.int32)
        if not len(rows):
            return
        if isinstance(column, TextColumn):
            used, codes = np.unique(column.codes[kept], return_inverse=True)
            texts = pa.array([column.texts[code] for code in used], pa.large_string())
            self._write_texts(name, rows, codes.astype(np.int32), texts, first=True)
        else:
            kind: Kind = "number" if isinstance(column, NumberColumn) else "boolean"
            self._write(name, kind, rows, column.values[kept], first=True)

    def _write_fields(self) -> None:
        fields: Mapping[str, Any] = {
            name: {
                "batches": self._batches[name],
                "texts": self._text_batches.get(name, []),
                "counts": self._counts[name],
            }
            for name in sorted(self._batches)
        }
        (self._folder / "fields.json").write_bytes(orjson.dumps(fields))


def _place(batches: list[int], number: int, *, first: bool) -> None:
    batches.insert(0 if first else len(batches), number)

"""Write the columns of a generation, from products or from the last generation's columns.

Three Arrow files hold the values (one for each kind) and a fourth the texts; in each, a field
is a run of record batches, so that a reader maps the file and touches only the fields it
needs. `fields.json` says which batches are whose.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ..product import Product
from .base import BoolArray, BooleanColumn, Kind, NumberColumn, RowArray, TextColumn
from .read import Columns
from .values import Scalar, field_values

SCHEMAS: dict[Kind, pa.Schema] = {
    "number": pa.schema([("row", pa.int32()), ("value", pa.float64())]),
    "boolean": pa.schema([("row", pa.int32()), ("value", pa.bool_())]),
    "text": pa.schema([("row", pa.int32()), ("value", pa.int32())]),
}
TEXTS = pa.schema([("text", pa.large_string())])
_FLUSH_VALUES = 4_000_000  # values held in memory before they are written


def write_columns(
    folder: Path,
    products: Iterable[tuple[int, Product]],
    *,
    previous: Columns | None = None,
    changed: RowArray | None = None,
    on_product: Callable[[], None] | None = None,
) -> None:
    """Write the columns of `products`, and of `previous` without its `changed` rows.

    Args:
        folder: where the files go; created.
        products: (row, product) pairs: all of them, or those that changed.
        previous: the columns of the last generation, where only changes are given.
        changed: rows whose values in `previous` no longer hold (changed or deleted).
        on_product: called after each product.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _Writer(folder) as writer:
        if previous is not None:
            gone = np.empty(0, np.int64) if changed is None else changed
            _copy(previous, gone, writer)
        for row, product in products:
            for name, kind, value in field_values(product):
                writer.add(name, kind, row, value)
            writer.flush_if_large()
            if on_product is not None:
                on_product()


class _Writer:
    """Collect values by field and kind, and write them out field by field."""

    def __init__(self, folder: Path) -> None:
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

    def add(self, name: str, kind: Kind, row: int, value: Scalar) -> None:
        pending = self._pending.get((name, kind))
        if pending is None:
            pending = self._pending[name, kind] = (array("i"), [])
        pending[0].append(row)
        pending[1].append(value)
        self._pending_values += 1

    def flush_if_large(self) -> None:
        if self._pending_values >= _FLUSH_VALUES:
            self.flush()

    def flush(self) -> None:
        for (name, kind), (rows, values) in self._pending.items():
            if kind == "text":
                encoded = pa.array(values, pa.large_string()).dictionary_encode()
                self.write_texts(
                    name,
                    np.frombuffer(rows, np.int32),
                    encoded.indices.to_numpy(),
                    encoded.dictionary,
                )
            else:
                self.write(name, kind, np.frombuffer(rows, np.int32), values)
        self._pending.clear()
        self._pending_values = 0

    def write(self, name: str, kind: Kind, rows: Any, values: Any) -> None:
        batch = pa.record_batch([pa.array(rows), pa.array(values)], schema=SCHEMAS[kind])
        self._files[kind].write_batch(batch)
        self._batches[name].setdefault(kind, []).append(self._written[kind])
        self._counts[name][kind] = self._counts[name].get(kind, 0) + len(rows)
        self._written[kind] += 1

    def write_texts(self, name: str, rows: Any, codes: Any, texts: Any) -> None:
        self.write(name, "text", rows, codes)
        self._texts.write_batch(pa.record_batch([texts], schema=TEXTS))
        self._text_batches[name].append(self._written["texts"])
        self._written["texts"] += 1

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.flush()
        for file in (*self._files.values(), self._texts):
            file.close()
        if error is None:
            self._write_fields()

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


def _copy(previous: Columns, gone: RowArray, writer: _Writer) -> None:
    """Write again what is still true of the last generation's columns."""
    lost = np.zeros(previous.capacity + 1, np.bool_)
    lost[gone[gone < len(lost)]] = True
    for field in previous.fields.values():
        for kind in field.counts:
            column = previous.column(field.name, kind)
            if column is not None:
                _copy_column(field.name, column, lost, writer)


def _copy_column(
    name: str,
    column: NumberColumn | BooleanColumn | TextColumn,
    lost: BoolArray,
    writer: _Writer,
) -> None:
    kept = ~lost[column.rows]
    rows = column.rows[kept].astype(np.int32)
    if not len(rows):
        return
    if isinstance(column, TextColumn):
        used, codes = np.unique(column.codes[kept], return_inverse=True)
        texts = pa.array([column.texts[code] for code in used], pa.large_string())
        writer.write_texts(name, rows, codes.astype(np.int32), texts)
    else:
        kind: Kind = "number" if isinstance(column, NumberColumn) else "boolean"
        writer.write(name, kind, rows, column.values[kept])

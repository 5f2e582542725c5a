"""Read tables of any common kind as rows of named fields, with line numbers."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TextIO

import orjson

from ...errors import InputError, RecordError

Row = Mapping[str, object]

_DELIMITERS = ",;\t|"


def open_text(path: Path) -> TextIO:
    """Open a text file, also a gzipped one; a byte-order mark is skipped.

    Raises:
        InputError: there is no such file.

    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def kind_of(path: Path) -> str:
    """Return a file's extension without `.gz`: `csv` for `j.csv.gz`."""
    name = path.name.removesuffix(".gz")
    return Path(name).suffix.removeprefix(".").lower()


def read_rows(path: Path, delimiter: str | None = None) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a CSV, TSV, JSONL, JSON array or Parquet file.

    Args:
        path: the file, gzipped or not.
        delimiter: what parts the cells; of a CSV the header tells comma, semicolon, tab or bar.

    Raises:
        InputError: the file is missing, cannot be decoded or is of no known kind.

    """
    kind = kind_of(path)
    try:
        if kind in {"jsonl", "ndjson"}:
            yield from _read_jsonl(path)
        elif kind == "json":
            yield from _read_json(path)
        elif kind == "parquet":
            yield from _read_parquet(path)
        else:
            yield from _read_delimited(path, delimiter or ("\t" if kind == "tsv" else None))
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise InputError(f"{path}: cannot be read as {kind or 'text'}: {error}") from error


def _read_delimited(path: Path, delimiter: str | None) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        header = file.readline()
        lines = chain([header], file)
        sign = delimiter or _delimiter(header)
        reader = csv.DictReader(lines, delimiter=sign, restval="", strict=True)
        try:
            for row in reader:
                row.pop(None, None)
                yield reader.line_num, row
        except csv.Error as error:
            reason = f"cannot be read as delimited text: {error}; a quotation mark may be stray"
            raise RecordError(reason, source=str(path), line=reader.line_num + 1) from error


def _delimiter(header: str) -> str:
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _read_jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise RecordError(f"not JSON: {error}", source=str(path), line=number) from error
            yield number, _object(row, path, number)


def _read_json(path: Path) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        try:
            rows = orjson.loads(file.read())
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected an array of objects")
    for number, row in enumerate(rows, 1):
        yield number, _object(row, path, number)


def _object(row: object, path: Path, number: int) -> Row:
    if not isinstance(row, dict):
        raise RecordError("expected an object with named fields", source=str(path), line=number)
    return row


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from error
    number = 0
    for batch in file.iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, row

"""Read records from any source: a file by its suffix, a table by its URL, standard input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import InputError
from . import table
from .delimited import read_csv, read_tsv
from .json_document import read_json
from .json_lines import read_json_lines
from .parquet import read_parquet
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import STDIN, ByteStream, existing_file, open_stream
from .table import read_table

Records = Iterator[RawRecord | Rejected]
StreamReader = Callable[[ByteStream, ReadOptions, SourceProgress], Records]

STREAM_READERS: dict[str, StreamReader] = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
}
FILE_READERS: dict[str, Callable[[str, SourceProgress], Records]] = {
    ".parquet": read_parquet,
}


def read_records(
    spec: str, options: ReadOptions | None = None, progress: SourceProgress | None = None
) -> Records:
    """Return the records of a source as a stream, with those that had to be rejected.

    `spec` is a file name, optionally with .gz, a table such as "sqlite:///shop.db#products",
    or "-" for standard input.

    Raises:
        InputError: at once, for what is missing or of an unknown kind.
        MissingExtra: the table's database driver is not installed.

    """
    options = options or ReadOptions()
    progress = progress or SourceProgress()
    if spec == STDIN:
        return _read_stream(spec, None, options, progress)
    if "://" in spec:
        table.check_table(spec)
        return read_table(spec, progress)
    suffix = _suffix(spec)
    existing_file(spec)
    if suffix in FILE_READERS:
        return FILE_READERS[suffix](spec, progress)
    return _read_stream(spec, STREAM_READERS[suffix], options, progress)


def _suffix(spec: str) -> str:
    suffix = Path(spec.lower().removesuffix(".gz")).suffix
    known = (*STREAM_READERS, *FILE_READERS)
    if suffix not in known:
        raise InputError(
            f"{spec}: unknown kind of file; known are {', '.join(known)}, each also with .gz, "
            "a table such as sqlite:///shop.db#products, and - for standard input"
        )
    return suffix


def _read_stream(
    spec: str,
    reader: StreamReader | None,
    options: ReadOptions,
    progress: SourceProgress,
) -> Records:
    with open_stream(spec, progress) as stream:
        line = 0
        if reader is None or (reader is read_json_lines and _is_array(stream.head)):
            reader = _recognise(stream.head)
        for item in reader(stream, options, progress):
            line = item.line or line
            yield item
        if stream.problem:
            yield Rejected(stream.problem, source=stream.name, line=line + 1, ends=True)


def _recognise(head: bytes) -> StreamReader:
    """Return the reader for a stream without a name, by its first bytes."""
    return read_json if _is_array(head) or _start(head)[:1] == b"{" else read_csv


def _is_array(head: bytes) -> bool:
    """Tell whether an array of objects begins here, whatever the file is called."""
    start = _start(head)
    return start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]")


def _start(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()

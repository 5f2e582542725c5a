"""Read CSV and TSV: a header, then a record a row, which may span lines."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from .lines import LONGEST_LINE, TOO_LONG, numbered_lines
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t|"
Numbered = tuple[int, str]


def read_csv(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row; comma, semicolon, tab or bar is told by the header."""
    return _read(stream, None)


def read_tsv(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row of a file whose cells are set apart by tabs."""
    return _read(stream, "\t")


@dataclass
class _Lines:
    """Feeds lines to the CSV parser and remembers those of the row being read.

    A stray quotation mark makes a row swallow what follows it. Then the first line of that row
    is rejected and the others are read again.
    """

    source: Iterator[Numbered | Rejected]
    rejected: deque[Rejected] = field(default_factory=deque)
    row: list[Numbered] = field(default_factory=list)
    _again: deque[Numbered] = field(default_factory=deque)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        item: Numbered | Rejected = self._again.popleft() if self._again else next(self.source)
        while isinstance(item, Rejected):
            self.rejected.append(item)
            item = next(self.source)
        self.row.append(item)
        return item[1]

    def read_again(self) -> None:
        self._again.extendleft(reversed(self.row[1:]))
        self.row.clear()


def _read(stream: ByteStream, delimiter: str | None) -> Iterator[RawRecord | Rejected]:
    lines = _Lines(_text_lines(stream))
    first = next(lines, None)
    if first is None:
        return
    lines._again.appendleft(lines.row.pop())
    parse = partial(csv.reader, lines, delimiter=delimiter or _delimiter(first))
    rows = parse()
    try:
        names = _column_names(next(rows))
    except csv.Error as error:
        yield Rejected(
            f"the header cannot be read ({error})", source=stream.name, line=1, ends=True
        )
        return
    while True:
        lines.row.clear()
        reason, cells = "", None
        try:
            cells = next(rows, None)
        except csv.Error as error:
            reason = f"the row cannot be read ({error})"
            rows = parse()
        while lines.rejected:
            yield lines.rejected.popleft()
        if cells is None and not reason:
            return
        if cells is not None and len(cells) != len(names):
            reason = _misfit(cells, names) or _unfinished(cells, names, lines.row[-1][1])
        if not reason:
            yield RawRecord(
                stream.name, lines.row[0][0], dict(zip(names, cells or (), strict=False))
            )
            continue
        number, text = lines.row[0]
        ends = not lines.row[-1][1].endswith("\n")
        yield Rejected(
            reason, source=stream.name, line=number, record=text.rstrip("\r\n"), ends=ends
        )
        lines.read_again()
        rows = parse()


def _misfit(cells: list[str], names: list[str]) -> str:
    """Return why a row does not fit the header; rows that end early are fine."""
    if len(cells) <= len(names) or not any(cells[len(names) :]):
        return ""
    return f"the row has {len(cells)} cells, the header has {len(names)}"


def _unfinished(cells: list[str], names: list[str], line: str) -> str:
    """Return why the last row seems cut; a file may well end without the end of a line."""
    if len(cells) >= len(names) or line.endswith("\n"):
        return ""
    return f"the last row is unfinished: {len(cells)} of {len(names)} cells and no end of the line"


def _delimiter(header: str) -> str:
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _column_names(cells: list[str]) -> list[str]:
    """Return a name for each column: none empty, none twice."""
    names: dict[str, None] = {}
    copies: Counter[str] = Counter()
    for position, cell in enumerate(cells, start=1):
        base = name = cell.strip() or f"column_{position}"
        while name in names:
            copies[base] += 1
            name = f"{base}#{copies[base] + 1}"
        names[name] = None
    return list(names)


def _text_lines(stream: ByteStream) -> Iterator[Numbered | Rejected]:
    if stream.head.startswith(_UTF16):
        yield from _utf16_lines(stream)
        return
    for item in numbered_lines(stream):
        if isinstance(item, Rejected):
            yield item
            continue
        number, line = item
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError:
            yield _windows(stream.name, number, line)


def _utf16_lines(stream: ByteStream) -> Iterator[Numbered | Rejected]:
    text = io.TextIOWrapper(stream.body, encoding="utf-16", errors="replace", newline="\n")
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        start = line
        while len(line) >= LONGEST_LINE and not line.endswith("\n"):
            line = text.readline(LONGEST_LINE)
        if len(start) >= LONGEST_LINE and not start.endswith("\n"):
            yield Rejected(TOO_LONG, source=stream.name, line=number, record=start[:1000])
        else:
            yield number, start


def _windows(source: str, number: int, line: bytes) -> Numbered | Rejected:
    """Decode a line as Windows-1252, which spreadsheets write where they do not write UTF-8."""
    try:
        return number, line.decode("cp1252")
    except UnicodeDecodeError:
        read = line.decode("utf-8", "replace")
        reason = "the line is neither UTF-8 nor Windows-1252"
        return Rejected(reason, source=source, line=number, record=read)

"""Read delimited text: a header, then a record a row, which may span lines.

`encoding.py` and `dialect.py` tell from the beginning how it is written. Lines go to Python's CSV
parser; what it makes of a row is looked at again only where that is not one line of as many cells
as the header has.
"""

from __future__ import annotations

import csv
import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...errors import InputError
from .dialect import Dialect, is_formula, tell_dialect
from .encoding import check_encoding, tell_encoding
from .header import column_names, is_known_header
from .lines import LONGEST_LINE
from .records import NoProductsError, RawRecord, ReadOptions, Rejected, SourceProgress
from .stray_quotes import RowLook
from .stream import ByteStream
from .text_lines import TextLines, first_lines, split_lines

_limit_lock = threading.Lock()
_LONGEST_ROW = 500  # lines; where the next row is looked for
_MOST_LOOKED_AT = 200_000  # lines; in a table of which most rows are broken no more are
_MOST_LEFT_OVER = 200  # lines of a broken row after its end as it was read


def read_csv(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row; how the text is written is told by its beginning.

    Raises:
        InputError: no delimiter divides the rows, or the encoding asked for is unknown.

    """
    return _read(stream, options, progress, None)


def read_tsv(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row of a file whose cells are most likely set apart by tabs.

    Raises:
        InputError: as `read_csv`.

    """
    return _read(stream, options, progress, "\t")


def _read(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress, usual: str | None
) -> Iterator[RawRecord | Rejected]:
    asked = check_encoding(options.encoding, stream.head) if options.encoding else None
    encoding = asked or tell_encoding(stream.head)
    head, newline = first_lines(stream.head, encoding)
    dialect = tell_dialect(head, usual) or _one_column(stream.name, head)
    lines = _Lines(iter(TextLines(stream, encoding, newline, strict=asked is not None)))
    shown = "utf-8" if encoding == "ascii" else encoding
    progress.recognise(stream.name, encoding=shown, dialect=dialect.describe())
    table = _Table(stream.name, dialect, lines, head[dialect.header_line :], progress)
    return table.records()


def _one_column(source: str, lines: list[str]) -> Dialect:
    """Return the dialect of a list of ids or titles, which no delimiter divides.

    Raises:
        InputError: the text is no table at all.

    """
    names = next((line for line in lines if line.strip()), "")
    if names and not is_known_header([names.strip().strip('"')]):
        raise NoProductsError(
            f"{source}: no delimiter was found, each line would be one cell; known are comma, "
            'semicolon, tab, |, ^ and ~; name another in a line before the first, as in "sep=:"'
        )
    return Dialect(",")


@dataclass
class _Table:
    """Makes records of lines.

    Attributes:
        start: the line where the row that is looked at begins, from 0.
        looked_at: lines that were looked at to find where rows go on after broken ones.

    """

    source: str
    dialect: Dialect
    lines: _Lines
    sample: list[str]
    progress: SourceProgress
    names: list[str] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    start: int = 0
    looked_at: int = 0
    look: RowLook = field(init=False)

    def records(self) -> Iterator[RawRecord | Rejected]:
        """Yield a record a row after the header."""
        self.start = self.dialect.header_line - 1
        if problem := self._read_header():
            yield problem
        if not self.names:
            return
        self.look = RowLook.told(self.dialect, len(self.names), self.sample)
        while not (yield from self._read_on()):
            pass
        yield from self.lines.rejected

    def _read_on(self) -> Generator[RawRecord | Rejected, None, bool]:
        """Yield records until lines must be read again; return whether the end is reached."""
        lines, names, header, source = self.lines, self.names, self.header, self.source
        width, first, formulas = len(names), self.start, self.dialect.formulas
        rows = self.dialect.read(lines.feed(first), strict=True)
        end = first
        while True:
            lines.keep = start = end
            try:
                cells = next(rows)
            except StopIteration:
                return True
            except csv.Error as error:
                self.start = start
                yield from self._after_error(str(error), first + rows.line_num)
                return False
            end = first + rows.line_num
            if lines.rejected:
                yield from lines.rejected_before(end)
            if formulas:
                cells = [cell[2:-1] if is_formula(cell) else cell for cell in cells]
            if end - start == 1 and len(cells) == width:  # most rows, by far
                if cells == header:
                    self.progress.skip("a repeated header")
                elif cells[0] or any(cells):
                    yield RawRecord(source, end, dict(zip(names, cells, strict=True)))
                else:
                    self.progress.skip("an empty row")
                continue
            self.start = start
            yield from self._look_again(cells, end, strict=True)
            if self.start != end:
                return False

    def _read_header(self) -> Rejected | None:
        rows = self.dialect.read(self.lines.feed(self.start))
        line = self.dialect.header_line
        try:
            with _no_limit():
                self.header = next(rows, [])
        except csv.Error as error:
            reason = f"the header cannot be read ({error})"
            return Rejected(reason, source=self.source, line=line, ends=True)
        end = self.start + rows.line_num
        if self.header and (
            end > self.lines.end or self._is_stray(self.lines.between(self.start, end))
        ):
            raise InputError(
                f"{self.source}: a quotation mark in the header, line {line}, is never closed; "
                "mend that line"
            )
        self.start = end
        self.names = column_names(self.header)
        return None

    def _is_stray(self, texts: list[str]) -> bool:
        """Tell whether a row below has as many cells as the first line of the header."""
        first, *others = (text.count(self.dialect.delimiter) for text in texts)
        return first > 0 and first in others

    def _after_error(self, error: str, end: int) -> Iterator[RawRecord | Rejected]:
        r"""Yield what becomes of a row that the parser refuses, and move `start` after it.

        It has a quotation mark out of place, a cell of more than 128 KiB, or a "\r" where no line
        ends.
        """
        lines, start = self.lines, self.start
        rows = self.dialect.read(lines.feed(start))
        try:
            cells = next(rows)
        except csv.Error:
            if lines.split_at_returns(start, self.dialect, len(self.names)):
                return
            if not self.look.seems_endless(lines.between(start, end)):
                rows = self.dialect.read(lines.feed(start))
                try:
                    with _no_limit():
                        cells = next(rows)
                except csv.Error:
                    end = start + rows.line_num
                else:
                    yield from self._look_again(cells, start + rows.line_num)
                    return
            yield self._reject(f"the row cannot be read ({error})", end)
        else:
            yield from self._look_again(cells, start + rows.line_num)

    def _look_again(
        self, cells: list[str], end: int, *, strict: bool = False
    ) -> Iterator[RawRecord | Rejected]:
        """Yield what becomes of a row that spans lines or has another width than the header.

        With `strict` all its quotes are known to be in place. `start` is moved to where reading
        goes on.
        """
        texts = self.lines.between(self.start, end)
        if texts and end > self.lines.end:
            reason = "a quotation mark is opened and never closed"
        elif not texts or not "".join(cells).strip():
            if any(text.strip() for text in texts):
                self.progress.skip("an empty row")
            self.start = end
            return
        else:
            with _no_limit():
                well_formed = strict or self.dialect.is_well_formed(texts)
                reason = self._misfit(cells, texts, well_formed=well_formed)
        if reason:
            yield self._reject(reason, end)
            return
        number, self.start = self.start + 1, end
        yield RawRecord(self.source, number, dict(zip(self.names, cells, strict=False)))

    def _reject(self, reason: str, end: int) -> Rejected:
        """Return a row as rejected, and with it the lines up to the next that begins a row."""
        start, self.start = self.start, self._next_row(end)
        texts = self.lines.between(start, self.start)
        record = "".join(texts).rstrip("\r\n")
        ends = not texts[-1].endswith(("\n", "\r"))
        return Rejected(reason, source=self.source, line=start + 1, record=record, ends=ends)

    def _next_row(self, end: int) -> int:
        """Return the line where reading goes on after a broken row that was read up to `end`."""
        lines = self.lines
        end = min(end, lines.end)
        texts = lines.between(self.start, end)
        quoted = any(self.dialect.quote in text for text in texts)
        if not quoted and not (self.look.knows_first and self._goes_on(end)):
            return end
        for at, text in enumerate(lines.feed(self.start + 1), self.start + 1):
            if at >= lines.end:
                return lines.end
            if self.look.begins(text, lines.ahead(at)):
                return at
            self.looked_at += 1
            if at > end + _MOST_LEFT_OVER or (at >= end and self.looked_at > _MOST_LOOKED_AT):
                break
        return end

    def _goes_on(self, end: int) -> bool:
        """Tell whether what stands at `end`, blank lines apart, is no row but the rest of one."""
        for at, text in enumerate(self.lines.feed(end), end):
            if at >= self.lines.end:
                return False
            if text.strip():
                return not self.look.begins(text, self.lines.ahead(at))
        return False

    def _misfit(self, cells: list[str], texts: list[str], *, well_formed: bool) -> str:
        """Return why a row does not fit the header; rows that end early are fine."""
        if self.look.has_swallowed(texts, well_formed=well_formed):
            return "a quotation mark is opened and never closed before the next row"
        width = len(self.names)
        if len(cells) > width and any(cells[width:]):
            return f"the row has {len(cells)} cells, the header has {width}"
        if self.look.is_misplaced(cells[0], well_formed=well_formed):
            return "a quotation mark is out of place: the first cell is unlike those of other rows"
        if len(cells) >= width:
            if well_formed or not self._goes_on(self.start + len(texts)):
                return ""
            return "a quotation mark is out of place: the row ends before its text"
        wanted = len(self.header)
        while wanted and not self.header[wanted - 1].strip():
            wanted -= 1
        if len(cells) < wanted and not texts[-1].endswith(("\n", "\r")):
            return (
                f"the last row is unfinished: {len(cells)} of {wanted} cells and no end of the line"
            )
        if not well_formed:
            return f"a quotation mark is out of place: {len(cells)} of {width} cells are left"
        if self.look.is_left_over(cells):
            return f"no row begins here: {len(cells)} of {width} cells, the first unlike the others"
        return ""


@contextmanager
def _no_limit() -> Iterator[None]:
    """Let one row have cells as long as a line may be.

    The limit is one for all of a process; it is put back at once.
    """
    with _limit_lock:
        before = csv.field_size_limit(LONGEST_LINE)
        try:
            yield
        finally:
            csv.field_size_limit(before)


@dataclass
class _Lines:
    """Feeds lines to the CSV parser and holds those of the row being read, to be read again.

    Lines are counted from 0; one that could not be read is empty.

    Attributes:
        keep: lines before this one are no longer needed.

    """

    blocks: Iterator[list[str] | Rejected]
    rejected: deque[Rejected] = field(default_factory=deque)
    keep: int = 0
    _texts: list[str] = field(default_factory=list)
    _first: int = 0

    @property
    def end(self) -> int:
        """Return how many lines were read so far."""
        return self._first + len(self._texts)

    def feed(self, start: int) -> Iterator[str]:
        """Yield lines from `start`, then a blank one, which only an open quotation mark takes."""
        while True:
            batch = self._texts[start - self._first :]
            if not batch and not self._load():
                yield "\n"
                return
            start += len(batch)
            yield from batch

    def ahead(self, start: int) -> list[str]:
        """Return lines from `start`, as many as a row may well have."""
        while self.end < start + _LONGEST_ROW and self._load():
            pass
        return self.between(start, start + _LONGEST_ROW)

    def between(self, start: int, end: int) -> list[str]:
        """Return lines that are still held."""
        return self._texts[start - self._first : end - self._first]

    def rejected_before(self, end: int) -> Iterator[Rejected]:
        """Yield lines that could not be read and stood before a line."""
        while self.rejected and (self.rejected[0].line or 0) <= end:
            yield self.rejected.popleft()

    def split_at_returns(self, line: int, dialect: Dialect, width: int) -> bool:
        r"""Divide a line at "\r", if each part is a row; tell whether it was divided."""
        at = line - self._first
        parts = split_lines(self._texts[at], "") if at < len(self._texts) else []
        if len(parts) < 2 or any(len(dialect.alone(part, strict=True)) != width for part in parts):
            return False
        self._texts[at : at + 1] = parts
        return True

    def _load(self) -> bool:
        for block in self.blocks:
            done = self.keep - self._first
            del self._texts[:done]
            self._first = self.keep
            if isinstance(block, Rejected):
                self.rejected.append(block)
                self._texts.append("")  # so that lines are counted
            else:
                self._texts += block
            return True
        return False

"""Tell from a sample how a delimited text is written: delimiter, quotes, where its header stands.

Every delimiter is tried; the one counts under which rows have as many cells as the header, whose
names are known. CleverCSV tells delimiters as well, but neither the header nor whether a backslash
is an escape, which must be told together with it; NUL bytes are an error to it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from .header import HEAD_ROWS, find_header, is_known_header

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "^": "caret", "~": "tilde"}
DELIMITERS = "".join(_NAMES)
_SEP = re.compile(r'"?sep=(.)"?[,;\t]*\r?\n?', re.IGNORECASE)
_ROWS_COUNTED = 200
_LONGEST_ROW = 100  # lines; in a sample alone
_BACKSLASH = re.compile(r"\\(.)|\\", re.DOTALL)


class Rows(Protocol):
    """Gives the cells of row after row, as `csv.reader` does."""

    line_num: int

    def __iter__(self) -> Self:
        """Return itself."""

    def __next__(self) -> list[str]:
        """Return the cells of the next row."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text is written.

    Attributes:
        backslash: a quotation mark within a cell has a backslash before it.
        spaced: spaces after a delimiter are no part of a cell, so that quotes may follow them.
        formulas: codes are guarded from spreadsheets as in ="007".
        header_line: the line where the header begins, from 1.

    """

    delimiter: str
    quote: str = '"'
    backslash: bool = False
    spaced: bool = False
    formulas: bool = False
    header_line: int = 1

    def read(self, lines: Iterable[str], *, strict: bool = False) -> Rows:
        """Return the rows of lines; with `strict`, quotes out of place are a `csv.Error`."""
        if self.backslash:
            lines = map(self._escapes, lines)
        rows: Rows = csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar="\\" if self.backslash else None,
            skipinitialspace=self.spaced,
            strict=strict,
        )
        return rows

    def alone(self, line: str, *, strict: bool = False) -> list[str]:
        """Return the cells of a line as if no other stood beside it."""
        try:
            return next(self.read((line,), strict=strict), [])
        except csv.Error:
            return []

    def is_well_formed(self, lines: Sequence[str]) -> bool:
        """Tell whether all quotes in the lines of one row are where the dialect has them."""
        return bool(self.whole(lines))

    def whole(self, lines: Iterable[str]) -> list[str]:
        """Return the cells of the row that begins here; none if a quote is out of place in it."""
        try:
            return next(self.read(lines, strict=True), [])
        except csv.Error:
            return []

    def rows(self, lines: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
        """Yield the first line and the cells of each row; None where a line begins no whole row."""
        at = 0
        while at < len(lines):
            read = self.read(lines[at : at + _LONGEST_ROW], strict=True)
            try:
                yield at, next(read, [])
                at += read.line_num
            except csv.Error:
                yield at, None
                at += 1

    def describe(self) -> str:
        """Return it in words, such as "semicolon, quotes doubled, header in row 3"."""
        told = [_NAMES.get(self.delimiter, repr(self.delimiter))]
        if self.quote != '"':
            told.append("single quotes")
        told.append("quotes after a backslash" if self.backslash else "quotes doubled")
        if self.header_line > 1:
            told.append(f"header in row {self.header_line}")
        return ", ".join(told)

    def _escapes(self, line: str) -> str:
        """Double the backslashes that stand before anything but a mark of the dialect."""
        if "\\" not in line:
            return line
        marks = (self.quote, self.delimiter, "\\")
        return _BACKSLASH.sub(
            lambda found: found[0] if found[1] in marks else f"\\{found[0]}", line
        )


def tell_dialect(lines: list[str], usual: str | None = None) -> Dialect | None:
    """Return how a text is written that begins with these lines; None if it is not divided.

    `usual` is the delimiter that the name of the file promises; another must fit clearly better.
    """
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    told = _SEP.fullmatch(lines[first]) if lines else None
    skipped = first + 1 if told else 0
    lines = lines[skipped:]
    if told:
        trials = [_Trial.of(Dialect(told[1]), lines)]
    else:
        trials = [_Trial.of(Dialect(mark), lines) for mark in DELIMITERS]
        trials = [trial for trial in trials if trial.width > 1]
    if not trials:
        return None
    best = max(trials, key=lambda trial: trial.score + 0.3 * (trial.dialect.delimiter == usual))
    best = _quotes(best, lines)
    return replace(best.dialect, header_line=skipped + best.header_line)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a dialect makes of the sample."""

    dialect: Dialect
    rows: list[list[str]]
    header: int
    header_line: int
    score: float

    @property
    def width(self) -> int:
        return len(self.rows[self.header]) if self.rows else 0

    @classmethod
    def of(cls, dialect: Dialect, lines: list[str]) -> Self:
        rows, starts = [], []
        for start, cells in _numbered(dialect, lines):
            if any(cell.strip() for cell in cells):
                rows.append(cells)
                starts.append(start)
        if not rows:
            return cls(dialect, [], 0, 1, 0.0)
        header = find_header(rows[:HEAD_ROWS])
        width = len(rows[header])
        body = [_fit(cells, width) for cells in rows[header + 1 :]]
        share = sum(body) / len(body) if body else 0.5
        score = share * (1 - 1 / width) + is_known_header(rows[header])
        return cls(dialect, rows, header, starts[header], score)


def _numbered(dialect: Dialect, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the first rows with the line where each begins, from 1."""
    read = dialect.read(lines)
    while read.line_num < len(lines):
        start = read.line_num + 1
        try:
            cells = next(read)
        except (csv.Error, StopIteration):
            return
        yield start, cells
        if start > 10 * _ROWS_COUNTED:
            return


def _fit(cells: list[str], width: int) -> float:
    if len(cells) == width or (len(cells) > width and not any(cells[width:])):
        return 1.0
    return 0.5 if 1 < len(cells) < width else 0.0


def _quotes(trial: _Trial, lines: list[str]) -> _Trial:
    """Return the trial with the quotes and spaces that leave the fewest rows broken."""
    if _are_single_quoted(trial):
        other = _Trial.of(replace(trial.dialect, quote="'"), lines)
        if other.score >= trial.score and other.width >= trial.width:
            trial = other
    sample = "".join(lines)
    if " " + trial.dialect.quote in sample:
        trial = _less_broken(trial, replace(trial.dialect, spaced=True), lines)
    if "\\" + trial.dialect.quote in sample:
        trial = _less_broken(trial, replace(trial.dialect, backslash=True), lines)
    names = trial.rows[trial.header] if trial.rows else []
    if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
        trial = _Trial.of(replace(trial.dialect, spaced=True), lines)
    if any(is_formula(cell) for cells in trial.rows for cell in cells):
        return replace(trial, dialect=replace(trial.dialect, formulas=True))
    return trial


def _less_broken(trial: _Trial, dialect: Dialect, lines: list[str]) -> _Trial:
    other = _Trial.of(dialect, lines)
    return other if _broken(other, lines) < _broken(trial, lines) else trial


def is_formula(cell: str) -> bool:
    """Tell whether a cell is a text that is guarded as a formula, such as ="007"."""
    return len(cell) > 2 and cell.startswith('="') and cell.endswith('"') and cell.count('"') == 2


def _are_single_quoted(trial: _Trial) -> bool:
    """Tell whether cells that begin with an apostrophe end with one, and most of a column do."""
    body = trial.rows[trial.header + 1 :]
    marked = [cell for cells in body for cell in cells if cell.startswith("'")]
    if any(cell.startswith('"') for cells in body for cell in cells):
        return False
    whole = sum(len(cell) > 1 and cell.endswith("'") for cell in marked)
    return len(marked) > 1 and 2 * len(marked) >= len(body) and 10 * whole >= 5 * len(marked)


def _broken(trial: _Trial, lines: list[str]) -> int:
    """Return how many rows are not read, cell by cell, as the dialect says they are written.

    A line is one that is left of a row which cannot be read.
    """
    rows = trial.dialect.rows(lines)
    return sum(cells is None or len(cells) != trial.width for _, cells in rows if cells != [])

"""Tell a quoted cell that has swallowed rows after a stray mark from one that has many lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

from .dialect import Dialect

_SAMPLE_ROWS = 200
_MOST = 0.9
_FEWEST_ALIKE = 4
_LIKELY = 0.75
_POSSIBLE = 0.5
_FEWEST_WITHOUT_LOOK = 3

Check = Callable[[str], bool]


def _is_prose(cells: Sequence[str]) -> bool:
    """Tell whether what divides cells are rather the commas of a text."""
    return any(cell.startswith(" ") for cell in cells[1:])


def _has_digit(cell: str) -> bool:
    return any(mark.isdigit() for mark in cell)


def _has_no_letter(cell: str) -> bool:
    return not any(mark.isalpha() for mark in cell)


def _has_no_space(cell: str) -> bool:
    return not any(mark.isspace() for mark in cell)


_CHECKS: tuple[Check, ...] = (_has_digit, _has_no_letter, _has_no_space)


@dataclass(frozen=True, slots=True)
class RowLook:
    """What the rows of a table look like.

    Attributes:
        width: cells of most rows.
        widths: how many cells a tenth of the rows, or more, have.
        checks: for each column what most of its cells pass.
        damaged: most rows have a quotation mark out of place, and only first cells are known.

    """

    dialect: Dialect
    width: int
    widths: frozenset[int]
    checks: tuple[tuple[Check, ...], ...]
    damaged: bool = False

    @classmethod
    def told(cls, dialect: Dialect, width: int, lines: Sequence[str]) -> Self:
        """Learn it from the first lines after the header, of which a row may take several."""
        found = list(islice(dialect.rows(lines), _SAMPLE_ROWS))
        filled = [cells for _, cells in found if cells]
        broken = [lines[at].split(dialect.delimiter)[0] for at, cells in found if cells is None]
        times = Counter(map(len, filled))
        # All rows may be shorter than the header, or end with a delimiter that it lacks.
        [(usual, most)] = times.most_common(1) or [(width, 0)]
        width = usual if 2 * most > len(filled) and most > len(broken) else width
        widths = {each for each, count in times.items() if each > 1 and 10 * count >= len(filled)}
        rows = [cells for cells in filled if len(cells) == width and not _is_prose(cells)]
        if len(rows) < len(broken):
            first = _passed([cell.strip(dialect.quote) for cell in broken])
            return cls(dialect, width, frozenset({width}), (first,), damaged=True)
        checks = tuple(_passed(column) for column in zip(*rows, strict=True))
        return cls(dialect, width, frozenset(widths | {width}), checks)

    @property
    def knows_first(self) -> bool:
        """Tell whether there is something to know the first cell of a row by."""
        return bool(self.checks) and _has_digit in self.checks[0]

    def likeness(self, line: str) -> float:
        """Return how much a line looks like a row, from 0 to 1."""
        cells = self.dialect.alone(line)
        if len(cells) != self.width:
            cells = line.rstrip("\r\n").split(self.dialect.delimiter)
        if len(cells) != self.width or _is_prose(cells):
            return 0.0
        return self._passing(cells)

    def begins(self, line: str, lines: Iterable[str]) -> bool:
        """Tell whether a row begins with a line, which is the first of `lines`.

        Its first cell is like those of other rows. It has as many cells as they have, be it that
        it is read with the lines after it, or alone as if a quotation mark in it were a letter;
        there it may have more, for a delimiter within a quoted cell is none.
        """
        quote, delimiter = self.dialect.quote, self.dialect.delimiter
        plain = line.rstrip("\r\n").split(delimiter)
        if len(plain) == 1 < self.width or not self._is_first(plain[0].strip(quote)):
            return False
        cells = self.dialect.whole(lines)
        if len(cells) in self.widths and not _is_prose(cells):
            return self._passing(cells) >= _POSSIBLE
        if self.knows_first and len(plain) >= (2 if self.damaged and not cells else self.width):
            return True
        return self.likeness(line) >= _POSSIBLE

    def has_swallowed(self, lines: Sequence[str], *, well_formed: bool) -> bool:
        """Tell whether the lines of one row, are several rows, though its width is right.

        Where a quotation mark is stray, the line it stands in has as many cells as other rows,
        unless more of it is damaged, and so have all that follow, to the one with the next mark.
        The lines of a long text do not, and what stands in their columns looks different.
        """
        if len(lines) < (2 if any(self.checks) else 1 + _FEWEST_WITHOUT_LOOK):
            return False
        if not well_formed and self.knows_first:
            return any(self.begins(line, lines[at:]) for at, line in enumerate(lines) if at)
        if self.likeness(lines[-1]) < _POSSIBLE:
            return False
        likely = _LIKELY if well_formed else _POSSIBLE
        alike = sum(self.likeness(line) >= likely for line in lines[1:])
        if alike < 0.8 * (len(lines) - 1) or self.likeness(lines[-1]) < likely:
            return False
        return not well_formed or self._has_width(lines[0])

    def seems_endless(self, lines: Sequence[str]) -> bool:
        """Tell whether half of the lines that a cell holds so far look like rows."""
        alike = sum(self.likeness(line) >= _POSSIBLE for line in lines[1:])
        return 2 * alike >= len(lines) > 1

    def is_left_over(self, cells: Sequence[str]) -> bool:
        """Tell whether a short row neither begins as other rows do nor has the width of any."""
        return len(cells) not in self.widths and not self._is_first(cells[0])

    def is_misplaced(self, cell: str, *, well_formed: bool) -> bool:
        """Tell whether the first cell of a row holds what those of other rows never do."""
        if not well_formed and not {self.dialect.quote, self.dialect.delimiter}.isdisjoint(cell):
            return True
        if _has_no_space not in (self.checks[0] if self.checks else ()):
            return False
        return "\n" in cell or "\r" in cell

    def _is_first(self, cell: str) -> bool:
        """Tell whether a cell may be the first of a row."""
        checks = self.checks[0] if self.checks else ()
        return self.dialect.quote not in cell and all(check(cell) for check in checks if cell)

    def _passing(self, cells: Sequence[str]) -> float:
        """Return the share of checks that the cells of a row pass."""
        passed = [
            check(cell) for checks, cell in zip(self.checks, cells, strict=False)
            for check in checks if cell
        ]  # fmt: skip
        return sum(passed) / len(passed) if passed else 1.0

    def _has_width(self, line: str) -> bool:
        """Tell whether a line has the width of a row if its open quotation mark is a letter."""
        *closed, rest = self.dialect.alone(line) or [""]
        return len(closed) + len(rest.rstrip("\r\n").split(self.dialect.delimiter)) == self.width


def _passed(column: Sequence[str]) -> tuple[Check, ...]:
    filled = [cell for cell in column if cell]
    if len(filled) < 2:
        return ()
    enough = min(_MOST * len(filled), max(len(filled) - 1, _FEWEST_ALIKE))
    return tuple(check for check in _CHECKS if sum(map(check, filled)) >= enough)

"""Tell a quoted cell that has swallowed rows after a stray mark from one that has many lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from .dialect import Dialect

_SAMPLE_ROWS = 200
_MOST = 0.9
_LIKELY = 0.75
_POSSIBLE = 0.5
_FEWEST_WITHOUT_LOOK = 3

Check = Callable[[str], bool]


def _has_digit(cell: str) -> bool:
    return any(mark.isdigit() for mark in cell)


def _has_no_letter(cell: str) -> bool:
    return not any(mark.isalpha() for mark in cell)


_CHECKS: tuple[Check, ...] = (_has_digit, _has_no_letter)


@dataclass(frozen=True, slots=True)
class RowLook:
    """What the rows of a table look like, one a line.

    Attributes:
        width: cells of most rows.
        checks: for each column what most of its cells pass.

    """

    dialect: Dialect
    width: int
    checks: tuple[tuple[Check, ...], ...]

    @classmethod
    def told(cls, dialect: Dialect, width: int, lines: Sequence[str]) -> Self:
        """Learn it from the first lines after the header that are rows by themselves."""
        alone = (dialect.alone(line, strict=True) for line in lines[:_SAMPLE_ROWS])
        filled = [cells for cells in alone if cells]
        # All rows may be shorter than the header, or end with a delimiter that it lacks.
        [(usual, times)] = Counter(map(len, filled)).most_common(1) or [(width, 0)]
        width = usual if 2 * times > len(filled) else width
        rows = [cells for cells in filled if len(cells) == width]
        return cls(dialect, width, tuple(_passed(column) for column in zip(*rows, strict=True)))

    def likeness(self, line: str) -> float:
        """Return how much a line looks like a row, from 0 to 1."""
        cells = self.dialect.alone(line)
        if len(cells) != self.width:
            cells = line.rstrip("\r\n").split(self.dialect.delimiter)
        if len(cells) != self.width or any(cell.startswith(" ") for cell in cells[1:]):
            return 0.0
        passed = [
            check(cell) for checks, cell in zip(self.checks, cells, strict=False)
            for check in checks if cell
        ]  # fmt: skip
        return sum(passed) / len(passed) if passed else 1.0

    def has_swallowed(self, lines: Sequence[str]) -> bool:
        """Tell whether the lines of one row, are several rows, though its width is right.

        Where a quotation mark is stray, the line it stands in has as many cells as other rows,
        unless more of it is damaged, and so have all that follow, to the one with the next mark.
        The lines of a long text do not, and what stands in their columns looks different.
        """
        if len(lines) < (2 if any(self.checks) else 1 + _FEWEST_WITHOUT_LOOK):
            return False
        if self.likeness(lines[-1]) < _POSSIBLE:
            return False
        well_formed = self.dialect.is_well_formed(lines)
        likely = _LIKELY if well_formed else _POSSIBLE
        alike = sum(self.likeness(line) >= likely for line in lines[1:])
        if alike < 0.8 * (len(lines) - 1) or self.likeness(lines[-1]) < likely:
            return False
        return not well_formed or self._has_width(lines[0])

    def seems_endless(self, lines: Sequence[str]) -> bool:
        """Tell whether half of the lines that a cell holds so far look like rows."""
        alike = sum(self.likeness(line) >= _POSSIBLE for line in lines[1:])
        return 2 * alike >= len(lines) > 1

    def next_row(self, lines: Sequence[str]) -> int:
        """Return which line of a broken row is the first that looks like another row.

        That is the number of lines where none does.
        """
        for index in range(1, len(lines)):
            if self.likeness(lines[index]) >= _POSSIBLE:
                return index
        return len(lines)

    def _has_width(self, line: str) -> bool:
        """Tell whether a line has the width of a row if its open quotation mark is a letter."""
        *closed, rest = self.dialect.alone(line) or [""]
        return len(closed) + len(rest.rstrip("\r\n").split(self.dialect.delimiter)) == self.width


def _passed(column: Sequence[str]) -> tuple[Check, ...]:
    filled = [cell for cell in column if cell]
    if len(filled) < 2:
        return ()
    return tuple(check for check in _CHECKS if sum(map(check, filled)) >= _MOST * len(filled))

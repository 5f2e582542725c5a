"""Tell which of the first rows of a table names its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import median

from ..known_fields import KNOWN_FIELDS
from .names import fold_name

HEAD_ROWS = 50
"""How many rows at the beginning of a table are looked at."""

_LATEST = 30
_LONGEST_NAME = 120
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,:/\s-]*(?:[€$£%]|[A-Z]{3})?")
_TECHNICAL = re.compile(r"[a-z][a-z0-9]*(?:[_.#:-][a-z0-9]+)*[0-9]*")

# "item_name[marketplace_id=A1][language_tag=de_DE]#1.value" is "item_name".
_QUALIFIED = re.compile(r"\[[^\[\]]{1,80}\]|#[0-9]{1,3}(?:\.value$)?|^::(?=[a-z])")

Row = Sequence[object]
_COMMA_LANGUAGES = frozenset(
    {"German", "French", "Spanish", "Italian", "Dutch", "Swedish", "Danish", "Polish", "Portuguese"}
)


def find_header(rows: Sequence[Row]) -> int:
    """Return the index of the row that names the columns; 0 where no row is better than the first.

    `rows` are the first rows of the table, blank ones included. Titles, notes and blank rows may
    stand before the header. It is the first row of distinct texts among which are names that we
    know; where none are known, the first that is as wide as the rows after it. Where a row of
    technical names ("item_sku") follows one of labels ("Seller SKU"), the technical ones count:
    templates of marketplaces have both.
    """
    rows = rows[:HEAD_ROWS]
    filled = [_filled(row) for row in rows]
    first = next((index for index, cells in enumerate(filled) if cells), 0)
    widths = [len(cells) for cells in filled[first + 1 :] if cells]
    typical = median(widths) if widths else 0
    wide = [i for i in range(first, min(len(rows), _LATEST)) if 2 * len(filled[i]) > typical]
    fitting = [index for index in wide if _fits(filled[index])]
    header = next((index for index in fitting if _is_known(filled[index])), None)
    if header is None:
        named = (index for index in fitting if _unlike_next(rows, index))
        header = first if first in wide else next(named, first)
    return _technical_row(filled, header)


def is_known_header(row: Row) -> bool:
    """Tell whether a row names columns as product tables do: two known names, or nothing else."""
    cells = _filled(row)
    return _fits(cells) and _is_known(cells)


def is_product_header(row: Row) -> bool:
    """Tell whether a row names the columns of a table of products: a title is among them."""
    cells = _filled(row)
    return has_title(map(str, cells)) and _fits(cells) and _known(cells) >= 2


def has_title(names: Iterable[str]) -> bool:
    """Tell whether one of the names is one that sources give to a title."""
    return any(fold_name(name) in _known_names("title") for name in names)


def has_comma_language(names: Iterable[str]) -> bool:
    """Tell whether two names are of languages that write a comma before the decimals alone."""
    foreign, others = _names_by_language()
    return len({folded for name in names if (folded := fold_name(name)) in foreign - others}) >= 2


@lru_cache(maxsize=1)
def _names_by_language() -> tuple[frozenset[str], frozenset[str]]:
    """Return the folded names of languages with a decimal comma, and all others."""
    foreign: set[str] = set()
    others = {fold_name(each.name) for each in KNOWN_FIELDS}
    for each in KNOWN_FIELDS:
        for convention, names in each.aliases.items():
            (foreign if convention in _COMMA_LANGUAGES else others).update(names.split())
    return frozenset(foreign), frozenset(others)


def column_names(cells: Sequence[str]) -> list[str]:
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


def _filled(row: Row) -> list[object]:
    stripped = [cell.strip() if isinstance(cell, str) else cell for cell in row]
    return [cell for cell in stripped if cell not in (None, "")]


def _fits(cells: Sequence[object]) -> bool:
    """Tell whether cells may be names: short texts, none a number or an address, few twice."""
    names = [cell for cell in cells if isinstance(cell, str)]
    if not names or len(names) < len(cells):
        return False
    if any(len(_bare(name)) > _LONGEST_NAME or _NUMBER.fullmatch(name) for name in names):
        return False
    return not any("://" in name for name in names) and 2 * len(set(names)) > len(names)


def _bare(name: str) -> str:
    """Return a name without the marks by which templates tell markets, languages and numbers."""
    return _QUALIFIED.sub("", name) if "[" in name or "#" in name or name[:2] == "::" else name


@lru_cache(maxsize=16)
def _known_names(*fields: str) -> frozenset[str]:
    """Return the folded names that sources give to our fields, or to those named."""
    return frozenset(
        name
        for each in KNOWN_FIELDS
        if not fields or each.name in fields
        for names in (fold_name(each.name), *each.aliases.values())
        for name in names.split()
    )


def known_names(names: Iterable[str]) -> int:
    """Return how many different names among `names` are known."""
    known = _known_names()
    return len({folded for name in names if (folded := fold_name(_bare(name))) in known})


def _known(cells: Sequence[object]) -> int:
    return known_names(str(cell) for cell in cells)


def _is_known(cells: Sequence[object]) -> bool:
    """Tell whether names are known: three, or two of at most eight, or the only one."""
    known = _known(cells)
    return known >= 3 or (known == 2 and len(cells) <= 8) or known == len(cells)


def _unlike_next(rows: Sequence[Row], index: int) -> bool:
    """Tell whether a later row holds a number where the row at `index` holds a name."""
    return any(
        _is_text(name) and cell not in (None, "") and not _is_text(cell)
        for row in rows[index + 1 :]
        for name, cell in zip(rows[index], row, strict=False)
    )


def _is_text(cell: object) -> bool:
    return isinstance(cell, str) and bool(cell.strip()) and not _NUMBER.fullmatch(cell.strip())


def _technical_row(filled: Sequence[Sequence[object]], header: int) -> int:
    if not filled or _is_technical(filled[header]):
        return header
    for index in range(header + 1, min(header + 4, len(filled))):
        cells = filled[index]
        wide = 2 * len(cells) > len(filled[header])
        if wide and _fits(cells) and _is_technical(cells) and _known(cells) >= 2:
            return index
    return header


def _is_technical(cells: Sequence[object]) -> bool:
    """Tell whether cells are names as programs write them, some of several words."""
    fit = sum(_TECHNICAL.fullmatch(_bare(str(cell))) is not None for cell in cells)
    return 10 * fit >= 9 * len(cells) and any("_" in str(cell) for cell in cells)

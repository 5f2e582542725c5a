"""Read spreadsheets: .xlsx, .xlsb, .xls and .ods, every sheet that lists products.

calamine reads all of these kinds, in Rust, many times as fast as readers in Python do. It holds
the cells of one sheet in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import IO
from zipfile import BadZipFile, ZipFile, is_zipfile

from ...errors import InputError
from .header import HEAD_ROWS, column_names, find_header, is_product_header
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream

MOST_UNPACKED = 4 << 30
"""4 GiB: a workbook that unpacks to more is refused; a sheet has room for a million rows."""


def read_spreadsheet(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row of each sheet whose header is that of a table of products.

    Where no sheet has such a header, the first that is not empty is read. Sheets passed over are
    counted in `progress`, hidden ones among them. Whole numbers become integers, so that a code is
    its digits.

    Raises:
        InputError: the workbook cannot be read, asks for a password, or is too large.

    """
    import python_calamine as calamine

    with stream.seekable() as raw:
        _check_size(stream.name, raw)
        try:
            book = calamine.CalamineWorkbook.from_filelike(raw)
            visible = calamine.SheetVisibleEnum.Visible
            hidden = {each.name for each in book.sheets_metadata if each.visible != visible}
            shown = [name for name in book.sheet_names if name not in hidden]
            chosen = _sheets_with_products(book, shown)
        except calamine.PasswordError as error:
            raise InputError(
                f"{stream.name} asks for a password; save it without one, or as CSV"
            ) from error
        except (calamine.CalamineError, OSError, ValueError) as error:
            raise InputError(
                f"{stream.name} is no spreadsheet that can be read ({error})"
            ) from error
        for name in book.sheet_names:
            if name in hidden:
                progress.skip("hidden sheets")
            elif name not in chosen:
                progress.skip("sheets without a table of products")
        for name in chosen:
            source = stream.name if len(chosen) == 1 else f"{stream.name}, sheet {name}"
            progress.recognise(source, format="spreadsheet", sheet=name)
            try:
                yield from _records(source, book.get_sheet_by_name(name).iter_rows())
            except (calamine.CalamineError, ValueError) as error:
                reason = f"the sheet cannot be read ({error})"
                yield Rejected(reason, source=source, line=1, ends=True)


def _check_size(name: str, raw: IO[bytes]) -> None:
    if is_zipfile(raw):
        raw.seek(0)
        try:
            with ZipFile(raw) as packed:
                size = sum(member.file_size for member in packed.infolist())
        except (BadZipFile, NotImplementedError) as error:
            raise InputError(f"{name} is damaged ({error})") from error
        if size > MOST_UNPACKED:
            raise InputError(
                f"{name} unpacks to {size:,} bytes, more than the {MOST_UNPACKED >> 30} GiB "
                "that are read; save it as CSV"
            )
    raw.seek(0)


def _sheets_with_products(book: object, names: Sequence[str]) -> list[str]:
    """Return the names, among these, of the sheets to read."""
    chosen, filled = [], []
    for name in names:
        sheet = book.get_sheet_by_name(name)  # type: ignore[attr-defined]
        head = list(islice(sheet.iter_rows(), HEAD_ROWS))
        if not any(any(cell != "" for cell in row) for row in head):
            continue
        filled.append(name)
        if is_product_header(head[find_header(head)]):
            chosen.append(name)
    return chosen or filled[:1]


def _records(source: str, rows: Iterator[Sequence[object]]) -> Iterator[RawRecord]:
    head = list(islice(rows, HEAD_ROWS))
    header = find_header(head)
    if not head:
        return
    names = column_names([_text(cell) for cell in head[header]])
    numbered = enumerate(chain(head[header + 1 :], rows), start=header + 2)
    for line, row in numbered:
        cells = [_cell(cell) for cell in row]
        if any(cell != "" for cell in cells):
            yield RawRecord(source, line, dict(zip(names, cells, strict=False)))


def _text(cell: object) -> str:
    return str(_cell(cell)).strip()


def _cell(cell: object) -> object:
    """Return a cell as a source gives it: whole numbers as integers, dates as ISO 8601 has them."""
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell).isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, timedelta) else cell

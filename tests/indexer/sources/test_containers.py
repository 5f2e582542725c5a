"""Archives and workbooks: what holds sources."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter
import xlwt
from dsv3.errors import InputError
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.records import RawRecord, Rejected, SourceProgress

CSV = b"id,title,price\nT-1,Tarn mug,14.50\nT-2,Tarn jug,29\n"
XML = (
    b"<list><p><id>T-3</id><title>Tarn bowl</title></p><p><id>T-4</id><title>Cup</title></p></list>"
)
Sheets = dict[str, list[list[Any]]]

BOOK: Sheets = {
    "Read me": [["Fill in the next sheet"], ["and send it back"]],
    "Pottery": [
        ["Tarn pottery, autumn"],
        [],
        ["SKU", "Name", "EAN", "Price", "Since", "Glazed"],
        [1001, "Tarn mug", 4006381333931, 14.5, date(2026, 3, 1), True],
        [],
        ["J-2", "Tarn jug", "04006381333931", 29, date(2025, 12, 24), False],
    ],
    "Colours": [["Code", "Colour"], [1, "grey"]],
    "Glass": [["id", "title"], ["G-1", "Tarn glass"]],
}


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def as_xlsx(sheets: Sheets) -> bytes:
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"default_date_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell)
    book.close()
    return data.getvalue()


def as_xls(sheets: Sheets) -> bytes:
    data = io.BytesIO()
    book = xlwt.Workbook()
    dates = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                style = [dates] if isinstance(cell, date) else []
                sheet.write(number, column, cell, *style)
    book.save(data)
    return data.getvalue()


def as_ods(sheets: Sheets) -> bytes:
    def cell_of(cell: Any) -> str:
        if isinstance(cell, bool):
            kind = f'"boolean" office:boolean-value="{str(cell).lower()}"'
        elif isinstance(cell, int | float):
            kind = f'"float" office:value="{cell}"'
        elif isinstance(cell, date):
            kind = f'"date" office:date-value="{cell.isoformat()}"'
        else:
            kind = '"string"'
        shown = f"<text:p>{cell}</text:p>"
        return f"<table:table-cell office:value-type={kind}>{shown}</table:table-cell>"

    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join(
            f"<table:table-row>{''.join(map(cell_of, row))}</table:table-row>" for row in rows
        )
        + "</table:table>"
        for name, rows in sheets.items()
    )
    space = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{space}:office:1.0" '
        f'xmlns:table="{space}:table:1.0" xmlns:text="{space}:text:1.0">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    mimetype = b"application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    return zipped(
        {"mimetype": mimetype, "content.xml": content.encode(), "META-INF/manifest.xml": manifest}
    )


def read(spec: str, progress: SourceProgress | None = None) -> list[RawRecord]:
    found = list(read_records(spec, progress=progress))
    assert all(isinstance(item, RawRecord) for item in found), found
    return [item for item in found if isinstance(item, RawRecord)]


@pytest.mark.parametrize("make", [as_xlsx, as_xls, as_ods])
@pytest.mark.parametrize("packed", [False, True])
def test_every_sheet_of_products_is_read(write: Any, make: Any, packed: bool) -> None:
    content = make(BOOK)
    spec = write("list.dat", zipped({"a/list.bin": content}) if packed else content)
    progress = SourceProgress()
    records = read(spec, progress)
    assert [record.line for record in records] == [4, 6, 2]
    assert [record.source.rpartition(", ")[2] for record in records] == [
        "sheet Pottery",
        "sheet Pottery",
        "sheet Glass",
    ]
    assert records[0].fields == {
        "SKU": 1001,
        "Name": "Tarn mug",
        "EAN": 4006381333931,
        "Price": 14.5,
        "Since": "2026-03-01",
        "Glazed": True,
    }
    assert records[1].fields["EAN"] == "04006381333931"
    assert progress.skipped == {"sheets without a table of products": 2}
    assert progress.recognised[f"{spec}, sheet Glass"] == {
        "format": "spreadsheet",
        "sheet": "Glass",
    }


def test_a_product_of_a_sheet_has_its_code_in_digits(write: Any) -> None:
    from dsv3.indexer.sources.products import SourceItem, read_items

    items = list(read_items([write("list", as_xlsx(BOOK))]))
    products = [item.to_product() for item in items if isinstance(item, SourceItem)]
    assert [each.product_id for each in products] == ["1001", "J-2", "G-1"]
    assert products[0].codes == ("4006381333931",)
    assert products[0].price == 14.5


def test_a_workbook_without_names_that_are_known(write: Any) -> None:
    sheets: Sheets = {"Leer": [], "Blatt": [["Kennung", "Was"], [datetime(2026, 1, 2, 3), "x"]]}
    [record] = read(write("a.xlsx", as_xlsx(sheets)))
    assert record.fields["Was"] == "x"
    assert read(write("b.xlsx", as_xlsx({"Leer": []}))) == []


def test_damaged_workbooks_are_told_in_a_line(write: Any) -> None:
    whole = as_xlsx(BOOK)
    with pytest.raises(InputError, match="is a damaged zip file"):
        read(write("a.xlsx", whole[: len(whole) // 2]))
    with pytest.raises(InputError, match="is no spreadsheet that can be read"):
        read(write("a.xls", as_xls(BOOK)[:600]))
    with pytest.raises(InputError, match="is no spreadsheet that can be read"):
        read(write("b.xlsx", zipped({"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"})))


def test_members_of_an_archive_are_sources_of_their_own(write: Any) -> None:
    junk = {"__MACOSX/._a.csv": b"\x00\x05\x16", "feed/.DS_Store": b"x", "feed/": b""}
    other = {"README.txt": b"Hello", "logo.png": b"\x89PNG"}
    data = {"feed/a.csv": CSV, "feed/b": gzip.compress(XML), "feed/c.zip": zipped({"c": CSV})}
    spec = write("feed.csv", zipped({**junk, **other, **data}))
    progress = SourceProgress()
    records = read(spec, progress)
    assert [record.source for record in records] == [
        *[f"{spec}/feed/a.csv"] * 2,
        *[f"{spec}/feed/b"] * 2,
        *[f"{spec}/feed/c.zip"] * 2,
    ]
    assert progress.recognised[spec] == {"container": "zip"}
    assert progress.recognised[f"{spec}/feed/b"]["container"] == "gzip"
    [first, _] = read(write("one.zip", zipped({"x/feed.csv": CSV})))
    assert first.source.endswith("one.zip")


def test_fields_are_recognised_for_each_member(write: Any) -> None:
    from dsv3.indexer.sources.products import SourceItem, read_items

    spec = write("a", zipped({"a": CSV, "b": b"sku;name\nT-9;Tarn pot\n"}))
    items = [item for item in read_items([spec]) if isinstance(item, SourceItem)]
    assert [item.product_id for item in items] == ["T-1", "T-2", "T-9"]


def test_what_is_no_table_of_products_in_an_archive_is_told(write: Any) -> None:
    from dsv3.indexer.sources.products import SourceItem, read_items

    others = {
        "groups.csv": b"group_id,group_name,parent\n1,Pots,0\n",
        "log.txt": b"2026-01-01 begun\n2026-02-02, second; export\n",
        "hints.txt": b"Mind: prices, as of 2026.\n",
        "manifest.json": b'{"version": 1}',
        "map.xml": b"<a><b/></a>",
        "scan.dat": b"%PDF-1.7",
    }
    spec = write("a.zip", zipped({**others, "b.csv": CSV}))
    progress = SourceProgress()
    items = list(read_items([spec], progress=progress))
    assert [item.product_id for item in items if isinstance(item, SourceItem)] == ["T-1", "T-2"]
    assert len(items) == 2
    assert sorted(progress.without_products) == sorted(f"{spec}/{name}" for name in others)
    with pytest.raises(InputError, match=r"log\.txt: no delimiter was found"):
        list(read_items([write("b.zip", zipped({k: others[k] for k in ("log.txt", "scan.dat")}))]))
    with pytest.raises(InputError, match=r"groups\.csv: no product_id"):
        list(read_items([write("c.zip", zipped(others))]))
    with pytest.raises(InputError, match="has no column cost"):
        list(read_items([spec], overrides={"price": "cost"}))


@pytest.mark.parametrize("times", [2, 3, 4])
def test_what_is_compressed_more_than_once(write: Any, times: int) -> None:
    content = XML
    for _ in range(times):
        content = gzip.compress(content)
    spec = write("feed.xml", content)
    if times > 3:
        with pytest.raises(InputError, match="is compressed more than 3 times; unpack it"):
            read(spec)
        return
    progress = SourceProgress()
    assert len(read(spec, progress)) == 2
    assert progress.recognised[spec]["container"] == " in ".join(["gzip"] * times)


def test_bytes_of_an_unknown_kind_are_refused(write: Any) -> None:
    content = bytes(n * n * 7 % 251 for n in range(1, 400))
    with pytest.raises(InputError, match="is of an unknown kind"):
        read(write("feed.csv", content))


@pytest.mark.parametrize("content", [b"", b"id,title,price\n", b"[]", b"\n\n"])
def test_a_source_without_a_record_is_told(write: Any, content: bytes) -> None:
    progress = SourceProgress()
    spec = write("feed", content)
    assert read(spec, progress) == []
    assert progress.without_products == [spec]


def test_hidden_sheets_are_passed_over_and_counted(write: Any) -> None:
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data)
    for name in ("Shown", "Old", "Older"):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["sku", "title", "price"])
        sheet.write_row(1, 0, [name, f"{name} mug", 4.5])
        if name == "Old":
            sheet.hide()
        elif name == "Older":
            sheet.very_hidden()
    book.close()
    progress = SourceProgress()
    records = read(write("a.xlsx", data.getvalue()), progress)
    assert [each.fields["sku"] for each in records] == ["Shown"]
    assert progress.skipped == {"hidden sheets": 2}


def test_archives_that_cannot_be_read(write: Any) -> None:
    nested = zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d": CSV})})})})
    with pytest.raises(InputError, match="is an archive in archives"):
        read(write("a", nested))
    with pytest.raises(InputError, match="is an archive without a file of products"):
        read(write("b", zipped({"__MACOSX/x": b""})))
    with pytest.raises(InputError, match="is an empty zip archive"):
        read(write("c", zipped({})))
    locked = bytearray(zipped({"a.csv": CSV}))
    locked[6] |= 1
    directory = locked.index(b"PK\x01\x02")
    locked[directory + 8] |= 1
    with pytest.raises(InputError, match="asks for a password"):
        read(write("d", bytes(locked)))


def test_a_damaged_member_is_a_break_off(write: Any) -> None:
    rows = b"".join(b"T-%d,Tarn mug %d,%d\n" % (n, n * n, n) for n in range(20_000))
    whole = bytearray(zipped({"a.csv": b"id,title,price\n" + rows}))
    whole[len(whole) // 2] ^= 0xFF
    last = list(read_records(write("a.zip", bytes(whole))))[-1]
    assert isinstance(last, Rejected)
    assert last.ends


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dsv3.indexer.sources import spreadsheet

    monkeypatch.setattr(spreadsheet, "MOST_UNPACKED", 1000)
    with pytest.raises(InputError, match=r"unpacks to .* bytes"):
        read(write("a", as_xlsx(BOOK)))

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from dsv3.errors import InputError
from dsv3.indexer.sources import header, json_document, text_lines
from dsv3.indexer.sources import stream as stream_module
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.records import RawRecord, Rejected, SourceProgress

ROWS = [
    {"id": "a-1", "title": "Red mouse", "price": "9.99"},
    {"id": "a-2", "title": 'Cable, 3" plug', "price": "4.50"},
    {"id": "007", "title": "Stift – schön 日本", "price": ""},
]


def as_csv(delimiter: str) -> str:
    import csv

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue()


def as_parquet() -> bytes:
    data = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), data)
    return data.getvalue()


CONTENTS: dict[str, bytes] = {
    "shop.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "shop.ndjson": "\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode(),
    "shop.json": json.dumps(ROWS, indent=2).encode(),
    "object.json": json.dumps({"count": 3, "products": ROWS, "next": None}).encode(),
    "deep.json": json.dumps({"tags": ["x"], "data": {"shop": {"items": ROWS}}}).encode(),
    "lines.json": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "array.jsonl": json.dumps(ROWS).encode(),
    "utf16.json": json.dumps(ROWS, ensure_ascii=False).encode("utf-16"),
    "utf16.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode("utf-16-le"),
    "shop.csv": as_csv(",").encode(),
    "german.csv": as_csv(";").encode("utf-8-sig"),
    "windows.csv": as_csv(",").replace("日本", "").encode("cp1252"),
    "utf16.csv": as_csv(",").encode("utf-16"),
    "shop.tsv": as_csv("\t").encode(),
    "shop.parquet": as_parquet(),
}


def fields_of(spec: str) -> list[dict[str, object]]:
    found = list(read_records(spec))
    assert all(isinstance(item, RawRecord) for item in found), found
    return [dict(item.fields) for item in found if isinstance(item, RawRecord)]


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", CONTENTS)
def test_each_format_gives_its_rows_back(write: Any, name: str, suffix: str) -> None:
    expected = [dict(row) for row in ROWS]
    if name == "windows.csv":
        expected[2]["title"] = "Stift – schön "
    assert fields_of(write(name + suffix, CONTENTS[name])) == expected


@pytest.mark.parametrize("called", ["feed.txt", "feed", "feed.csv", "feed.json"])
@pytest.mark.parametrize("name", [name for name in CONTENTS if not name.startswith("windows")])
def test_the_content_tells_the_format_whatever_a_file_is_called(
    write: Any, name: str, called: str
) -> None:
    assert fields_of(write(called, CONTENTS[name])) == ROWS
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert fields_of(write(called, pack(CONTENTS[name]))) == ROWS


def test_lines_and_positions_are_told(write: Any) -> None:
    lines = [item.line for item in read_records(write("a.jsonl", '{"id":1}\n\n{"id":2}'))]
    assert lines == [1, 3]
    spec = write("b.csv", 'id,title\n1,"two\nlines"\n2,x\n')
    assert [item.line for item in read_records(spec)] == [2, 4]
    assert [item.line for item in read_records(write("c.json", '[{"id":1},{"id":2}]'))] == [1, 2]


def test_one_bad_line_is_rejected_and_the_rest_goes_on(write: Any) -> None:
    content = b'\xef\xbb\xbf{"id": 1}\n{"id": 2,\n[3]\n{"id": "\xff4"}\n{"id": 5, "x": NaN}\n'
    found = list(read_records(write("a.jsonl", content)))
    assert [type(item) for item in found] == [RawRecord, Rejected, Rejected, Rejected, RawRecord]
    reasons = [item.reason for item in found if isinstance(item, Rejected)]
    assert reasons[0].startswith("the line is not JSON")
    assert reasons[1] == "the record is not a JSON object but list"
    assert reasons[2].startswith("the line is not UTF-8")
    assert [item.line for item in found] == [1, 2, 3, 4, 5]
    assert found[1].record == '{"id": 2,\n'  # type: ignore[union-attr]
    assert found[4].fields == {"id": 5, "x": None}  # type: ignore[union-attr]


def test_truncated_gzip_gives_what_was_whole_and_then_an_error(write: Any, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"id": %d, "t": "%d"}\n' % (n, n**7) for n in range(5000)))
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    found = list(read_records(str(tmp_path / "cut.jsonl.gz")))
    records = [item for item in found if isinstance(item, RawRecord)]
    assert len(records) > 1000
    assert [item.fields["id"] for item in records] == list(range(len(records)))
    assert isinstance(found[-1], Rejected)
    assert found[-1].reason == "the compressed file ends early"


def test_damaged_gzip_is_an_error_in_the_stream(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b'{"id": 1}\n' * 20_000))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "bad.jsonl.gz").write_bytes(whole)
    last = list(read_records(str(tmp_path / "bad.jsonl.gz")))[-1]
    assert isinstance(last, Rejected)
    assert last.reason.startswith("the compressed file is damaged")


def test_gzip_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b'{"id": 1}\n'))
    (tmp_path / "b.jsonl.gz").write_bytes(b'{"id": 1}\n')
    assert fields_of(str(tmp_path / "a.jsonl")) == fields_of(str(tmp_path / "b.jsonl.gz"))


def test_broken_json_array_gives_what_stood_before(write: Any) -> None:
    found = list(read_records(write("a.json", '[{"id": 1}, {"id": 2}, {"id": ]')))
    assert [item.fields for item in found[:2]] == [{"id": 1}, {"id": 2}]  # type: ignore[union-attr]
    assert isinstance(found[2], Rejected)
    assert "cannot be read further" in found[2].reason


@pytest.mark.parametrize("content", ["", "[]", "\n\n", "   "])
def test_sources_without_a_record_give_none(write: Any, content: str) -> None:
    assert [i for i in read_records(write("a.jsonl", content)) if isinstance(i, RawRecord)] == []
    assert [i for i in read_records(write("a.json", content)) if isinstance(i, RawRecord)] == []


def test_single_object_is_one_record(write: Any) -> None:
    assert fields_of(write("a.json", '{"id": 1, "tags": ["x", "y"]}')) == [
        {"id": 1, "tags": ["x", "y"]}
    ]


def test_csv_rows_that_do_not_fit_are_rejected_one_by_one(write: Any) -> None:
    found = list(read_records(write("a.csv", "id,title\n1,a,b,c\n2\n3,x,,\n4,y\n")))
    assert isinstance(found[0], Rejected)
    assert found[0].reason == "the row has 4 cells, the header has 2"
    assert [i.fields for i in found[1:]] == [  # type: ignore[union-attr]
        {"id": "2"},
        {"id": "3", "title": "x"},
        {"id": "4", "title": "y"},
    ]


def test_stray_quotation_mark_costs_one_row(write: Any) -> None:
    rows = "".join(f"{n},item {n}\n" for n in range(20_000))
    found = list(read_records(write("a.csv", 'id,title\n-1,"open\n' + rows)))
    errors = [item for item in found if isinstance(item, Rejected)]
    assert [error.line for error in errors] == [2]
    assert len(found) == 20_001


def test_csv_header_without_names_and_with_one_twice(write: Any) -> None:
    assert fields_of(write("a.csv", "id,,image,image\n1,2,3,4\n")) == [
        {"id": "1", "column_2": "2", "image": "3", "image#2": "4"}
    ]


def test_schema_org_graph_and_item_list(write: Any) -> None:
    product = {"@type": "Product", "name": "Mouse", "image": ["a"], "offers": [{"price": 1}]}
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, product]}
    progress = SourceProgress()
    found = list(read_records(write("graph.json", json.dumps(graph)), progress=progress))
    assert [item.fields for item in found] == [product]  # type: ignore[union-attr]
    assert progress.skipped == {"not a product": 1}
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": product}]}
    assert fields_of(write("list.json", json.dumps(listed))) == [product]
    assert fields_of(write("one.json", json.dumps(product))) == [product]


def test_missing_and_unknown_are_errors_at_once(write: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.csv"):
        read_records(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match=r"is a PDF file; read are JSON, .*Parquet, each also"):
        list(read_records(write("shop.csv", b"%PDF-1.7\n")))
    with pytest.raises(InputError, match="is of an unknown kind"):
        list(read_records(write("shop.dat", bytes(range(32)) * 9)))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_records(str(tmp_path / "folder.json"))
    with pytest.raises(InputError, match="is not a Parquet file"):
        list(read_records(write("a.parquet", "PAR1no")))


@pytest.mark.parametrize("name", [name for name in CONTENTS if not name.startswith("windows")])
def test_standard_input_is_recognised(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for content in (CONTENTS[name], gzip.compress(CONTENTS[name]), zipped({name: CONTENTS[name]})):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert fields_of("-") == ROWS


def test_reading_is_lazy(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = 40_000
    spec = write("a.jsonl", '{"id": "x", "text": "%s"}\n' % ("y" * 60) * lines)
    size = Path(spec).stat().st_size
    monkeypatch.setattr(stream_module, "_BUFFER", 1 << 14)
    progress = SourceProgress()
    records = read_records(spec, progress=progress)
    next(records)
    assert 0 < progress.done < size / 10
    sum(1 for _ in records)
    assert progress.done == size


class _Endless(io.RawIOBase):
    def __init__(self, head: bytes, body: bytes) -> None:
        self.head, self.body = head, body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.head or self.body * (len(buffer) // len(self.body))
        self.head = b""
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"", b'{"id": 1, "title": "x"}\n'),
        (b"[", b'{"id": 1, "title": "x"},'),
        (b'{"products": [', b'{"id": 1, "title": "x"},'),
        (b"id,title\n", b"1,x\n"),
    ],
)
def test_endless_stream_is_read_in_constant_memory(
    monkeypatch: pytest.MonkeyPatch, head: bytes, body: bytes
) -> None:
    import tracemalloc

    stdin = io.TextIOWrapper(io.BufferedReader(_Endless(head, body)))
    monkeypatch.setattr("sys.stdin", stdin)
    records: Iterator[Any] = read_records("-")
    next(records)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            assert next(records).fields["title"] == "x"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("a.jsonl", '{"id": 1}\n{"id": 2}\n{"id": 3, "ti', 2),
        ("b.csv", "id,title,price\n1,x,2\n2,y", 1),
        ("c.csv", 'id,title,price\n1,x,2\n2,"y', 1),
        ("d.tsv", "id\ttitle\n1\tx\n2", 1),
        ("e.json", '[{"id": 1}, {"id": 2}, {"id"', 2),
    ],
)
def test_an_unfinished_last_line_is_a_break_off(
    write: Any, name: str, content: str, whole: int
) -> None:
    *records, last = read_records(write(name, content))
    assert isinstance(last, Rejected)
    assert last.ends
    assert [type(item) for item in records] == [RawRecord] * whole


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", '{"id": 1}\nnonsense\n{"id": 2}'), ("b.csv", "id,title,price\n1,x\n2,y,3")],
)
def test_a_file_may_end_without_the_end_of_a_line(write: Any, name: str, content: str) -> None:
    found = list(read_records(write(name, content)))
    assert isinstance(found[-1], RawRecord)
    assert not any(isinstance(item, Rejected) and item.ends for item in found)


def test_columns_of_one_name_are_told_apart_whatever_they_are_called(write: Any) -> None:
    [record] = fields_of(write("a.csv", "a,a,a#2,a,,\n1,2,3,4,5,6\n"))
    assert record == {
        "a": "1", "a#2": "2", "a#2#2": "3", "a#3": "4", "column_5": "5", "column_6": "6"
    }  # fmt: skip


def test_names_of_columns_are_given_one_by_one(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work for each column does not grow with their number."""
    looked_at = 0

    class Counted(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        def strip(self, *_marks: Any) -> str:
            return self

    names = header.column_names([Counted(f"c{n}") for n in range(3000)])
    assert len(names) == 3000
    assert looked_at < 30_000


def test_a_value_without_end_is_not_held(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "LONGEST_LINE", 1 << 18)
    long = b"x" * (1 << 22)
    given = 0
    real = stream_module._Tolerant._read

    def counted(self: Any, size: int) -> bytes:
        nonlocal given
        data = real(self, size)
        given += len(data)
        return data

    monkeypatch.setattr(stream_module._Tolerant, "_read", counted)
    spec = write("a.json", b'[{"id": 1}, {"id": 2, "t": "' + long + b'"}, {"id": 3}]')
    first, last = read_records(spec)
    assert isinstance(first, RawRecord)
    assert isinstance(last, Rejected)
    assert last.ends
    assert "longer than" in last.reason
    assert given < 4 << 20


def test_a_utf16_line_without_end_is_not_held(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 1000)
    content = "id,title\n1," + "x" * 5000 + "\n2,y\n"
    long, short = read_records(write("a.csv", content.encode("utf-16")))
    assert isinstance(long, Rejected)
    assert "the line is longer" in long.reason
    assert isinstance(short, RawRecord)
    assert (short.line, short.fields["id"]) == (3, "2")

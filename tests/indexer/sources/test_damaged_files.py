"""Damage files of every format: nothing breaks or hangs, and every record is stored or told of."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from xml.sax.saxutils import escape

import pytest
from dsv3.errors import InputError
from dsv3.indexer.ingest import Ingested, Reading, check
from dsv3.progress import Silent

QUICK = int(os.environ.get("DSV3_TEST_DAMAGED", "15"))
"""Damaged files of each format in the quick test."""
MANY = int(os.environ.get("DSV3_TEST_MANY_DAMAGED", "20000"))
"""Damaged files in the slow test, over all formats."""
RECORDS = 12
MOST_SECONDS = 20
NAMES = ("id", "title", "description", "price", "brand", "category", "color")
Row = dict[str, str]
Format = Callable[[list[Row]], bytes]


def rows(chosen: random.Random) -> list[Row]:
    things = ("kettle", "lamp", "oak table", "jacket, blue", 'monitor 27" flat', "Käse & Brot")
    return [
        {
            "id": f"A-{number:03}",
            "title": f"{chosen.choice(('Orvana', 'Halder'))} {chosen.choice(things)} {number}",
            "description": chosen.choice(("", "Fine.", "Large; heavy, strong.", "<p>Nice</p>")),
            "price": f"{chosen.randrange(1, 900)}.{chosen.randrange(100):02}",
            "brand": chosen.choice(("Orvana", "Halder", "")),
            "category": chosen.choice(("Home > Kitchen", "Clothing", "")),
            "color": chosen.choice(("red", "blue", "")),
        }
        for number in range(1, RECORDS + 1)
    ]


def delimited(delimiter: str, end: str, encoding: str) -> Format:
    def write(records: list[Row]) -> bytes:
        text = io.StringIO()
        made = csv.DictWriter(text, NAMES, delimiter=delimiter, lineterminator=end)
        made.writeheader()
        made.writerows(records)
        return text.getvalue().encode(encoding)

    return write


def json_lines(records: list[Row]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def json_document(records: list[Row]) -> bytes:
    return json.dumps({"products": records}, indent=1).encode()


def rss(records: list[Row]) -> bytes:
    items = "\n".join(
        "<item>" + "".join(f"<g:{k}>{escape(v)}</g:{k}>" for k, v in record.items()) + "</item>"
        for record in records
    )
    start = '<?xml version="1.0"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">'
    return f"{start}<channel><title>Shop</title>\n{items}\n</channel></rss>".encode()


def zipped(inner: Format) -> Format:
    def write(records: list[Row]) -> bytes:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("feed", inner(records))
        return held.getvalue()

    return write


def gzipped(inner: Format) -> Format:
    return lambda records: gzip.compress(inner(records), mtime=0)


FORMATS: dict[str, Format] = {
    "csv": delimited(",", "\n", "utf-8"),
    "semicolon": delimited(";", "\r\n", "cp1252"),
    "tab": delimited("\t", "\n", "utf-8"),
    "cr": delimited(",", "\r", "utf-8"),
    "utf16": delimited(";", "\n", "utf-16-le"),
    "json-lines": json_lines,
    "json": json_document,
    "rss": rss,
    "csv.gz": gzipped(delimited(",", "\n", "utf-8")),
    "csv.zip": zipped(delimited(",", "\n", "utf-8")),
    "rss.gz": gzipped(rss),
}
LINES = {"json-lines": b"\n"}
"""Formats in which a line that is not blank is a record, come what may."""


def flip(content: bytearray, chosen: random.Random) -> None:
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)


def cut_line(content: bytearray, chosen: random.Random) -> None:
    begin = chosen.randrange(len(content))
    end = content.find(b"\n", begin)
    del content[begin : len(content) if end < 0 else end]


def cut_end(content: bytearray, chosen: random.Random) -> None:
    del content[max(1, chosen.randrange(len(content))) :]


def swap(content: bytearray, chosen: random.Random) -> None:
    length = chosen.randrange(1, 40)
    here, there = (chosen.randrange(max(1, len(content) - length)) for _ in range(2))
    one, other = content[here : here + length], content[there : there + length]
    content[here : here + length], content[there : there + length] = other, one


def insert(content: bytearray, chosen: random.Random) -> None:
    odd = (b'"', b"'", b"\\", b"<", b"&", b"\0", b"\xff", b"\xef\xbb\xbf", b"{", b"]", b";;;")
    at = chosen.randrange(len(content))
    content[at:at] = chosen.choice(odd)


DAMAGES = (flip, cut_line, cut_end, swap, insert)


def damaged(name: str, number: int) -> tuple[bytes, bytes]:
    """Return a file, and what became of it; the same ones for the same number."""
    chosen = random.Random(f"{name} {number}")  # noqa: S311
    whole = FORMATS[name](rows(chosen))
    content = bytearray(whole)
    for _ in range(chosen.randrange(1, 4)):
        if content:
            chosen.choice(DAMAGES)(content, chosen)
    return whole, bytes(content)


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(content: bytes, folder: Path, name: str) -> Ingested | str:
    """Return what a check found, or the line with which it was refused."""
    file = folder / f"feed-{name}"
    file.write_bytes(content)
    with no_longer_than(MOST_SECONDS):
        try:
            return check(Reading([str(file)]), Silent())
        except InputError as error:
            return str(error)


def odd(name: str, number: int, folder: Path) -> str:
    """Return what is wrong with how a damaged file was read; empty where nothing is."""
    _, content = damaged(name, number)
    try:
        found = read(content, folder, name)
    except Exception as error:
        return f"{name} {number}: {type(error).__name__} {error}"
    if isinstance(found, str):
        return "" if found and "\n" not in found else f"{name} {number}: {found!r}"
    kept = found.added + found.duplicates + found.rejected.total()
    told = kept + sum(found.met.skipped.values())
    if found.read != kept:
        return f"{name} {number}: {found.read} read, {found.added} and {found.rejected}"
    if name in LINES and not found.kept:  # where reading ends before the file, that is told
        there = sum(1 for line in content.split(LINES[name]) if line.strip())
        return "" if told == there else f"{name} {number}: {there} lines, {told} told"
    return ""


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_are_whole_are_read_whole(name: str, tmp_path: Path) -> None:
    found = read(FORMATS[name](rows(random.Random(1))), tmp_path, name)  # noqa: S311
    assert isinstance(found, Ingested), found
    assert (found.added, found.rejected) == (RECORDS, {})


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_break_nothing(name: str, tmp_path: Path) -> None:
    assert [found for number in range(QUICK) if (found := odd(name, number, tmp_path))] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_files_break_nothing(name: str, tmp_path: Path) -> None:
    numbers = range(QUICK, QUICK + MANY // len(FORMATS))
    assert [found for number in numbers if (found := odd(name, number, tmp_path))] == []

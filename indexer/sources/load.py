"""Read records from any source: a file, an address, a table by its URL, standard input.

What a source holds is told by its first bytes, whatever it is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from ...errors import InputError
from . import table
from .delimited import read_csv, read_tsv
from .encoding import check_encoding, tell_encoding
from .html_page import read_html
from .json_document import is_json_lines, read_json
from .json_lines import read_json_lines
from .parquet import read_parquet
from .records import NoProductsError, RawRecord, ReadOptions, Rejected, SourceProgress
from .spreadsheet import read_spreadsheet
from .stream import (
    MOST_LAYERS,
    STDIN,
    ByteStream,
    as_utf8,
    compression_of,
    existing_file,
    is_web_address,
    open_stream,
    wrap_stream,
)
from .table import read_table
from .xml_document import read_xml

Records = Iterator[RawRecord | Rejected]
StreamReader = Callable[[ByteStream, ReadOptions, SourceProgress], Records]

KNOWN = (
    "JSON, JSON Lines, XML, CSV and other delimited text, .xlsx, .xls, .ods and Parquet, each also "
    "compressed or in a zip, HTML with JSON-LD, a table such as sqlite:///shop.db#products, an "
    "address such as https://shop.example/feed.xml, and - for standard input"
)
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_PARQUET = b"PAR1"
_NOT_READ = {
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"Rar!": "a RAR archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"SQLite format 3": "an SQLite database; name its table, as in sqlite:///shop.db#products",
    b"{\\rtf": "a text with formats; save it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it",
    _ZIP[:2] + b"\x05\x06": "an empty zip archive",
}
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_JUNK = re.compile(r"(?:^|/)(?:__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)|/$", re.IGNORECASE)
_NO_DATA = re.compile(
    r"\.(?:md|pdf|jpe?g|png|gif|webp|svg|docx?|html?|css|js|log|xsd|dtd|md5|sha\d+)$|(?:^|/)(?:readme|licen[cs]e|terms)[^/]*$",
    re.IGNORECASE,
)
_NO_TEXT = re.compile(rb"\x00[^\x00]?\x00[^\x00]?\x00[^\x00]?\x00\x00|[\x01-\x08\x0e-\x1a]{4}")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1a\x1b\x1c\x1d\x1e\x1f"))
_DIVIDED = re.compile(rb"[^\r\n]*[,;\t|]")
_DEEPEST = 2


def read_records(
    spec: str, options: ReadOptions | None = None, progress: SourceProgress | None = None
) -> Records:
    """Return the records of a source as a stream, with those that had to be rejected.

    `spec` is a file name, an address (http or https), a table such as
    "sqlite:///shop.db#products", or "-" for standard input. Of what is compressed or in a zip the
    content is read.

    Raises:
        InputError: at once for what is missing; while reading for what is of an unknown kind.
        MissingExtra: the table's database driver is not installed.

    """
    options = options or ReadOptions()
    progress = progress or SourceProgress()
    if is_web_address(spec):
        return _read_address(spec, options, progress)
    if "://" in spec:
        table.check_table(spec)
        return read_table(spec, progress)
    if spec != STDIN:
        existing_file(spec)
    return _read_opened(spec, options, progress)


def _read_opened(spec: str, options: ReadOptions, progress: SourceProgress) -> Records:
    with open_stream(spec, progress) as stream:
        yield from _read_stream(stream, options, progress)


def _read_address(spec: str, options: ReadOptions, progress: SourceProgress) -> Records:
    from .fetch import fetched

    with fetched(spec, options, progress) as found:
        if found is not None:
            name, raw = found
            yield from _read_stream(wrap_stream(name, raw), options, progress)


def _read_stream(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress, depth: int = 0
) -> Records:
    if stream.compression:
        progress.recognise(stream.name, container=stream.compression)
    if compression_of(stream.head):
        raise InputError(f"{stream.name} is compressed more than {MOST_LAYERS} times; unpack it")
    if stream.head.startswith(_ZIP):
        yield from _read_zip(stream, options, progress, depth)
        return
    line = 0
    reader = _reader(stream)
    if reader in (read_json, read_json_lines) and (encoding := _encoding(stream.head, options)):
        stream = as_utf8(stream, encoding)
        progress.recognise(stream.name, encoding=encoding)
    found = False
    for item in reader(stream, options, progress):
        line = item.line or line
        found = True
        yield item
    if stream.problem:
        yield Rejected(stream.problem, source=stream.name, line=line + 1, ends=True)
    elif not found:
        progress.without_products.append(stream.name)


def _encoding(head: bytes, options: ReadOptions) -> str | None:
    """Return the encoding of JSON where it is not UTF-8, as its standard says it is."""
    if options.encoding:
        return check_encoding(options.encoding)
    told = tell_encoding(head)
    return told if told.startswith(("utf-16", "utf-32")) else None


def _reader(stream: ByteStream) -> StreamReader:
    """Return the reader for a stream, by its first bytes.

    Raises:
        InputError: they tell of something that is not read.

    """
    head = stream.head
    for magic, what in _NOT_READ.items():
        if head.startswith(magic):
            raise NoProductsError(f"{stream.name} is {what}; read are {KNOWN}")
    if head.startswith(_OLE):
        return read_spreadsheet
    if head.startswith(_PARQUET):
        return read_parquet
    start = _start(head)
    if start[:1] == b"<":
        return read_html if _HTML.search(start[:2048]) else read_xml
    if is_array(start):
        return read_json
    suffix = _suffix(stream.name)
    if suffix in (".jsonl", ".ndjson") and (b"{" in start or not _DIVIDED.match(start)):
        return read_json_lines
    # A document of which the beginning is broken is told by what it is called.
    if start[:1] == b"{" or is_json_lines(start) or (suffix == ".json" and start[:1] == b"["):
        return read_json
    if _NO_TEXT.search(start) or _is_binary(start):
        raise NoProductsError(f"{stream.name} is of an unknown kind; read are {KNOWN}")
    return read_tsv if suffix == ".tsv" else read_csv


def _is_binary(start: bytes) -> bool:
    """Tell whether every twentieth byte or more is of a kind that texts do not have."""
    marks = len(start) - len(start.translate(None, _CONTROLS))
    return marks > 2 and 20 * marks >= len(start)


def _suffix(name: str) -> str:
    for packed in (".gz", ".bz2", ".xz", ".zip"):
        name = name.lower().removesuffix(packed)
    return PurePosixPath(name).suffix


def _start(head: bytes) -> bytes:
    """Return the beginning without mark and blanks, as UTF-8 where it is UTF-16 or UTF-32."""
    told = tell_encoding(head)
    if told.startswith(("utf-16", "utf-32")):
        head = head.decode(told, "replace").encode("utf-8", "replace")
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def is_array(start: bytes) -> bool:
    """Tell whether an array of objects begins here."""
    return start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]")


def _read_zip(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress, depth: int
) -> Records:
    """Read a workbook, or each member of an archive that may hold products."""
    with stream.seekable() as raw:
        try:
            packed = ZipFile(raw)
            names = set(packed.namelist())
        except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise InputError(f"{stream.name} is a damaged zip file ({error})") from error
        if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
            yield from read_spreadsheet(wrap_stream(stream.name, _rewound(raw)), options, progress)
            return
        if "mimetype" in names and "content.xml" in names:
            yield from read_spreadsheet(wrap_stream(stream.name, _rewound(raw)), options, progress)
            return
        progress.recognise(stream.name, container="zip")
        members = _members(packed)
        if not members or depth >= _DEEPEST:
            what = "an archive in archives" if members else "an archive without a file of products"
            raise InputError(f"{stream.name} is {what}; unpack it and give the files")
        if len(members) == 1:
            yield from _read_member(packed, members[0], stream.name, options, progress, depth)
            return
        found, failed = False, None
        for member in members:
            name = f"{stream.name}/{member.filename}"
            progress.members.add(name)
            try:
                for item in _read_member(packed, member, name, options, progress, depth):
                    found = True
                    yield item
            except NoProductsError as error:
                progress.without_products.append(name)
                failed = failed or error
        if failed and not found:
            raise failed


def _rewound(raw: IO[bytes]) -> IO[bytes]:
    raw.seek(0)
    return raw


def _members(packed: ZipFile) -> list[ZipInfo]:
    """Return the members of an archive that may hold products, in its order."""
    files = [member for member in packed.infolist() if not _JUNK.search(member.filename)]
    data = [member for member in files if not _NO_DATA.search(member.filename)]
    return data or files


def _read_member(
    packed: ZipFile,
    member: ZipInfo,
    name: str,
    options: ReadOptions,
    progress: SourceProgress,
    depth: int,
) -> Records:
    if member.flag_bits & 1:
        raise InputError(f"{name} asks for a password; unpack it and give the files")
    try:
        raw = packed.open(member)
    except (BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        reason = f"the file in the archive cannot be read ({error})"
        yield Rejected(reason, source=name, line=1, ends=True)
        return
    with raw:
        yield from _read_stream(wrap_stream(name, raw), options, progress, depth + 1)

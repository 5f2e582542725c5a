"""Lines of bytes from a stream, numbered, none longer than memory allows."""

from __future__ import annotations

from collections.abc import Iterator

from .records import Rejected
from .stream import ByteStream

LONGEST_LINE = 1 << 26
"""64 MiB: a longer line is rejected unread."""

TOO_LONG = f"the line is longer than {LONGEST_LINE >> 20} MiB"

_BOM = b"\xef\xbb\xbf"


def numbered_lines(stream: ByteStream) -> Iterator[tuple[int, bytes] | Rejected]:
    """Yield each line that is not blank with its number, from 1, without a byte order mark."""
    read_line = stream.body.readline
    number = 0
    while line := read_line(LONGEST_LINE):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
            yield _too_long(stream, number, line)
            continue
        if not line.isspace():
            yield number, line


def _too_long(stream: ByteStream, number: int, line: bytes) -> Rejected:
    start = line[:1000].decode("utf-8", "replace")
    while line and not line.endswith(b"\n"):
        line = stream.body.readline(LONGEST_LINE)
    return Rejected(TOO_LONG, source=stream.name, line=number, record=start)

"""Lines of text from a stream of bytes in any encoding, numbered, none longer than 64 MiB."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import AnyStr

from .encoding import LATIN, is_ascii_based, tell_encoding
from .lines import LONGEST_LINE, TOO_LONG
from .records import Rejected
from .stream import HEAD_BYTES, ByteStream

_BLOCK = 1 << 16
_SHOWN = 1000


def split_lines(text: str, newline: str) -> list[str]:
    r"""Return the lines of a text with their ends: at "\n", or with "" at "\r" and "\r\n" too."""
    return list(io.StringIO(text, newline=newline))


def first_lines(head: bytes, encoding: str) -> tuple[list[str], str]:
    r"""Return the lines at the beginning of a text, and what they end with, as for `split_lines`.

    Lines that end with "\r" alone must be many: in a long text it may stand for anything.
    """
    decoder = codecs.getincrementaldecoder(_decodes(encoding))("replace")
    text = decoder.decode(head).lstrip("\ufeff")
    alone = text.count("\r") - text.count("\r\n")
    newline = "" if 2 * alone > text.count("\n") else "\n"
    lines = split_lines(text, newline)
    if len(lines) > 1 and len(head) >= HEAD_BYTES:
        lines.pop()  # it is cut somewhere
    return lines, newline


class TextLines:
    """Gives blocks of lines, and lines that cannot be read.

    A line that is not in the encoding is rejected. Unless `strict`, which is for an encoding that
    the user gave: where UTF-8 was told, such a line is read as Windows-1252, which spreadsheets
    write; where another encoding of Latin letters was told, a line that is valid UTF-8 is read
    so; and where only ASCII was seen, the first block that holds anything else tells.
    """

    def __init__(self, stream: ByteStream, encoding: str, newline: str, *, strict: bool) -> None:
        self._stream = stream
        self._encoding = encoding
        self._newline = newline
        self._strict = strict
        self._other = encoding if encoding in LATIN else "cp1252"

    def __iter__(self) -> Iterator[list[str] | Rejected]:
        """Yield them in order."""
        number = 1
        for block, is_whole in self._blocks():
            if number == 1 and block and isinstance(block[0], str):
                block[0] = block[0].lstrip("\ufeff")
            lines = [line for line in block if isinstance(line, str)]
            if is_whole and len(lines) == len(block) and sum(map(len, lines)) < LONGEST_LINE:
                yield lines
            else:
                yield from self._one_by_one(number, block, is_whole=is_whole)
            number += len(block)

    def _one_by_one(
        self, number: int, block: Sequence[str | bytes], *, is_whole: bool
    ) -> Iterator[list[str] | Rejected]:
        for at, line in enumerate(block, start=number):
            if not is_whole or len(line) >= LONGEST_LINE:
                text = line if isinstance(line, str) else line.decode("utf-8", "replace")
                yield Rejected(TOO_LONG, source=self._stream.name, line=at, record=text[:_SHOWN])
            elif isinstance(line, str):
                yield [line]
            else:
                reason = f"the line is {self._not_in()}"
                text = line.decode("utf-8", "replace")
                yield Rejected(reason, source=self._stream.name, line=at, record=text)

    def _not_in(self) -> str:
        if not self._is_lenient():
            return f"not {self._encoding}"
        return f"neither UTF-8 nor {'Windows-1252' if self._other == 'cp1252' else self._other}"

    def _blocks(self) -> Iterator[tuple[list[str | bytes], bool]]:
        """Yield the lines of each block, as bytes where they cannot be decoded."""
        chunks = iter(lambda: self._stream.body.read1(_BLOCK), b"")
        if is_ascii_based(_decodes(self._encoding)):
            for data, is_whole in _blocks(chunks, b"\n", b"" if self._newline else b"\r"):
                yield self._decoded(data), is_whole
            return
        texts = codecs.iterdecode(chunks, self._encoding, errors="replace")
        for text, is_whole in _blocks(texts, "\n", "" if self._newline else "\r"):
            yield [*split_lines(text, self._newline)], is_whole

    def _decoded(self, data: bytes) -> list[str | bytes]:
        try:
            whole = data.decode("ascii" if self._is_mixed() else _decodes(self._encoding))
        except UnicodeDecodeError:
            if self._encoding == "ascii":
                self._settle(data)
        else:
            return [*split_lines(whole, self._newline)]
        lines = io.BytesIO(data) if self._newline else data.splitlines(keepends=True)
        return [self._line(line) for line in lines]

    def _is_mixed(self) -> bool:
        """Tell whether lines may be UTF-8 and only they can tell."""
        return not self._strict and self._encoding in LATIN

    def _settle(self, data: bytes) -> None:
        """Tell the encoding by the first bytes beyond ASCII."""
        found = tell_encoding(data)
        self._encoding = found if is_ascii_based(found) and found != "ascii" else "utf-8"
        if self._encoding in LATIN:
            self._other = self._encoding

    def _line(self, line: bytes) -> str | bytes:
        tried = ["utf-8", self._other] if self._is_lenient() else [self._encoding]
        for encoding in tried:
            try:
                return line.decode(encoding)
            except UnicodeDecodeError:
                continue
        return line

    def _is_lenient(self) -> bool:
        return not self._strict and self._encoding in ("utf-8", *LATIN)


def _decodes(encoding: str) -> str:
    return "utf-8" if encoding == "ascii" else encoding


def _blocks(
    chunks: Iterable[AnyStr], end: AnyStr, other_end: AnyStr
) -> Iterator[tuple[AnyStr, bool]]:
    """Yield data that ends where a line does; the start of a line that is too long, with False."""
    parts: list[AnyStr] = []
    size = 0
    is_passing = False
    for chunk in chunks:
        # A "\r" in the last place may be half of "\r\n".
        cut = max(chunk.rfind(end), chunk.rfind(other_end, 0, -1) if other_end else -1) + 1
        if not cut:
            if not is_passing:
                parts.append(chunk)
                size += len(chunk)
            if size >= LONGEST_LINE:
                yield end[:0].join(parts)[:_SHOWN], False
                parts, size, is_passing = [], 0, True
            continue
        begin = 0
        if is_passing:
            places = [at for mark in (end, other_end) if mark and (at := chunk.find(mark)) >= 0]
            begin, is_passing = min(places) + 1, False
        parts.append(chunk[begin:cut])
        if data := end[:0].join(parts):
            yield data, True
        parts = [chunk[cut:]] if cut < len(chunk) else []
        size = len(chunk) - cut
    if parts and not is_passing:
        yield end[:0].join(parts), True

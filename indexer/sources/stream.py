"""Files and standard input as streams of bytes, decompressed, with a look at their beginning."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Protocol
from zipfile import BadZipFile

from ...errors import InputError
from .records import SourceProgress

STDIN = "-"
STDIN_NAME = "standard input"
HEAD_BYTES = 1 << 16
_BUFFER = 1 << 18
_MAGIC_BYTES = 6
MOST_LAYERS = 3
"""How often a source may be compressed one time in another."""

_COMPRESSED: dict[bytes, tuple[str, Callable[[IO[bytes]], Readable]]] = {
    b"\x1f\x8b": ("gzip", lambda raw: gzip.GzipFile(fileobj=raw)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
}
"""For each kind of compression its first bytes, its name, and what reads it."""

_PLAIN_FILES = (io.FileIO, io.BufferedRandom, io.BytesIO)
_DAMAGED = (zlib.error, gzip.BadGzipFile, lzma.LZMAError, BadZipFile, NotImplementedError)


class Readable(Protocol):
    """Gives bytes, as files and decompressors do."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class _Tolerant(io.RawIOBase):
    """Gives the bytes of `inner` after `head`; ends early, with a reason, where it is damaged."""

    def __init__(self, inner: Readable, head: bytes = b"") -> None:
        self._inner = inner
        self._head = head
        self.problem = ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._head or self._read(len(view))
        given = data[: len(view)]
        self._head = data[len(view) :]
        view[: len(given)] = given
        return len(given)

    def _read(self, size: int) -> bytes:
        if self.problem:
            return b""
        read_some = getattr(self._inner, "read1", self._inner.read)
        try:
            return bytes(read_some(size))
        except EOFError:
            self.problem = "the compressed file ends early"
        except _DAMAGED as error:
            self.problem = f"the compressed file is damaged ({error})"
        except OSError as error:
            self.problem = f"reading failed ({error.strerror or error})"
        return b""


@dataclass(slots=True)
class ByteStream:
    """An opened source: its name, its bytes after decompression, and their beginning.

    `problem` is empty as long as the bytes could be read; it is worth a look at the end.
    """

    name: str
    body: io.BufferedReader[_Tolerant]
    head: bytes
    compression: str
    _layers: tuple[_Tolerant, ...]
    _raw: IO[bytes]

    @property
    def problem(self) -> str:
        """Return why the stream ended early, or an empty text."""
        return next((layer.problem for layer in self._layers if layer.problem), "")

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """Give the whole as a file to jump about in; what is no plain file is unpacked to disk.

        Raises:
            InputError: it cannot be read to its end.

        """
        if not self.compression and isinstance(self._raw, _PLAIN_FILES) and self._raw.seekable():
            self._raw.seek(0)
            yield self._raw
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(self.body, unpacked, 1 << 20)
            if self.problem:
                raise InputError(f"{self.name}: {self.problem}")
            unpacked.seek(0)
            yield unpacked


def compression_of(head: bytes) -> str:
    """Return how what begins so is compressed; empty where it is not."""
    return next((kind for mark, (kind, _) in _COMPRESSED.items() if head.startswith(mark)), "")


def wrap_stream(name: str, raw: IO[bytes]) -> ByteStream:
    """Return the bytes of an open file, decompressed; the kind is told by its first bytes.

    What was compressed is looked at again: servers compress what is compressed already.
    """
    layers = [_Tolerant(raw)]
    plain = io.BufferedReader(layers[0], _BUFFER)
    compression = ""
    for _ in range(MOST_LAYERS):
        magic = plain.read(_MAGIC_BYTES)
        plain = io.BufferedReader(_Tolerant(plain, magic), _BUFFER)
        kind = compression_of(magic)
        if not kind:
            break
        compression = f"{kind} in {compression}" if compression else kind
        reader = next(reader for name, reader in _COMPRESSED.values() if name == kind)
        layers.append(_Tolerant(reader(plain)))
        plain = io.BufferedReader(layers[-1], _BUFFER)
    head = plain.read(HEAD_BYTES)
    body = io.BufferedReader(_Tolerant(plain, head), _BUFFER)
    return ByteStream(name, body, head, compression, tuple(layers), raw)


def as_utf8(stream: ByteStream, encoding: str) -> ByteStream:
    """Return a stream of text in another encoding as one of UTF-8; what is not of it is U+FFFD."""
    text = io.TextIOWrapper(stream.body, encoding, errors="replace", newline="")
    body = io.BufferedReader(_Tolerant(_Encoded(text)), _BUFFER)
    head = body.read(HEAD_BYTES)
    whole = io.BufferedReader(_Tolerant(body, head), _BUFFER)
    return replace(stream, body=whole, head=head)


class _Encoded:
    """Gives text as bytes of UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        data = self._left or self._text.read(_BUFFER).encode("utf-8", "replace")
        given, self._left = data[:size], data[size:]
        return given


def is_web_address(spec: str) -> bool:
    """Tell whether a source is named by an address on the web."""
    return spec[:8].lower().startswith(("http://", "https://"))


def existing_file(spec: str) -> Path:
    """Return the path that `spec` names.

    Raises:
        InputError: nothing is there, it is a folder, or it may not be read.

    """
    path = Path(spec)
    if path.is_dir():
        raise InputError(f"{spec} is a folder; give the files in it, such as {spec}/*.jsonl")
    if not path.exists():
        raise InputError(f"there is no file {spec}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{spec} may not be read: check its permissions")
    return path


def size_of(spec: str) -> int | None:
    """Return the size of a file in bytes as stored; None for a stream or a table."""
    if spec == STDIN or "://" in spec:
        return None
    return existing_file(spec).stat().st_size


@contextmanager
def open_stream(spec: str, progress: SourceProgress) -> Iterator[ByteStream]:
    """Open a file, or standard input for "-"; compression is told by the first bytes."""
    if spec == STDIN:
        yield wrap_stream(STDIN_NAME, sys.stdin.buffer)
        return
    path = existing_file(spec)
    with path.open("rb", buffering=0) as raw:
        progress.follow(raw.tell)
        yield wrap_stream(spec, raw)
        progress.finish(path.stat().st_size)

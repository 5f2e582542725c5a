"""Files and standard input as streams of bytes, decompressed, with a look at their beginning."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from ...errors import InputError
from .records import SourceProgress

STDIN = "-"
STDIN_NAME = "standard input"
HEAD_BYTES = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 18


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
        except (zlib.error, gzip.BadGzipFile) as error:
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
    _layers: tuple[_Tolerant, ...]

    @property
    def problem(self) -> str:
        """Return why the stream ended early, or an empty text."""
        return next((layer.problem for layer in self._layers if layer.problem), "")


def _wrap(name: str, raw: IO[bytes]) -> ByteStream:
    first = _Tolerant(raw)
    stored = io.BufferedReader(first, _BUFFER)
    magic = stored.read(2)
    layers = [first]
    plain = io.BufferedReader(_Tolerant(stored, magic), _BUFFER)
    if magic == _GZIP_MAGIC:
        layers.append(_Tolerant(gzip.GzipFile(fileobj=plain)))
        plain = io.BufferedReader(layers[-1], _BUFFER)
    head = plain.read(HEAD_BYTES)
    body = io.BufferedReader(_Tolerant(plain, head), _BUFFER)
    return ByteStream(name, body, head, tuple(layers))


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
    """Open a file, or standard input for "-"; gzip is recognised by its first bytes."""
    if spec == STDIN:
        yield _wrap(STDIN_NAME, sys.stdin.buffer)
        return
    path = existing_file(spec)
    with path.open("rb", buffering=0) as raw:
        progress.follow(raw.tell)
        yield _wrap(spec, raw)
        progress.finish(path.stat().st_size)

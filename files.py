"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DiskFullError, InputError

if TYPE_CHECKING:
    import sqlite3

_CHUNK = 1 << 20
_TEMPORARY = re.compile(r"\..+\.unfinished-[0-9]+")
_END = 4096
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What libraries say that do not hand the error number on: SQLite, FAISS and tantivy, numpy.
_SAID_NO_ROOM = (
    "disk is full",
    os.strerror(errno.ENOSPC),
    os.strerror(errno.EDQUOT),
    os.strerror(errno.EFBIG),
    " requested and ",
)


class Pinned:
    """A folder that stays the same one though its name is given to another.

    What is opened below `path` is found through the folder's descriptor where the system can do
    that (Linux); elsewhere `path` is the name, and `in_place` tells whether it still fits.

    Attributes:
        folder: the name it was pinned by.
        path: what leads to it until it is closed or forgotten.
        identity: device and inode.

    Raises:
        OSError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        descriptor = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        self.folder = Path(named(folder))
        self.close = weakref.finalize(self, _unpin, descriptor)
        status = os.fstat(descriptor)
        self.identity = (status.st_dev, status.st_ino)
        through = Path(f"{_PINNED}{descriptor}")
        self.path = through if through.is_dir() else folder
        _pinned[descriptor] = self.folder

    @property
    def in_place(self) -> bool:
        """Tell whether this folder, and no other, bears its name."""
        try:
            status = self.folder.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    @property
    def removed(self) -> bool:
        """Tell whether this folder is gone, and not merely called otherwise."""
        try:
            return not self.path.stat().st_nlink
        except OSError:
            return True


_PINNED = "/proc/self/fd/"
_pinned: dict[int, Path] = {}  # descriptor -> the name it was pinned by


def _unpin(descriptor: int) -> None:
    _pinned.pop(descriptor, None)
    os.close(descriptor)


def named(text: object) -> str:
    """Return a path or a message with pinned folders called by their names."""
    return _THROUGH.sub(lambda found: str(_pinned.get(int(found[1]), found[0])), str(text))


_THROUGH = re.compile(rf"{_PINNED}([0-9]+)")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, make it durable, and rename it into place."""
    temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed `write_whole` left in a folder; nobody may be writing there."""
    for left in folder.glob(".*.*"):
        if _TEMPORARY.fullmatch(left.name) and left.is_file():
            left.unlink(missing_ok=True)


def free_folder(path: str | Path) -> Path:
    """Return a path at which a folder may be written.

    Raises:
        InputError: something is there already.

    """
    free = Path(path)
    if free.exists() and (not free.is_dir() or any(free.iterdir())):
        raise InputError(f"{free} exists and is not empty; name another folder")
    return free


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write into, which takes its name only when all is written and durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        sync_tree(unfinished)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every file below a folder durable, and its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


@contextmanager
def full_disk_told(path: Path, then: str = "") -> Iterator[None]:
    """Raise what a full disk made a block raise as one clear error, whichever library met it.

    Args:
        path: what is being written; named where the error names no file itself.
        then: what holds and what to do, as the end of the message; empty where a block around
            this one says it.

    Raises:
        DiskFullError: there was no room for what was to be written.
    """
    try:
        yield
    except DiskFullError as error:
        if then and error.then == "":
            raise DiskFullError(error.what, then) from error
        raise
    except BaseException as error:
        full = _met_full_disk(error, path)
        if full is None:
            raise
        written = named(getattr(full, "filename", None) or path)
        raise DiskFullError(f"no room left on the disk to write {written}", then) from error


def _met_full_disk(error: BaseException | None, path: Path) -> BaseException | None:
    """Return the error that tells of a full disk among an error and those that it came from.

    SQLite has but an input/output error for shared memory that has no room.
    """
    vague = shutil.disk_usage(path).free < _CHUNK if path.exists() else False
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        said = str(error)
        numbered = isinstance(error, OSError) and error.errno in NO_ROOM
        if (
            numbered
            or any(words in said for words in _SAID_NO_ROOM)
            or (vague and "disk I/O error" in said)
        ):
            return error
        error = error.__cause__ or error.__context__
    return None


def identity(path: Path) -> tuple[int, int, int, int] | None:
    """Return a value that changes when a file is replaced or written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def link_file(source: Path, target: Path) -> None:
    """Make a hard link; a copy on another file system, or one without links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def checksum(path: Path) -> str:
    """Return the BLAKE2b digest of a file, 32 hex digits."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def ends_checksum(path: Path) -> str:
    """Return the BLAKE2b digest of a file's first and last 4 KiB, where formats keep headers."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(_END))
        file.seek(max(file.seek(0, os.SEEK_END) - _END, 0))
        digest.update(file.read(_END))
    return digest.hexdigest()


def sqlite_fault(path: Path) -> str | None:
    """Say what SQLite's own check finds wrong in a database; None where all is well.

    It reads the whole file and writes nothing, unless a writer is at work or was killed.
    """
    import sqlite3

    try:
        with closing(sqlite_to_read(path)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)
    return None if found == "ok" else found.replace("\n", " ")


def sqlite_to_read(path: Path) -> sqlite3.Connection:
    """Open an SQLite file to read; at rest it is whole and needs neither lock nor shared memory.

    A log beside it means that a writer is at work, or was killed: then SQLite joins both, for
    which it may have to make a file of shared memory.
    """
    import sqlite3

    log = path.with_name(f"{path.name}-wal")
    at_rest = not log.exists() or not log.stat().st_size
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
    return sqlite3.connect(uri, uri=True, timeout=60, check_same_thread=False)


def folder_bytes(folder: Path) -> int:
    """Return the bytes that the files below a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

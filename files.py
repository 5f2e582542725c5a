"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from .errors import InputError

_CHUNK = 1 << 20
_TEMPORARY = re.compile(r"\..+\.unfinished-[0-9]+")


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


def folder_bytes(folder: Path) -> int:
    """Return the bytes that the files below a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

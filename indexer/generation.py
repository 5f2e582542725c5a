"""A generation: one consistent set of files derived from the catalog.

It is written under a temporary name, made durable, and published by replacing CURRENT. A
reader sees the old one or the new one, never a mixture, and holds the one it opened: a
generation is removed when no reader has it any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import orjson

from ..errors import ShopError, UnreadableError
from ..files import (
    Pinned,
    checksum,
    ends_checksum,
    named,
    sync_folder,
    sync_tree,
    write_whole,
)
from .typed import typed

FORMAT = 1
MANIFEST = "manifest.json"
_DIGEST = "blake2b"
_KEPT = 2  # the live generation, and the one to fall back to


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds and what it was made from.

    Attributes:
        sequence: the catalog's change number it has seen.
        encoder: name, fingerprint, dim, similarity and max_tokens of the encoder.
        settings: digest of the settings that a full rebuild depends on.
        texts_cut: products whose text is longer than the encoder reads.
        files: for each file its size in bytes, its checksum, and that of its ends.
        catalog: identity of the catalog it was made from; None in generations made before
            this was noted.
        mark: the catalog's mark of the last change it has seen; None where there is none.
        quantities: the `DERIVATION` of the quantities in its columns; 0 where there are none.
        keywords: the `DERIVATION` of its keyword entries; 0 where they have no marks.
        kinds: the `DERIVATION` of its kinds of products; 0 where it has none.
        forward: the `DERIVATION` of the terms in its forward index; 0 where it has none.
    """

    format: int
    number: int
    created: str
    version: str
    sequence: int
    products: int
    encoder: Mapping[str, Any]
    index: str
    language: str
    settings: str
    texts_cut: int
    files: Mapping[str, Mapping[str, Any]]
    catalog: int | None = None
    mark: int | None = None
    quantities: int = 0
    forward: int = 0
    keywords: int = 0
    kinds: int = 0

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a generation's folder.

        Raises:
            ShopError: it is missing, unreadable or of another format.
        """
        name = Path(named(folder))
        path = name / MANIFEST
        mend = f"build it again with: dsv3 index --rebuild --into {name.parents[1]}"
        try:
            stored = orjson.loads((folder / MANIFEST).read_bytes())
        except PermissionError as error:
            raise UnreadableError(path, error.strerror) from None
        except OSError as error:
            raise ShopError(f"{path} cannot be read ({error.strerror}); {mend}") from None
        except orjson.JSONDecodeError as error:
            raise ShopError(f"{path} cannot be read ({error}); {mend}") from None
        digest = stored.pop(_DIGEST, None) if isinstance(stored, dict) else None
        if digest is not None and digest != _digest(stored):  # manifests of 0.1 have none
            raise ShopError(f"{path} is damaged; {mend}")
        found = stored.get("format") if isinstance(stored, dict) else None
        if found != FORMAT:
            raise ShopError(f"{name} has format {found}, this dsv3 reads {FORMAT}; {mend}")
        try:
            return typed(cls, stored)
        except TypeError as error:
            raise ShopError(f"{path} is not whole ({error}); {mend}") from None

    def write(self, folder: Path) -> None:
        """Write the manifest into its generation's folder."""
        stored = asdict(self)
        stored[_DIGEST] = _digest(stored)
        write_whole(folder / MANIFEST, orjson.dumps(stored, option=orjson.OPT_INDENT_2))


def _digest(stored: Mapping[str, Any]) -> str:
    return blake2b(orjson.dumps(stored), digest_size=16).hexdigest()


def describe_files(
    folder: Path, previous: tuple[Path, Manifest] | None = None
) -> dict[str, dict[str, Any]]:
    """Return size and checksum of each file below a folder, by relative name.

    A file that is a hard link to the one of the same name in `previous`, a generation's folder
    and manifest, is what that manifest says; it is not read again.
    """
    described = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == MANIFEST:
            continue
        name = str(path.relative_to(folder))
        stated = _stated(path, name, *previous) if previous else None
        described[name] = dict(
            stated
            or {
                "bytes": path.stat().st_size,
                "blake2b": checksum(path),
                "ends": ends_checksum(path),
            }
        )
    return described


def _stated(path: Path, name: str, folder: Path, manifest: Manifest) -> Mapping[str, Any] | None:
    stated = manifest.files.get(name)
    same = stated is not None and (folder / name).is_file() and path.samefile(folder / name)
    return stated if same else None


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of files that are missing or not what the manifest says."""
    return [name for name, stated in manifest.files.items() if not _is_whole(folder / name, stated)]


def _is_whole(path: Path, stated: Mapping[str, Any]) -> bool:
    try:
        return bool(path.stat().st_size == stated["bytes"] and checksum(path) == stated["blake2b"])
    except PermissionError as error:
        raise UnreadableError(named(path), error.strerror) from None
    except OSError:
        return False


def opening_fault(folder: Path, manifest: Manifest) -> str | None:
    """Say what is wrong with a generation's files by their sizes and ends; None where nothing is.

    It reads 8 KiB a file at most, so that nothing that was cut is ever mapped. Damage in the
    middle of a file is found by `damaged_files`.
    """
    for name, stated in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != stated["bytes"]:
                return f"{name} has {size:,} bytes, not {stated['bytes']:,}"
            if "ends" in stated and ends_checksum(path) != stated["ends"]:
                return f"{name} is not as it was written"
        except FileNotFoundError:
            return f"{name} is missing"
        except PermissionError as error:
            raise UnreadableError(named(path), error.strerror) from None
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None


def now() -> str:
    """Return the time as a manifest states it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Held:
    """A generation that stays where it is until this is closed or forgotten.

    A shared lock on its manifest says so to whoever removes old generations. It takes no
    permission to write.

    Attributes:
        folder: its name.
        place: the path by which its files are opened, whatever bears its name meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        """Take hold of a generation's folder.

        Raises:
            FileNotFoundError: it is gone, or about to be.
            PermissionError: it may not be read.
        """
        self._pinned = Pinned(folder)
        self.folder, self.place = self._pinned.folder, self._pinned.path
        descriptor = os.open(self.place / MANIFEST, os.O_RDONLY)
        self.close = weakref.finalize(self, _let_go, descriptor, self._pinned)
        status = os.fstat(descriptor)
        self.identity = (status.st_dev, status.st_ino)
        try:
            _lock(descriptor, fcntl.LOCK_SH)
        except BlockingIOError:
            self.close()
            raise FileNotFoundError(folder) from None
        if not os.fstat(descriptor).st_nlink:
            self.close()
            raise FileNotFoundError(folder)

    @property
    def in_place(self) -> bool:
        """Tell whether this generation, and no other, is found at its folder."""
        return self._pinned.in_place


def _let_go(descriptor: int, pinned: Pinned) -> None:
    os.close(descriptor)
    pinned.close()


def _lock(descriptor: int, kind: int) -> None:
    """Lock without waiting; a file system that has no locks is used without."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            raise


def remove_generation(folder: Path) -> bool:
    """Remove a generation unless a reader holds it; returns whether it went."""
    try:
        descriptor = os.open(folder / MANIFEST, os.O_RDWR)
    except FileNotFoundError:  # its removal was begun before
        shutil.rmtree(folder, ignore_errors=True)
        return True
    except PermissionError:
        return False
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        (folder / MANIFEST).unlink()  # from here on no reader takes hold of it
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@dataclass(frozen=True, slots=True)
class Sound:
    """A generation whose files are there, held; `warning` says why it is not the live one."""

    held: Held
    manifest: Manifest
    warning: str | None = None


def _opens(held: Held, manifest: Manifest) -> bool:
    try:
        return opening_fault(held.place, manifest) is None
    except UnreadableError:
        return False


class Generations:
    """Keeps the generations of one shop.

    Args:
        shop: its folder; pinned where a change of names shall not matter.
    """

    def __init__(self, shop: Path) -> None:
        self.folder = shop / "generations"
        self.pointer = shop / "CURRENT"

    @property
    def any(self) -> bool:
        """Tell whether one was ever published."""
        return self.pointer.exists() or bool(self.all())

    def current(self) -> Path | None:
        """Return the folder of the live generation; None before the first.

        Raises:
            ShopError: `CURRENT` cannot be read, names one that is not there, or is gone.
        """
        try:
            name = self.pointer.read_text(errors="replace").strip()
        except FileNotFoundError:
            if not self.all():
                return None
            raise ShopError(f"{named(self.pointer)} is gone; {self._build}") from None
        except OSError as error:
            raise UnreadableError(named(self.pointer), error.strerror) from None
        folder = self.folder / name
        if not name.isdecimal() or not folder.is_dir():
            raise ShopError(
                f"{named(self.pointer)} names generation {name!r}, which is not there; "
                f"{self._build}"
            )
        return folder

    @property
    def _build(self) -> str:
        return f"build it again with: dsv3 index --rebuild --into {named(self.pointer.parent)}"

    def readable(self) -> Manifest | None:
        """Return the manifest of the live generation, else of the newest that can be read.

        None before the first, and where none can be read.
        """
        try:
            folder = self.current()
            if folder is None or (folder / MANIFEST).is_file():
                return Manifest.read(folder) if folder else None
        except ShopError:
            pass
        for folder in reversed(self.all()):
            try:
                return Manifest.read(folder)
            except ShopError:
                continue
        return None

    def hold_current(self) -> Held | None:
        """Return the live generation, held; None before the first.

        Raises:
            ShopError: `CURRENT` names one that is not there.
        """
        while True:
            folder = self.current()
            if folder is None:
                return None
            try:
                return Held(folder)
            except FileNotFoundError:
                if folder == self.current():  # no other was published meanwhile
                    Manifest.read(folder)
            except OSError as error:
                raise UnreadableError(named(error.filename or folder), error.strerror) from None

    def hold_sound(self) -> Sound | None:
        """Return the live generation, held, or where it is damaged the one before.

        None before the first.

        Raises:
            ShopError: no generation is whole.
            UnreadableError: the live one may not be read.
        """
        live = fault = None
        try:
            held = self.hold_current()
            if held is None:
                return None
            live = held.folder
            manifest = Manifest.read(held.place)
            fault = opening_fault(held.place, manifest)
            if fault is None:
                return Sound(held, manifest)
            held.close()
        except UnreadableError:
            raise
        except ShopError as error:
            fault = str(error).partition("; ")[0]
        for folder in reversed(self.all()):
            if live is not None and folder.name >= live.name:
                continue
            try:
                held = Held(folder)
                manifest = Manifest.read(held.place)
            except (OSError, ShopError):
                continue
            if _opens(held, manifest):
                return Sound(held, manifest, self._told(live, fault, f"{folder.name} is served"))
            held.close()
        raise ShopError(self._told(live, fault, "there is no other that is whole"))

    def _told(self, live: Path | None, fault: str, instead: str) -> str:
        which = f"generation {live.name} is damaged: {fault}" if live else fault
        shop = named(self.pointer.parent)
        return f"{which}; {instead}; mend with: dsv3 index --rebuild --into {shop}"

    def next_number(self) -> int:
        """Return a number no generation has had."""
        return 1 + max((int(path.name) for path in self.all()), default=0)

    @contextmanager
    def writing(self, number: int) -> Iterator[Path]:
        """Give a folder to fill; make it generation `number` unless the block raises."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".new-*"):  # of a run that was killed
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        temporary = self.folder / f".new-{number:06d}"
        temporary.mkdir()
        try:
            yield temporary
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_tree(temporary)
        final = self.folder / f"{number:06d}"
        temporary.rename(final)
        sync_folder(self.folder)  # or CURRENT could outlive a power cut that its folder does not
        write_whole(self.pointer, f"{final.name}\n".encode())
        self._remove_old()

    def all(self) -> list[Path]:
        """Return the folders of all generations that are kept, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.name.isdecimal())

    def remove_damaged(self) -> None:
        """Remove those beside the live one whose files are not as they were written."""
        current = self.current()
        for folder in self.all():
            try:
                whole = folder == current or not damaged_files(folder, Manifest.read(folder))
            except ShopError:
                whole = False
            if not whole:
                remove_generation(folder)

    def _remove_old(self) -> None:
        current = self.current()
        for folder in self.all()[:-_KEPT]:
            if folder != current:
                remove_generation(folder)

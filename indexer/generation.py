"""A generation: one consistent set of files derived from the catalogue.

It is written under a temporary name, made durable, and published by replacing CURRENT. A
reader sees the old one or the new one, never a mixture.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson

from ..errors import ShopError
from ..files import checksum, sync_tree, write_whole

FORMAT = 1
_KEPT = 2  # the live generation, and the one a slow reader may still be opening


@dataclass(frozen=True, slots=True)
class Manifest:
    """Say what a generation holds and what it was made from.

    Attributes:
        sequence: the catalogue's change number it has seen.
        encoder: name, fingerprint, dim, similarity and max_tokens of the encoder.
        settings: digest of the settings that a full rebuild depends on.
        texts_cut: products whose text is longer than the encoder reads.
        files: for each file its size in bytes and its checksum.
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

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a generation's folder.

        Raises:
            ShopError: it is missing, unreadable or of another format.
        """
        path = folder / "manifest.json"
        mend = "build it again with: dsv3 index --rebuild"
        try:
            stored = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise ShopError(f"{path} cannot be read ({error}); {mend}") from None
        if stored.get("format") != FORMAT:
            raise ShopError(
                f"{folder} has format {stored.get('format')}, this dsv3 reads {FORMAT}; {mend}"
            )
        try:
            return cls(**stored)
        except TypeError:
            raise ShopError(f"{path} lacks entries; {mend}") from None

    def write(self, folder: Path) -> None:
        """Write the manifest into its generation's folder."""
        write_whole(
            folder / "manifest.json", orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)
        )


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and checksum of each file below a folder, by relative name."""
    return {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "blake2b": checksum(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of files that are missing or not what the manifest says."""
    return [
        name
        for name, stated in manifest.files.items()
        if not (folder / name).is_file()
        or (folder / name).stat().st_size != stated["bytes"]
        or checksum(folder / name) != stated["blake2b"]
    ]


def now() -> str:
    """Return the time as a manifest states it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Generations:
    """Keep the generations of one shop."""

    def __init__(self, shop: Path) -> None:
        self.folder = shop / "generations"
        self.pointer = shop / "CURRENT"

    def current(self) -> Path | None:
        """Return the folder of the live generation; None before the first."""
        try:
            name = self.pointer.read_text().strip()
        except FileNotFoundError:
            return None
        folder = self.folder / name
        if not name.isdecimal() or not folder.is_dir():
            raise ShopError(
                f"{self.pointer} names generation {name!r}, which is not there; "
                "build it again with: dsv3 index --rebuild"
            )
        return folder

    def next_number(self) -> int:
        """Return a number no generation has had."""
        return 1 + max((int(path.name) for path in self._published()), default=0)

    @contextmanager
    def writing(self, number: int) -> Iterator[Path]:
        """Give a folder to fill; make it generation `number` unless the block raises."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".new-*"):  # of a run that was killed
            shutil.rmtree(left)
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
        write_whole(self.pointer, f"{final.name}\n".encode())
        self._remove_old()

    def _published(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.name.isdecimal())

    def _remove_old(self) -> None:
        current = self.current()
        for folder in self._published()[:-_KEPT]:
            if folder != current:
                shutil.rmtree(folder, ignore_errors=True)

"""Write a vector index to a folder and open it again, large files mapped and not read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ShopError
from .backend import Faiss, faiss, reason
from .base import VectorIndex
from .faiss_index import FaissIndex
from .positions import Positions
from .stored import BlockStorage, load_vectors, save_vectors

FORMAT = 1
_INDEX, _ROWS, _DEAD = "vectors.faiss", "rows.npy", "tombstones.npy"
_VECTORS, _ABOUT = "vectors.npy", "index.json"


def load_index(folder: Path) -> VectorIndex:
    """Open what `VectorIndex.save` wrote.

    The FAISS index and the exact vectors are memory-mapped: opening takes milliseconds, and
    processes that serve one generation share its memory. Raises ShopError where a file is
    missing, damaged, or of another format.
    """
    about = _read_about(folder)
    try:
        index = _map_index(folder / _INDEX)
        rows = np.load(folder / _ROWS)
        dead = np.load(folder / _DEAD)
        tombstones = np.unpackbits(dead, count=len(rows), bitorder="little").astype(np.bool_)
        stored = None
        if (folder / _VECTORS).exists():
            stored = BlockStorage(about["dim"], saved=load_vectors(folder / _VECTORS))
        loaded = FaissIndex(
            about["spec"],
            about["dim"],
            about["similarity"],
            index=index,
            positions=Positions(rows, tombstones),
            stored=stored,
            thaw=_thawing(folder / _INDEX, index),
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ShopError(
            f"the vector index in {folder} cannot be read: {reason(error)}; index the shop again"
        ) from error
    _check_counts(loaded, about, folder)
    loaded.origin = folder
    return loaded


def save_index(index: FaissIndex, folder: Path) -> None:
    """Write an index; every file appears whole, under its name, or not at all.

    What has not changed since it was loaded is linked and not written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = index.origin
    _write(folder / _INDEX, origin, lambda path: faiss().write_index(index.index, str(path)))
    if not index.structure.keeps_vectors:
        _write(
            folder / _VECTORS,
            origin,
            lambda path: save_vectors(index.stored, index.capacity, path),
        )
    dead = np.packbits(index.positions.tombstones, bitorder="little")
    _write(folder / _ROWS, None, lambda path: _save_array(path, index.positions.row_at))
    _write(folder / _DEAD, None, lambda path: _save_array(path, dead))
    about = {
        "format": FORMAT,
        "spec": index.spec,
        "dim": index.dim,
        "similarity": index.similarity,
        "live": len(index),
        "capacity": index.capacity,
    }
    _write(folder / _ABOUT, None, lambda path: _save_text(path, json.dumps(about, indent=2)))


def _write(path: Path, origin: Path | None, write: Callable[[Path], object]) -> None:
    """Write under a temporary name and rename: a file that is mapped is never changed."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    if origin is None:
        write(temporary)
    elif origin.resolve() == path.parent.resolve():
        return
    else:
        _link(origin / path.name, temporary)
    temporary.replace(path)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _save_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _save_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except OSError as error:
        raise ShopError(f"there is no vector index in {folder}; index the shop first") from error
    except ValueError as error:
        raise ShopError(f"{folder / _ABOUT} is damaged; index the shop again") from error
    if about.get("format") != FORMAT:
        raise ShopError(
            f"the vector index in {folder} has format {about.get('format')}, this version reads "
            f"{FORMAT}; index the shop again"
        )
    return about


def _check_counts(index: FaissIndex, about: dict[str, Any], folder: Path) -> None:
    held = int(index.index.ntotal)
    stored = sum(len(block) for block in index.stored.blocks())
    found = {"vectors.faiss": held, "rows.npy": index.capacity, "the exact vectors": stored}
    for name, count in found.items():
        if count != about["capacity"]:
            raise ShopError(
                f"the vector index in {folder} is damaged: {name} holds {count:,} vectors, "
                f"index.json says {about['capacity']:,}; index the shop again"
            )


def _map_index(path: Path) -> Faiss:
    module = faiss()
    return module.read_index(str(path), module.IO_FLAG_MMAP_IFC)


def _thawing(path: Path, index: Faiss) -> Callable[[], Faiss]:
    """Return what reads the whole index, from its file or, where that is gone, from the map."""

    def thaw() -> Faiss:
        module = faiss()
        if path.exists():
            return module.read_index(str(path))
        return module.deserialize_index(module.serialize_index(index))

    return thaw

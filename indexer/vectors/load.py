"""Open a vector index that was saved, large files mapped and not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ShopError
from .backend import Faiss, faiss, reason
from .base import VectorIndex
from .faiss_index import FaissIndex
from .positions import Positions
from .save import ABOUT, FORMAT, INDEX, ROWS, TOMBSTONES, VECTORS
from .stored import BlockStorage, load_vectors


def load_index(folder: Path) -> VectorIndex:
    """Open what `VectorIndex.save` wrote.

    The FAISS index and the exact vectors are memory-mapped: opening takes milliseconds, and
    processes that serve one generation share its memory. Raises ShopError where a file is
    missing, damaged, or of another format.
    """
    about = _read_about(folder)
    try:
        index = _map_index(folder / INDEX)
        rows = np.load(folder / ROWS)
        dead = np.load(folder / TOMBSTONES)
        tombstones = np.unpackbits(dead, count=len(rows), bitorder="little").astype(np.bool_)
        stored = None
        if (folder / VECTORS).exists():
            stored = BlockStorage(about["dim"], saved=load_vectors(folder / VECTORS))
        loaded = FaissIndex(
            about["spec"],
            about["dim"],
            about["similarity"],
            index=index,
            positions=Positions(rows, tombstones),
            stored=stored,
            thaw=_thawing(folder / INDEX, index),
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ShopError(
            f"the vector index in {folder} cannot be read: {reason(error)}; index the shop again"
        ) from error
    _check_counts(loaded, about, folder)
    loaded.origin = folder
    return loaded


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except OSError as error:
        raise ShopError(f"there is no vector index in {folder}; index the shop first") from error
    except ValueError as error:
        raise ShopError(f"{folder / ABOUT} is damaged; index the shop again") from error
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

"""Write a vector index to a folder: whole files, and what has not changed as links."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...encoder.base import Similarity
from ...files import link_file
from .backend import Faiss, faiss
from .positions import Positions
from .stored import StoredVectors, save_vectors

FORMAT = 1
INDEX, ROWS, TOMBSTONES = "vectors.faiss", "rows.npy", "tombstones.npy"
VECTORS, ABOUT = "vectors.npy", "index.json"


def save_index(
    folder: Path,
    *,
    spec: str,
    similarity: Similarity,
    index: Faiss,
    positions: Positions,
    stored: StoredVectors | None,
    origin: Path | None,
) -> None:
    """Write an index; every file appears whole, under its name, or not at all.

    Args:
        folder: made where it is missing.
        spec: the factory string the index was built from.
        similarity: of its vectors.
        index: the FAISS index.
        positions: the row of each position, and tombstones.
        stored: the exact vectors; None where the FAISS index keeps them.
        origin: folder that holds exactly this FAISS index and these vectors, to be linked and not
            written again.

    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / INDEX, origin, lambda path: faiss().write_index(index, str(path)))
    if stored is not None:
        _write(
            folder / VECTORS, origin, lambda path: save_vectors(stored, positions.capacity, path)
        )
    dead = np.packbits(positions.tombstones, bitorder="little")
    _write(folder / ROWS, None, lambda path: _save_array(path, positions.row_at))
    _write(folder / TOMBSTONES, None, lambda path: _save_array(path, dead))
    about = {
        "format": FORMAT,
        "spec": spec,
        "dim": int(index.d),
        "similarity": similarity,
        "live": positions.live,
        "capacity": positions.capacity,
    }
    _write(folder / ABOUT, None, lambda path: _save_text(path, json.dumps(about, indent=2)))


def _write(path: Path, origin: Path | None, write: Callable[[Path], object]) -> None:
    """Write under a temporary name and rename: a file that is mapped is never changed."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    if origin is None:
        write(temporary)
    elif origin.resolve() == path.parent.resolve():
        return
    else:
        link_file(origin / path.name, temporary)
    temporary.replace(path)


def _save_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _save_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")

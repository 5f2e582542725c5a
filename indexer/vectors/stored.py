"""Keep the exact vectors, so that gathered rows are scored exactly whatever the index kept."""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...encoder.base import FloatArray, IntArray
from .backend import Faiss, faiss

_FIRST_BLOCK = 1024
# A block larger than this is kept in an unnamed file and not in memory.
_MEMORY_BYTES = 64 << 20


class StoredVectors(ABC):
    """Gives vectors and inner products by position, from blocks of contiguous vectors."""

    dim: int

    @abstractmethod
    def blocks(self) -> Iterator[FloatArray]:
        """Give the vectors in order of position, as a few contiguous (n, dim) arrays."""

    @abstractmethod
    def append(self, vectors: FloatArray) -> None:
        """Keep (n, dim) vectors at the next positions."""

    def gather(self, positions: IntArray) -> FloatArray:
        """Copy out the vectors at positions, in the order given."""
        vectors = np.empty((len(positions), self.dim), np.float32)
        start = 0
        for block in self.blocks():
            here = (positions >= start) & (positions < start + len(block))
            vectors[here] = block[positions[here] - start]
            start += len(block)
        return vectors

    def inner_products(self, query: FloatArray, positions: IntArray) -> FloatArray:
        """Score one (dim,) query against ascending positions without copying vectors."""
        module = faiss()
        scores = np.empty(len(positions), np.float32)
        query = np.ascontiguousarray(query, np.float32)
        start = 0
        for block in self.blocks():
            first, last = np.searchsorted(positions, [start, start + len(block)])
            if last > first:
                local = np.ascontiguousarray(positions[first:last] - start)
                module.fvec_inner_products_by_idx(
                    module.swig_ptr(scores[first:last]),
                    module.swig_ptr(query),
                    module.swig_ptr(block),
                    module.swig_ptr(local),
                    self.dim,
                    1,
                    len(local),
                )
            start += len(block)
        return scores


class FlatStorage(StoredVectors):
    """Reads the vectors out of a FAISS flat storage; FAISS itself appends to it."""

    def __init__(self, storage: Faiss) -> None:
        self._storage = storage
        self.dim = int(storage.d)

    def blocks(self) -> Iterator[FloatArray]:
        """Give one view of the storage; it holds until the next append."""
        count = int(self._storage.ntotal)
        if count:
            values = faiss().rev_swig_ptr(self._storage.get_xb(), count * self.dim)
            yield values.reshape(count, self.dim)

    def append(self, vectors: FloatArray) -> None:
        """Do nothing: adding to the index has stored them."""


class BlockStorage(StoredVectors):
    """Keeps vectors beside the index: a file read in place, then blocks that double in size."""

    def __init__(
        self, dim: int, *, saved: FloatArray | None = None, scratch: Path | None = None
    ) -> None:
        self.dim = dim
        self._scratch = scratch
        self._full: list[FloatArray] = [] if saved is None or not len(saved) else [saved]
        self._open: FloatArray | None = None
        self._used = 0

    def blocks(self) -> Iterator[FloatArray]:
        """Give the saved file first, then what was appended."""
        yield from self._full
        if self._open is not None and self._used:
            yield self._open[: self._used]

    def append(self, vectors: FloatArray) -> None:
        """Keep vectors at the next positions; large blocks go to an unnamed file."""
        while len(vectors):
            block = self._room(len(vectors))
            taken = min(len(vectors), len(block) - self._used)
            block[self._used : self._used + taken] = vectors[:taken]
            self._used += taken
            vectors = vectors[taken:]

    def reserve(self, count: int) -> None:
        """Make the next block large enough for `count` vectors."""
        if self._open is None and count:
            self._open = self._new_block(count)

    def _room(self, wanted: int) -> FloatArray:
        if self._open is None or self._used == len(self._open):
            size = max(wanted, _FIRST_BLOCK)
            if self._open is not None:
                self._full.append(self._open)
                size = max(size, 2 * len(self._open))
            self._open = self._new_block(size)
            self._used = 0
        return self._open

    def _new_block(self, size: int) -> FloatArray:
        if size * self.dim * 4 <= _MEMORY_BYTES:
            return np.empty((size, self.dim), np.float32)
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            # A hole would only be found to have no room when it is touched, by a signal.
            os.posix_fallocate(file.fileno(), 0, size * self.dim * 4)
            return np.memmap(file, np.float32, "r+", shape=(size, self.dim))


def save_vectors(stored: StoredVectors, count: int, path: Path) -> None:
    """Write all vectors as one .npy file, block by block."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, stored.dim)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in stored.blocks():
            file.write(np.ascontiguousarray(block, "<f4").data)


def load_vectors(path: Path) -> FloatArray:
    """Map a saved .npy file into memory without reading it."""
    # numpy cannot map a file that holds no values
    header_only = np.load(path) if path.stat().st_size <= 128 else None
    mapped: FloatArray = np.load(path, mmap_mode="r") if header_only is None else header_only
    return mapped

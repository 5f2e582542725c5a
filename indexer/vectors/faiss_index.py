"""Search vectors with any FAISS index that takes a filter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...encoder.base import FloatArray, IntArray, Similarity
from ...errors import InputError
from . import gpu
from .backend import Faiss, faiss, reason, threads_for
from .base import BoolArray, Neighbors, VectorIndex
from .exact import search_exactly, top
from .plan import REFINED_FACTOR, Plan, Task, choose_plan
from .positions import Passing, Positions
from .save import save_index
from .spec import make_index
from .stored import BlockStorage, FlatStorage, StoredVectors
from .structure import flat_storage, look_into, search_parameters

# Vectors of a length nearer to 1 than this are of unit length but for rounding: left as given.
_UNIT = 1e-5


class FaissIndex(VectorIndex):
    """A FAISS index, the row of each position, tombstones, and the exact vectors."""

    def __init__(
        self,
        spec: str,
        dim: int,
        similarity: Similarity,
        *,
        index: Faiss | None = None,
        positions: Positions | None = None,
        stored: StoredVectors | None = None,
        thaw: Callable[[], Faiss] | None = None,
        scratch: Path | None = None,
    ) -> None:
        self.spec = spec
        self.dim = dim
        self.similarity = similarity
        self.index = make_index(spec, dim) if index is None else index
        self.positions = Positions() if positions is None else positions
        # The folder that still holds exactly this FAISS index and these exact vectors.
        self.origin: Path | None = None
        self._scratch = scratch
        self._thaw = thaw
        self._gpu_copy: Faiss | None = None
        self._attach(stored)

    def __len__(self) -> int:
        """Count the live vectors."""
        return self.positions.live

    @property
    def capacity(self) -> int:
        """Count the vectors held, those tombstoned too."""
        return self.positions.capacity

    def train(self, vectors: FloatArray) -> None:
        """Learn centroids and codes from (n, dim) vectors; does nothing where none are needed."""
        vectors = self._checked(vectors)
        if self.index.is_trained:
            return
        self._own()
        self.origin = None
        try:
            gpu.train(self.index, self.structure, vectors)
        except RuntimeError as error:
            raise InputError(
                f"index {self.spec!r} cannot be trained on {len(vectors):,} vectors: "
                f"{reason(error)}; take fewer lists, or Flat"
            ) from error
        self._attach(self.stored)

    def add(self, rows: IntArray, vectors: FloatArray) -> None:
        """Add (n, dim) vectors under (n,) rows; a row already present is replaced."""
        vectors = self._checked(vectors)
        rows = _checked_rows(rows)
        if len(rows) != len(vectors):
            raise InputError(f"{len(rows)} rows were given with {len(vectors)} vectors")
        rows, vectors = _last_of_each(rows, vectors)
        if not len(rows):
            return
        if not self.index.is_trained:
            raise InputError(f"index {self.spec!r} must be trained before vectors are added")
        self._own()
        self.origin = None
        self.index.add(vectors)
        self.stored.append(vectors)
        self.positions.append(rows)
        self._gpu_copy = None

    def reserve(self, count: int) -> None:
        """Make room for `count` vectors about to be added, so that none are moved later."""
        if isinstance(self.stored, BlockStorage):
            self.stored.reserve(count)

    def remove(self, rows: IntArray) -> int:
        """Tombstone rows until the next build; returns how many of them were present."""
        return self.positions.remove(_checked_rows(rows))

    def search(
        self,
        queries: FloatArray,
        k: int,
        rows: BoolArray | None = None,
        effort: float = 1.0,
    ) -> Neighbors:
        """Find the k closest live rows of each of (n, dim) queries; see `VectorIndex.search`."""
        queries = self._checked(queries)
        if k < 1 or effort <= 0:
            raise InputError(f"k and effort must be positive, got {k} and {effort:g}")
        if rows is not None and (rows.dtype != np.bool_ or rows.ndim != 1):
            raise InputError("a filter is a flat mask of true and false by row number")
        passing = self.positions.passing(rows)
        if not passing.count:
            return Neighbors(*_nothing(len(queries), k), plan="no rows pass")
        task = Task(passing.count, len(self), self.capacity, self.dim, k, effort)
        plan = choose_plan(self.structure, task)
        with threads_for(faiss(), len(queries)):
            if plan.method == "exact":
                return Neighbors(*self._exactly(queries, passing, k), plan=plan.words)
            return self._by_index(queries, k, passing, plan)

    def vectors(self, rows: IntArray) -> FloatArray:
        """Return the exact (n, dim) vectors of rows; raises InputError on a row not present."""
        return self.stored.gather(self.positions.of(_checked_rows(rows)))

    def rows(self) -> IntArray:
        """Return the live rows, in ascending order."""
        return np.sort(self.positions.row_at[~self.positions.tombstones])

    def save(self, folder: Path) -> None:
        """Write everything `load_index` needs into a folder, made where it is missing."""
        save_index(
            folder,
            spec=self.spec,
            similarity=self.similarity,
            index=self.index,
            positions=self.positions,
            stored=None if self.structure.keeps_vectors else self.stored,
            origin=self.origin,
        )

    def _exactly(
        self, queries: FloatArray, passing: Passing, k: int
    ) -> tuple[IntArray, FloatArray]:
        return search_exactly(self.stored, queries, passing.positions(), self.positions.row_at, k)

    def _by_index(self, queries: FloatArray, k: int, passing: Passing, plan: Plan) -> Neighbors:
        held, scores, where = self._candidates(queries, passing, plan)
        rows, best = _nothing(len(queries), k)
        short = []
        for number, positions in enumerate(held):
            kept = positions >= 0
            positions, mine = positions[kept], scores[number][kept]
            if not self.structure.keeps_vectors:
                positions = np.sort(positions)
                mine = self.stored.inner_products(queries[number], positions)
            found, ordered = top(mine, self.positions.row_at[positions], k)
            rows[number, : len(found)] = found
            best[number, : len(found)] = ordered
            if len(found) < min(k, passing.count):
                short.append(number)
        words = plan.words + where
        if short:
            rows[short], best[short] = self._exactly(queries[short], passing, k)
            words += f"; {len(short)} of {len(queries)} queries found too few, so searched exactly"
        return Neighbors(rows, best, words)

    def _candidates(
        self, queries: FloatArray, passing: Passing, plan: Plan
    ) -> tuple[IntArray, FloatArray, str]:
        """Ask FAISS for candidate positions; says where, if that needs saying."""
        copy = self._on_gpu()
        if copy is not None and passing.is_all:
            scores, held = gpu.search(copy, queries, plan)
            return held, scores, " on the GPU"
        selector = None
        if not passing.is_all:
            selector = faiss().IDSelectorBitmap(passing.bitmap())
        parameters = search_parameters(
            self.index, breadth=plan.breadth, factor=REFINED_FACTOR, selector=selector
        )
        scores, held = self.index.search(queries, plan.fetch, params=parameters)
        where = " on the CPU, for the GPU index takes no filter" if copy is not None else ""
        return held, scores, where

    def _on_gpu(self) -> Faiss | None:
        if self._gpu_copy is None and gpu.usable(self.structure):
            self._gpu_copy = gpu.copy_to_gpu(self.index)
        return self._gpu_copy

    def _attach(self, stored: StoredVectors | None) -> None:
        """Look into the FAISS index anew, after it was made, trained or read again."""
        self.structure = look_into(self.index)
        self._gpu_copy = None
        if self.structure.keeps_vectors:
            self.stored: StoredVectors = FlatStorage(flat_storage(self.structure))
        else:
            self.stored = (
                BlockStorage(self.dim, scratch=self._scratch) if stored is None else stored
            )

    def _own(self) -> None:
        """Read a memory-mapped index into memory: FAISS ends the process on adding to one."""
        if self._thaw is not None:
            self.index = self._thaw()
            self._thaw = None
            self._attach(self.stored)

    def _checked(self, vectors: FloatArray) -> FloatArray:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise InputError(f"vectors must be (n, {self.dim}), got {vectors.shape}")
        if self.similarity == "cosine" and _all_unit(vectors):
            return vectors
        if not np.isfinite(vectors).all():
            bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
            raise InputError(f"vector {bad[0]} holds a value that is not finite ({len(bad)} do)")
        return unit_length(vectors) if self.similarity == "cosine" else vectors


def unit_length(vectors: FloatArray) -> FloatArray:
    """Bring vectors to unit length; a zero vector stays, and one that is there already."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    off = (np.abs(norms - 1.0) > _UNIT) & (norms > 0)
    if not off.any():
        return vectors
    scaled: FloatArray = np.divide(vectors, norms, out=vectors.copy(), where=off)
    return scaled


def _all_unit(vectors: FloatArray) -> bool:
    """Tell whether all have unit length, and so are finite: one pass, as every query needs it."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors)
        return bool((np.abs(squares - 1.0) <= _UNIT).all())


def _checked_rows(rows: IntArray) -> IntArray:
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise InputError(f"rows must be a flat array of integers, got {rows.dtype} {rows.shape}")
    if rows.size and rows.min() < 0:
        raise InputError(f"row {rows.min()} is negative")
    return rows.astype(np.int64, copy=False)


def _last_of_each(rows: IntArray, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
    """Keep the last vector given for each row, in the order given."""
    kept = len(rows) - 1 - np.unique(rows[::-1], return_index=True)[1]
    if len(kept) == len(rows):
        return rows, vectors
    kept.sort()
    return rows[kept], vectors[kept]


def _nothing(queries: int, k: int) -> tuple[IntArray, FloatArray]:
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)

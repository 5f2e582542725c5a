"""The contract every vector index keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...encoder.base import FloatArray, IntArray, Similarity

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Neighbors:
    """What one search found, closest first.

    Attributes:
        rows: (n, k) int64; -1 where there was nothing more to find.
        scores: (n, k) float32 inner products; -inf beside a row of -1.
        plan: in words, how it was found.

    """

    rows: IntArray
    scores: FloatArray
    plan: str


class VectorIndex(ABC):
    """Finds the rows whose vectors are closest to a query.

    A row is the catalog's own number of a product: a non-negative integer that stays with
    it; there may be gaps. Searches may run in several threads at once; `add` and `remove`
    must not run beside anything else.

    Attributes:
        dim: length of a vector.
        similarity: "cosine" brings every vector and query to unit length; "dot" leaves them.
        spec: the factory string the index was built from.

    """

    dim: int
    similarity: Similarity
    spec: str

    @abstractmethod
    def __len__(self) -> int:
        """Count the live vectors."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """Count the vectors held, those tombstoned too."""

    @property
    def tombstone_share(self) -> float:
        """Return which share of the vectors held is no longer live, from 0 to 1."""
        return 1.0 - len(self) / self.capacity if self.capacity else 0.0

    @abstractmethod
    def train(self, vectors: FloatArray) -> None:
        """Learn centroids and codes from (n, dim) vectors; does nothing where none are needed."""

    @abstractmethod
    def add(self, rows: IntArray, vectors: FloatArray) -> None:
        """Add (n, dim) vectors under (n,) rows; a row already present is replaced.

        Raises InputError where a vector has the wrong length or a value that is not finite,
        a row is negative, or the index needs training first.
        """

    @abstractmethod
    def remove(self, rows: IntArray) -> int:
        """Tombstone rows until the next build; returns how many of them were present."""

    @abstractmethod
    def search(
        self,
        queries: FloatArray,
        k: int,
        rows: BoolArray | None = None,
        effort: float = 1.0,
    ) -> Neighbors:
        """Find the k closest live rows of each of (n, dim) queries.

        `rows` is a mask by row number: only rows where it is true may be found; rows past its
        end may not. Never returns fewer than k rows where k pass. `effort` scales how much of
        an approximate index is looked at; 1 is what the recall figures were measured with.
        """

    @abstractmethod
    def vectors(self, rows: IntArray) -> FloatArray:
        """Return the exact (n, dim) vectors of rows; raises InputError on a row not present."""

    @abstractmethod
    def rows(self) -> IntArray:
        """Return the live rows, in ascending order."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything `load_index` needs into a folder, made where it is missing."""

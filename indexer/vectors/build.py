"""Build a vector index from a stream of batches, with bounded memory beside the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ...encoder.base import FloatArray, IntArray, Similarity
from .base import VectorIndex
from .faiss_index import FaissIndex

# k-means gains little from more points to a centroid than this.
POINTS_PER_LIST = 64
_MIN_SAMPLE = 20_000

Batch = tuple[IntArray, FloatArray]
Sample = FloatArray | Callable[[int], FloatArray]


def build_index(
    spec: str,
    dim: int,
    similarity: Similarity,
    count: int,
    batches: Iterable[Batch],
    sample: Sample | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    scratch: Path | None = None,
) -> VectorIndex:
    """Train and fill an index of `count` vectors that come as (rows, vectors) batches.

    `sample` gives the vectors to train on, drawn evenly over the catalog: an (n, dim)
    array, or a function of the number wanted, called only where the kind of index needs
    training. Without it the first vectors of the stream are trained on, which is worse where
    the catalog is sorted. `progress` is told how many more vectors were added. Exact vectors
    that the index does not itself keep go to an unnamed file in `scratch` once they are large.
    """
    index = FaissIndex(spec, dim, similarity, scratch=scratch)
    batches = iter(batches)
    if not index.index.is_trained and count:
        wanted = min(count, training_size(index))
        if sample is None:
            first, vectors = _first(batches, wanted)
            batches = chain(first, batches)
        else:
            vectors = sample(wanted) if callable(sample) else sample
        index.train(thinned(vectors, wanted))
    index.reserve(count)
    for rows, vectors in batches:
        index.add(rows, vectors)
        if progress is not None:
            progress(len(rows))
    return index


def training_size(index: FaissIndex) -> int:
    """Return how many vectors are enough to train an index on."""
    return max(_MIN_SAMPLE, POINTS_PER_LIST * index.structure.lists)


def thinned(vectors: FloatArray, wanted: int) -> FloatArray:
    """Take `wanted` vectors spread evenly over all of them."""
    if len(vectors) <= wanted:
        return vectors
    return vectors[np.linspace(0, len(vectors) - 1, wanted).astype(np.int64)]


def _first(batches: Iterator[Batch], wanted: int) -> tuple[list[Batch], FloatArray]:
    """Take batches from a stream until they hold `wanted` vectors."""
    taken: list[Batch] = []
    held = 0
    while held < wanted and (batch := next(batches, None)) is not None:
        taken.append(batch)
        held += len(batch[0])
    return taken, np.concatenate([vectors for _, vectors in taken])

"""Shorter vectors from longer ones."""

from __future__ import annotations

import numpy as np

from .base import FloatArray, Similarity


def truncate(vectors: FloatArray, dim: int, similarity: Similarity) -> FloatArray:
    """Keep the leading `dim` numbers of each vector (n, d); unit vectors are made unit again.

    Little is lost with an encoder trained for it (Kusupati et al. 2022, "Matryoshka
    Representation Learning").
    """
    if vectors.shape[1] <= dim:
        return vectors
    kept = vectors[:, :dim]
    if similarity == "cosine":
        kept = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(kept, np.float32)

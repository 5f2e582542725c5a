"""Texts beyond an encoder's limit, encoded in pieces and averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..base import FloatArray

Ids = Sequence[int]


def encode_in_pieces(
    texts: Sequence[Sequence[Ids]], encode: Callable[[list[Ids]], FloatArray], *, normalize: bool
) -> FloatArray:
    """Encode texts given as pieces, and average these, each by its number of tokens.

    Args:
        texts: for each text the token ids of its pieces, at least one.
        encode: returns the vectors (n, dim) of n pieces.
        normalize: bring the averages to unit length.

    Returns:
        (texts, dim) float32.

    """
    pieces = [piece for of_text in texts for piece in of_text]
    owners = np.repeat(np.arange(len(texts)), [len(of_text) for of_text in texts])
    weights = np.array([len(piece) for piece in pieces], dtype=np.float32)
    found = encode(pieces)
    vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
    np.add.at(vectors, owners, found * weights[:, None])
    if normalize:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    else:
        vectors /= np.bincount(owners, weights, len(texts))[:, None]
    return vectors

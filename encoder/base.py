"""The contract every encoder keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from .names import LongText

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Similarity = Literal["cosine", "dot"]


class Encoder(ABC):
    """Turns texts into vectors of one space in which closer means more alike.

    Attributes:
        name: what `load_encoder` was given, fit to be shown and to load it again.
        dim: length of a vector.
        similarity: "cosine" vectors have unit length; "dot" vectors need not.
        fingerprint: changes when the vectors would: hex digest of weights and settings.
        max_tokens: longest text, in tokens, that is encoded without being cut.
        recipe: arguments with which `load_encoder` makes the same encoder in another process;
            None where it was not made by `load_encoder`.
        long_text: what becomes of a document beyond the limit: it is cut, or encoded in pieces
            that are averaged.
        alone: whether one process is best, as on a GPU; otherwise processes of one thread each.
        call_tokens: how many tokens' worth of texts one call is best given.

    """

    name: str
    dim: int
    similarity: Similarity
    fingerprint: str
    max_tokens: int
    recipe: Mapping[str, str] | None = None
    long_text: LongText = "cut"
    alone: bool = False
    call_tokens: int = 4096

    @abstractmethod
    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Encode what shoppers type; returns (n, dim) float32."""

    @abstractmethod
    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """Encode product texts; returns (n, dim) float32."""

    @abstractmethod
    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        """Count the tokens of each document text before any cut; returns (n,) int64."""

"""An encoder without weights: word and character n-grams hashed into a vector.

It knows no meaning, only shared words and word parts. It is deterministic on every platform,
needs no download, and is meant for tests and for trying things out.

Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from ..errors import EncoderError
from .base import Encoder, FloatArray, IntArray

_WORD = re.compile(r"\w+", re.UNICODE)
_NGRAM_LENGTHS = (3, 4)
_NGRAM_WEIGHT = 0.3
_BIGRAM_WEIGHT = 0.5


class HashingEncoder(Encoder):
    """Hashes words, pairs of neighbouring words and character n-grams into signed buckets."""

    def __init__(self, dim: int = 256) -> None:
        if not 8 <= dim <= 65_536:
            raise EncoderError(f"hashing:{dim}: the dimension must lie between 8 and 65536")
        self.name = f"hashing:{dim}"
        self.dim = dim
        self.similarity = "cosine"
        self.fingerprint = hashlib.sha256(f"dsv3 hashing 1 dim {dim}".encode()).hexdigest()
        self.max_tokens = 512

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Encode what shoppers type; returns (n, dim) float32."""
        return self.encode_documents(texts)

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """Encode product texts; returns (n, dim) float32."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for feature, weight in _features(_words(text)[: self.max_tokens]):
                bucket, sign = _bucket(feature)
                vectors[row, bucket % self.dim] += sign * weight
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        # An empty text, or features that cancel out, still needs unit length.
        vectors[lengths[:, 0] == 0, 0] = 1.0
        lengths[lengths == 0] = 1.0
        vectors /= lengths
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        """Count the words of each text; returns (n,) int64."""
        return np.array([len(_words(text)) for text in texts], dtype=np.int64)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _features(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    previous = ""
    for word in words:
        yield word, 1.0
        if previous:
            yield f"{previous} {word}", _BIGRAM_WEIGHT
        previous = word
        bounded = f"<{word}>"
        for length in _NGRAM_LENGTHS:
            for start in range(len(bounded) - length + 1):
                yield f"#{bounded[start : start + length]}", _NGRAM_WEIGHT


@lru_cache(maxsize=1 << 17)
def _bucket(feature: str) -> tuple[int, float]:
    """Return a bucket number, before the modulus, and a sign; the same on every platform."""
    digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return number >> 1, 1.0 if number & 1 else -1.0

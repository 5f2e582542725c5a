"""Any sentence-transformers model, run by torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EncoderError
from .base import Encoder, FloatArray, IntArray, Similarity
from .folders import fingerprint_folder
from .prompts import document_prompt
from .text import encodable
from .v3.folder import is_v3_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_SIZE = 32


class SentenceTransformerEncoder(Encoder):
    """Run a model folder through sentence-transformers, with its prompts and its pooling."""

    def __init__(self, folder: Path, *, name: str = "", threads: int | None = None) -> None:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        self.name = name or str(folder)
        self._model = _load(folder, self.name)
        self.similarity = _similarity(self._model, self.name)
        self.dim = _dim(self._model)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.fingerprint = fingerprint_folder(
            folder, {"max_tokens": self.max_tokens, "similarity": self.similarity}
        )

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Encode what shoppers type; returns (n, dim) float32."""
        return self._encode(self._model.encode_query, texts, self._model.prompts.get("query"))

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """Encode product texts; returns (n, dim) float32."""
        prompt = document_prompt(self._model.prompts)
        return self._encode(self._model.encode_document, texts, prompt)

    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        """Count the tokens of each document text before any cut; returns (n,) int64."""
        if not texts:
            return np.zeros(0, dtype=np.int64)
        prompt = document_prompt(self._model.prompts)
        tokens = self._model.tokenizer(
            [prompt + encodable(text) for text in texts], truncation=False, verbose=False
        )
        return np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)

    def _encode(
        self, encode: Callable[..., Any], texts: Sequence[str], prompt: str | None
    ) -> FloatArray:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        vectors = encode(
            [encodable(text) for text in texts],
            prompt=prompt or "",
            batch_size=_BATCH_SIZE,
            show_progress_bar=False,
            normalize_embeddings=self.similarity == "cosine",
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _load(folder: Path, name: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    if is_v3_folder(folder):
        from . import v3  # noqa: F401 - makes the model known to transformers

    # A bar for reading a file of a second would break up the caller's own output.
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), local_files_only=True)
    except Exception as error:  # transformers raises whatever the broken file provokes
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise EncoderError(f"{name}: not a sentence-transformers model: {first}") from error


def _similarity(model: SentenceTransformer, name: str) -> Similarity:
    found = str(model.similarity_fn_name)
    if found == "cosine":
        return "cosine"
    if found == "dot":
        return "dot"
    raise EncoderError(
        f"{name} compares vectors by {found}; only cosine and dot product are supported"
    )


def _dim(model: SentenceTransformer) -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise EncoderError("the model does not say how long its vectors are")
    return int(dim)

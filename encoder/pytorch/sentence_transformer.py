"""Any sentence-transformers model, run by torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import EncoderError
from ...threads import let_tokenizers_use_threads
from ..base import Encoder, FloatArray, IntArray, Similarity
from ..folders import fingerprint_folder
from ..names import LongText, used_fingerprint
from ..texts.pieces import Ids, encode_in_pieces
from ..texts.prompts import document_prompt
from ..texts.text import encodable
from ..texts.tokens import TextTokenizer
from .batches import TorchBatch, made_ahead, torch_batches
from .devices import Device
from .load import load_model
from .runner import TorchRunner

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_SIZE = 32
# Texts tokenised together, so that the first batch does not wait for the last text.
_TOKENISED_AT_ONCE = 4096
# Below this many texts a thread that tokenises ahead costs more than it saves.
_WORTH_A_THREAD = 64
# A text on which a folder's tokenizer.json must agree with what transformers makes of it.
_PROBE = " Wireless mouse, 2.4 GHz: 无线 É\n"


class SentenceTransformerEncoder(Encoder):
    """Runs a model folder through sentence-transformers, with its prompts and its pooling.

    Args:
        folder: the model.
        name: what the encoder is called.
        threads: that torch computes on; None leaves it its own choice.
        device: on "cuda" the model computes in bfloat16.
        long_text: whether a text beyond the limit is cut, or encoded in pieces and averaged.
        plain: leave batches and tokens to sentence-transformers, so that others can be checked
            against its vectors.

    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "",
        threads: int | None = None,
        device: Device = "cpu",
        long_text: LongText = "cut",
        plain: bool = False,
    ) -> None:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        self.name = name or str(folder)
        self._model = load_model(folder, device=device, name=self.name)
        self.similarity = _similarity(self._model, self.name)
        self.dim = _dim(self._model)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.long_text = long_text
        source = fingerprint_folder(
            folder, {"max_tokens": self.max_tokens, "similarity": self.similarity}
        )
        self.fingerprint = used_fingerprint(source, long_text)
        self._tokenizer = None if plain else _tokenizer(self._model, folder, self.max_tokens)
        if self._tokenizer is None and long_text == "pool":
            raise EncoderError(f"{self.name}: long_text=pool needs a model with a tokenizer.json")
        self._runner = TorchRunner(self._model, device, normalize=self.similarity == "cosine")
        if device == "cuda":
            self.alone = True
            self.call_tokens = 4 * self._runner.budget
            let_tokenizers_use_threads()

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Encode what shoppers type; returns (n, dim) float32."""
        return self._encode(texts, self._model.prompts.get("query") or "", "query")

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """Encode product texts; returns (n, dim) float32."""
        prompt = document_prompt(self._model.prompts)
        if self.long_text == "pool" and self._tokenizer is not None and texts:
            pieces = [self._tokenizer.pieces(text, prompt) for text in texts]
            return encode_in_pieces(pieces, self._encode_ids, normalize=self.similarity == "cosine")
        return self._encode(texts, prompt, "document")

    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        """Count the tokens of each document text before any cut; returns (n,) int64."""
        prompt = document_prompt(self._model.prompts)
        if not texts:
            return np.zeros(0, dtype=np.int64)
        if self._tokenizer is not None:
            return self._tokenizer.count(texts, prompt)
        tokens = self._model.tokenizer(
            [prompt + encodable(text) for text in texts], truncation=False, verbose=False
        )
        return np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)

    def _encode(self, texts: Sequence[str], prompt: str, task: str) -> FloatArray:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        if self._tokenizer is None:
            return self._encode_plainly(texts, prompt, task)
        made = _tokenised(self._tokenizer, texts, prompt)
        return self._compute(self._batches(made), len(texts), task)

    def _encode_ids(self, texts: Sequence[Ids]) -> FloatArray:
        return self._compute(self._batches(iter([(0, texts)])), len(texts), "document")

    def _batches(self, parts: Iterator[tuple[int, Sequence[Ids]]]) -> Iterator[TorchBatch]:
        runner, padding = self._runner, int(self._model.tokenizer.pad_token_id or 0)
        for begin, ids in parts:
            yield from torch_batches(
                ids, runner.budget, self.max_tokens, padding, first=begin, pinned=runner.pinned
            )

    def _compute(self, batches: Iterator[TorchBatch], count: int, task: str) -> FloatArray:
        if count >= _WORTH_A_THREAD:
            batches = made_ahead(batches)
        vectors = np.empty((count, self.dim), dtype=np.float32)
        for positions, found in self._runner.run(batches, task):
            vectors[positions] = found
        return vectors

    def _encode_plainly(self, texts: Sequence[str], prompt: str, task: str) -> FloatArray:
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        vectors = encode(
            [encodable(text) for text in texts],
            prompt=prompt,
            batch_size=_BATCH_SIZE,
            show_progress_bar=False,
            normalize_embeddings=self.similarity == "cosine",
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _tokenised(
    tokenizer: TextTokenizer, texts: Sequence[str], prompt: str
) -> Iterator[tuple[int, Sequence[Ids]]]:
    """Yield the place of a part's first text, and the part's token ids."""
    for begin in range(0, len(texts), _TOKENISED_AT_ONCE):
        yield begin, tokenizer.cut(texts[begin : begin + _TOKENISED_AT_ONCE], prompt)


def _tokenizer(model: SentenceTransformer, folder: Path, max_tokens: int) -> TextTokenizer | None:
    """Return the folder's own tokenizer; None where sentence-transformers' must be used.

    That is where the model takes more than texts, leaves the prompt out of its pooling, or
    prepares texts in a way that tokenizer.json does not tell.
    """
    path = folder / "tokenizer.json"
    first, *rest = list(model)
    if not path.is_file() or type(first).__name__ != "Transformer":
        return None
    if any(model.prompts.values()) and not all(getattr(m, "include_prompt", True) for m in rest):
        return None
    lowercase = bool(getattr(first, "do_lower_case", False))
    ours = TextTokenizer(path, max_tokens=max_tokens, lowercase=lowercase)
    theirs = model.tokenizer([_PROBE.lower() if lowercase else _PROBE], verbose=False)
    return ours if ours.cut([_PROBE], "")[0] == list(theirs["input_ids"][0]) else None


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

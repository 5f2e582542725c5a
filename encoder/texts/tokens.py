"""Texts to token ids, by the Rust library `tokenizers` alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ...errors import EncoderError
from ..base import IntArray
from .text import encodable


class TextTokenizer:
    """Tokenises as sentence-transformers does: prompt before, special tokens around."""

    def __init__(self, path: Path, *, max_tokens: int, lowercase: bool) -> None:
        self._whole = _read(path)
        self._cut = _read(path)
        self._cut.enable_truncation(max_tokens)
        self._lowercase = lowercase
        self._room = max_tokens - self._whole.num_special_tokens_to_add(is_pair=False)
        first, last = self._around()
        self._first, self._last = first, last

    def cut(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        """Return token ids, at most `max_tokens` for each text."""
        return [found.ids for found in self._cut.encode_batch(self._prepared(texts, prompt))]

    def count(self, texts: Sequence[str], prompt: str) -> IntArray:
        """Return how many tokens each text has before any cut, (n,) int64."""
        found = self._whole.encode_batch_fast(self._prepared(texts, prompt))
        return np.array([len(text) for text in found], dtype=np.int64)

    def pieces(self, text: str, prompt: str) -> list[list[int]]:
        """Return the token ids of one text as a whole, in pieces of at most `max_tokens`."""
        (prepared,) = self._prepared([text], prompt)
        ids = self._whole.encode(prepared, add_special_tokens=False).ids
        starts = range(0, max(len(ids), 1), self._room)
        return [[*self._first, *ids[start : start + self._room], *self._last] for start in starts]

    def _prepared(self, texts: Sequence[str], prompt: str) -> list[str]:
        stripped = [prompt + encodable(text).strip() for text in texts]
        return [text.lower() for text in stripped] if self._lowercase else stripped

    def _around(self) -> tuple[list[int], list[int]]:
        """Return the special tokens before and after a text."""
        found = self._whole.encode("a")
        inside = [place for place, special in enumerate(found.special_tokens_mask) if not special]
        return found.ids[: inside[0]], found.ids[inside[-1] + 1 :]


def _read(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises plain Exception
        raise EncoderError(f"{path} cannot be read as a tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer

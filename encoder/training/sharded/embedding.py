"""Texts to vectors, with gradients: the module that is sharded."""

from __future__ import annotations

from typing import Any, cast

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn


class Embedding(nn.Module):
    """Wraps an encoder so that a forward pass returns vectors and nothing else."""

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, features: dict[str, Any], task: str) -> Tensor:
        """Return (texts, dim) from what `tokens` made of them."""
        return cast("Tensor", self.encoder(features, task=task)["sentence_embedding"])

    def tokens(self, texts: list[str], task: str) -> dict[str, Any]:
        """Return the texts as token ids, after the prompt of their task."""
        prompt = (self.encoder.prompts or {}).get(task)
        return dict(self.encoder.preprocess(texts, prompt=prompt))

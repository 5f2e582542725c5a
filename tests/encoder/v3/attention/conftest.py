"""Attention written out, to measure the library's by."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

Texts = tuple[Tensor, Tensor, Tensor, Tensor]


def _random_texts(
    lengths: list[int], *, heads: int = 2, head_dim: int = 4, seed: int = 0, dtype: torch.dtype
) -> Texts:
    draw = torch.Generator().manual_seed(seed)
    shape = (3, len(lengths), heads, max(lengths), head_dim)
    q, k, v = torch.randn(shape, generator=draw, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return q, k, v, mask


@pytest.fixture
def random_texts() -> Callable[..., Texts]:
    """Return a maker of q, k, v and mask for texts of given lengths."""

    def make(lengths: list[int], dtype: torch.dtype = torch.float64, **options: int) -> Texts:
        return _random_texts(lengths, dtype=dtype, **options)

    return make


@pytest.fixture
def naive() -> Callable[..., Tensor]:
    """Return attention with its scores written out.

    `bias` is added to the scores: (batch, heads, queries, keys), or what broadcasts to it.
    """

    def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        scores = q @ k.transpose(2, 3) / q.size(3) ** 0.5 + bias
        out: Tensor = scores.softmax(dim=3) @ v
        return out

    return attend

"""Full attention, a segment of queries at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from ....errors import InputError
from .full import full_attention


def exact_segments(
    q: Tensor,  # (batch, heads, length, head_dim)
    k: Tensor,  # (batch, heads, length, head_dim)
    v: Tensor,  # (batch, heads, length, head_dim)
    key_mask: Tensor | None,  # (batch, length) bool; None where every place holds a token
    segment: int = 1024,
) -> Tensor:
    """Let each segment of queries see all keys: the result of full attention.

    The work of one call is bounded by segment x length, so that a kernel that keeps its scores
    in memory stays small as well.

    Raises:
        InputError: a segment without tokens.

    """
    if segment < 1:
        raise InputError(f"a segment needs at least 1 token, not {segment}")
    parts = [full_attention(queries, k, v, key_mask) for queries in q.split(segment, dim=2)]
    return torch.cat(parts, dim=2)  # (batch, heads, length, head_dim)

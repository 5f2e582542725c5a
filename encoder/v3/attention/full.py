"""Full attention: the one the others are measured by."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor


def full_attention(q: Tensor, k: Tensor, v: Tensor, key_mask: Tensor | None) -> Tensor:
    """Let every query see every key.

    Args:
        q: (batch, heads, queries, head_dim).
        k: (batch, heads, keys, head_dim); so is v.
        v: what is averaged.
        key_mask: (batch, keys) bool, True where there is a token; None where all are.

    Returns:
        (batch, heads, queries, head_dim).

    """
    mask = None if key_mask is None else key_mask[:, None, None, :]  # (batch, 1, 1, keys)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

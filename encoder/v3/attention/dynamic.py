"""Dynamic attention: a segment sees its neighbourhood, the blocks it chooses, and [CLS]."""

from __future__ import annotations

import torch
from torch import Tensor

from .flex import attend_flex
from .full import full_attention
from .routing import Plan, choose_blocks
from .segments import attend_segments


def dynamic_segments(
    q: Tensor,  # (batch, heads, length, head_dim)
    k: Tensor,  # (batch, heads, length, head_dim)
    v: Tensor,  # (batch, heads, length, head_dim)
    key_mask: Tensor | None,  # (batch, length) bool; None where every place holds a token
    *,
    segment: int = 512,
    block: int = 128,
    top_k: int = 4,
    neighbours: int = 1,
    summary: bool = False,
) -> Tensor:
    """Let each segment of queries see the part of a long text that matters to it.

    A segment sees itself, its neighbours on both sides, the `top_k` blocks of keys further away
    whose mean key is closest to its mean query, and the text's first token, [CLS]. That token
    sees the whole text. Where this covers a text, the result is that of full attention.

    With `summary`, a block that is not seen counts as one key, its mean, with the weight of as
    many tokens as it has: the mean-field estimate of what it would have added.

    Raises:
        InputError: the segment is not a multiple of the block, or a negative setting.

    """
    plan = Plan(segment, block, top_k, neighbours, summary)
    if plan.sees_all(q.size(2)):
        return full_attention(q, k, v, key_mask)
    if key_mask is None:
        key_mask = torch.ones(q.size(0), q.size(2), dtype=torch.bool, device=q.device)
    first = key_mask.int().argmax(1)  # (batch,) place of each text's first token
    if first.any():
        q, k, v = (_shift(x, first) for x in (q, k, v))
        key_mask = _shift(key_mask[:, None, :, None], first)[:, 0, :, 0]
    routes = choose_blocks(q, k, key_mask, plan)
    attend = attend_flex if q.is_cuda else attend_segments
    out = attend(q, k, v, key_mask, routes, plan)
    return _shift(out, -first) if first.any() else out


def _shift(x: Tensor, by: Tensor) -> Tensor:
    """Turn each text of (batch, heads, length, dim) so that place `by` comes first."""
    length = x.size(2)
    places = (torch.arange(length, device=x.device) + by[:, None]) % length  # (batch, length)
    return x.gather(2, places[:, None, :, None].expand(x.shape))

"""Dynamic attention as one FlexAttention kernel, for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from .full import full_attention
from .routing import Plan, Routes, block_means

# Queries, and keys, that the kernel takes or leaves together.
_TILE = 128


def attend_flex(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, routes: Routes, plan: Plan, *, fused: bool = True
) -> Tensor:
    """Attend as `attend_segments` does, with all segments in one kernel.

    Args:
        q: (batch, heads, length, head_dim); so are k and v.
        k: the keys.
        v: the values.
        mask: (batch, length) bool; the first place of each text holds its [CLS].
        routes: the blocks each segment chose.
        plan: how the text is cut.
        fused: compile the kernel; without it, all scores are written out, as a check.

    """
    length = q.size(2)
    seen = routes.table()  # (batch, heads, segments, blocks)
    seen |= plan.near(seen.size(2), seen.size(3), seen.device)
    weight = routes.counts.clamp_min(1).log().to(q.dtype)  # (batch, blocks)
    keys, values, key_mask = k, v, mask
    if plan.summary:  # the means of the blocks follow the tokens
        others = mask.clone()
        others[:, 0] = False
        keys = torch.cat([k, routes.means], dim=2)  # (batch, heads, length + blocks, head_dim)
        values = torch.cat([v, block_means(v, others, plan.block)], dim=2)
        key_mask = torch.cat([mask, routes.counts > 0], dim=1)  # (batch, length + blocks)

    def block_of(key: Tensor) -> Tensor:
        return torch.where(key < length, key // plan.block, key - length)

    def sees(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """See [CLS], the tokens of the blocks that are seen, and the means of the others."""
        in_sight = seen[b, h, query // plan.segment, block_of(key)]
        return key_mask[b, key] & ((key == 0) | (in_sight == (key < length)))

    def weigh(score: Tensor, b: Tensor, _h: Tensor, _query: Tensor, key: Tensor) -> Tensor:
        """Let the mean of a block weigh as much as its tokens."""
        return torch.where(key < length, score, score + weight[b, block_of(key)])

    out = _kernel(fused)(
        q,
        keys,
        values,
        score_mod=weigh if plan.summary else None,
        block_mask=_block_mask(seen, sees, plan, length, keys.size(2)),
    )  # (batch, heads, length, head_dim)
    first = full_attention(q[:, :, :1], k, v, mask)  # [CLS] sees all
    return torch.cat([first, out[:, :, 1:]], dim=2)


@cache
def _kernel(fused: bool) -> Callable[..., Tensor]:
    """Return the kernel, compiled once if fused; lengths may change from call to call."""
    kernel: Callable[..., Tensor] = flex_attention
    return torch.compile(kernel, dynamic=True) if fused else kernel


def _block_mask(
    seen: Tensor, sees: Callable[..., Tensor], plan: Plan, queries: int, keys: int
) -> BlockMask:
    """List the tiles of keys that each tile of queries must read."""
    rows = _overlap(queries, plan.segment, seen.size(2), seen.device)  # (rows, segments)
    columns = _overlap(keys, plan.block, seen.size(3), seen.device)  # (columns, blocks)
    tiles = rows @ seen.float() @ columns.T > 0  # (batch, heads, rows, columns)
    tiles[..., 0] = True  # [CLS]
    if keys > queries:
        tiles[..., queries // _TILE :] = True  # means of blocks
    order = tiles.int().argsort(dim=3, descending=True, stable=True)
    return BlockMask.from_kv_blocks(
        tiles.sum(3, dtype=torch.int32),
        order.int(),
        BLOCK_SIZE=_TILE,
        mask_mod=sees,
        seq_lengths=(queries, keys),
    )


def _overlap(length: int, size: int, parts: int, device: torch.device) -> Tensor:
    """Say with 1.0 which tiles share a place with which parts of `size`: (tiles, parts)."""
    tile = torch.arange(0, length, _TILE, device=device)[:, None]
    part = torch.arange(0, parts * size, size, device=device)
    return ((tile < part + size) & (part < tile + _TILE)).float()

"""Dynamic attention as one dense attention a segment, over the keys it sees."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from .full import full_attention
from .routing import Plan, Routes, block_means

# Keys, their values and what is added to their scores:
# (batch, heads, n, head_dim), the same, (batch, heads, 1, n).
Part = tuple[Tensor, Tensor, Tensor]


def attend_segments(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, routes: Routes, plan: Plan
) -> Tensor:
    """Attend a segment at a time; returns (batch, heads, length, head_dim).

    Args:
        q: (batch, heads, length, head_dim); so are k and v.
        k: the keys.
        v: the values.
        mask: (batch, length) bool; the first place of each text holds its [CLS].
        routes: the blocks each segment chose.
        plan: how the text is cut.

    """
    hidden = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
    hidden = hidden.masked_fill(~mask, -torch.inf)[:, None, None, :]  # (batch, 1, 1, length)
    hidden = hidden.expand(-1, q.size(1), -1, -1)  # (batch, heads, 1, length)
    means = _means(v, mask, routes, plan) if plan.summary else None
    reach = plan.neighbours * plan.segment
    out = [full_attention(q[:, :, :1], k, v, mask)]
    for n, start in enumerate(range(0, q.size(2), plan.segment)):
        queries = q[:, :, max(start, 1) : start + plan.segment]  # (batch, heads, queries, head_dim)
        window = slice(max(0, start - reach), start + plan.segment + reach)
        parts = [(k[:, :, window], v[:, :, window], hidden[..., window])]
        if window.start > 0:
            parts.append((k[:, :, :1], v[:, :, :1], hidden[..., :1]))
        parts.append(_chosen(k, v, hidden, routes, n, plan.block))
        if means is not None:
            parts.append((means[0], means[1], means[2][:, :, n : n + 1]))
        keys = torch.cat([part[0] for part in parts], dim=2)  # (batch, heads, seen, head_dim)
        values = torch.cat([part[1] for part in parts], dim=2)  # (batch, heads, seen, head_dim)
        bias = torch.cat([part[2] for part in parts], dim=3)  # (batch, heads, 1, seen)
        out.append(F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias))
    return torch.cat(out, dim=2)


def _chosen(k: Tensor, v: Tensor, hidden: Tensor, routes: Routes, n: int, block: int) -> Part:
    """Gather the blocks that segment n chose."""
    batch, heads, length, _ = k.shape
    chosen, picked = routes.blocks[:, :, n], routes.chosen[:, :, n]  # (batch, heads, top_k)
    places = chosen[..., None] * block + torch.arange(block, device=k.device)
    # The last block may be short, and [CLS] is seen by every segment already.
    real = picked[..., None] & (places < length) & (places > 0)
    places = places.clamp_max(length - 1).flatten(2)  # (batch, heads, top_k * block)
    b = torch.arange(batch, device=k.device)[:, None, None]
    h = torch.arange(heads, device=k.device)[None, :, None]
    bias = hidden[:, :, 0][b, h, places].masked_fill(~real.flatten(2), -torch.inf)
    return k[b, h, places], v[b, h, places], bias.unsqueeze(2)


def _means(v: Tensor, mask: Tensor, routes: Routes, plan: Plan) -> Part:
    """Return the mean of every block; the bias has a row a segment: (…, segments, blocks).

    A block of c tokens weighs c times its mean, so the logarithm of c is added to its score;
    a block that the segment sees, or without tokens, weighs nothing.
    """
    others = mask.clone()
    others[:, 0] = False
    values = block_means(v, others, plan.block)  # (batch, heads, blocks, head_dim)
    weight = routes.counts.to(v.dtype).log()[:, None, None, :]  # (batch, 1, 1, blocks)
    table = routes.table()
    seen = table | plan.near(table.size(2), table.size(3), table.device)
    return routes.means, values, weight.expand(seen.shape).masked_fill(seen, -torch.inf)

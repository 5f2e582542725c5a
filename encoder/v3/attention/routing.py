"""Which blocks of keys a segment of queries sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....errors import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """How a text is cut and how far a segment sees.

    Attributes:
        segment: queries that share what they see.
        block: keys that are chosen together; divides the segment.
        top_k: blocks beyond its neighbourhood that a segment chooses.
        neighbours: segments on each side that a segment sees whole.
        summary: whether a block that is not seen still counts, as its mean.

    """

    segment: int
    block: int
    top_k: int
    neighbours: int
    summary: bool

    def __post_init__(self) -> None:
        if self.block < 1 or self.segment < 1 or self.segment % self.block:
            raise InputError(
                f"a segment of {self.segment} tokens cannot be cut into blocks of {self.block}; "
                "choose a multiple"
            )
        if self.top_k < 0 or self.neighbours < 0:
            raise InputError(
                f"top_k {self.top_k} and neighbours {self.neighbours} must be 0 or more"
            )

    def sees_all(self, length: int) -> bool:
        """Say whether each segment of a text sees the whole text."""
        segments = -(-length // self.segment)
        # The last segment may be short, so it is the one with most blocks out of its sight.
        far = (segments - 1 - self.neighbours) * (self.segment // self.block)
        return far <= self.top_k

    def near(self, segments: int, blocks: int, device: torch.device) -> Tensor:
        """Say which blocks are in a segment's neighbourhood; returns (segments, blocks) bool."""
        segment = torch.arange(segments, device=device)
        home = torch.arange(blocks, device=device) * self.block // self.segment
        return (segment[:, None] - home).abs() <= self.neighbours


@dataclass(frozen=True, slots=True)
class Routes:
    """What each segment of each head chose.

    Attributes:
        blocks: (batch, heads, segments, top_k) numbers of the chosen blocks.
        chosen: same shape, bool; False where there was no block left to choose.
        means: (batch, heads, blocks, head_dim) mean key of each block.
        counts: (batch, blocks) tokens in each block.

    """

    blocks: Tensor
    chosen: Tensor
    means: Tensor
    counts: Tensor

    def table(self) -> Tensor:
        """Return (batch, heads, segments, blocks) bool, True where a segment chose a block."""
        shape = (*self.blocks.shape[:3], self.counts.size(1))
        table = torch.zeros(shape, dtype=torch.bool, device=self.blocks.device)
        return table.scatter(3, self.blocks, self.chosen)


def choose_blocks(q: Tensor, k: Tensor, mask: Tensor, plan: Plan) -> Routes:
    """Let each segment choose the blocks whose mean key is closest to its mean query.

    Blocks of the neighbourhood, which is seen anyway, and blocks without tokens cannot be
    chosen, so that padding changes nothing. The first token, which all see, counts for no block.
    The choice itself has no gradient, as in mixture-of-block attention (Lu et al. 2025).

    Args:
        q: (batch, heads, length, head_dim); so is k.
        k: the keys.
        mask: (batch, length) bool, True where there is a token.
        plan: how the text is cut.

    """
    others = mask.clone()
    others[:, 0] = False
    means = block_means(k, others, plan.block)  # (batch, heads, blocks, head_dim)
    counts = count_blocks(others, plan.block)  # (batch, blocks)
    with torch.no_grad():
        asked = block_means(q, mask, plan.segment)  # (batch, heads, segments, head_dim)
        scores = (asked @ means.transpose(2, 3)).float()  # (batch, heads, segments, blocks)
        near = plan.near(scores.size(2), scores.size(3), scores.device)
        closed = near | (counts == 0)[:, None, None, :]  # (batch, 1, segments, blocks)
        scores = scores.masked_fill(closed, -torch.inf)
        best, blocks = scores.topk(min(plan.top_k, scores.size(3)), dim=3)
    return Routes(blocks, best > -torch.inf, means, counts)


def block_means(x: Tensor, mask: Tensor, size: int) -> Tensor:
    """Return the mean of each block's tokens: (batch, heads, blocks, head_dim)."""
    weights = mask.to(x.dtype)[:, None, None, :]  # (batch, 1, 1, length)
    pairs = zip(weights.split(size, dim=3), x.split(size, dim=2), strict=True)
    means = [(w @ part) / w.sum(3, keepdim=True).clamp_min(1) for w, part in pairs]
    return torch.cat(means, dim=2)


def count_blocks(mask: Tensor, size: int) -> Tensor:
    """Return how many tokens each block has: (batch, blocks)."""
    return torch.stack([part.sum(1) for part in mask.split(size, dim=1)], dim=1)

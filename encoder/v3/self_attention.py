"""Self-attention of one layer: projections around the kernel that the configuration names."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from .attention import dynamic_segments, exact_segments
from .config import V3Config
from .padding import Padding


class SelfAttention(nn.Module):
    """Lets the tokens of a text look at each other."""

    def __init__(self, config: V3Config, layer: int = 0) -> None:
        super().__init__()
        self.config = config
        self.heads = config.layer_shape(layer).heads
        width = self.heads * config.head_size
        self.query_key_value = nn.Linear(config.hidden_size, 3 * width)
        self.output = nn.Linear(width, config.hidden_size)

    def forward(self, x: Tensor, padding: Padding) -> Tensor:
        """Return (tokens, hidden) from (tokens, hidden)."""
        batch, length = padding.mask.shape
        qkv = padding.restore(self.query_key_value(x))  # (batch, length, 3 * heads * head_dim)
        qkv = qkv.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)  # (batch, heads, length, head_dim) each
        seen = self._attend(q, k, v, padding)  # (batch, heads, length, head_dim)
        seen = seen.transpose(1, 2).flatten(2)  # (batch, length, heads * head_dim)
        output: Tensor = self.output(padding.remove(seen))
        return output

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, padding: Padding) -> Tensor:
        """Run the kernel that the configuration names; only full attention has dropout."""
        config = self.config
        mask = None if padding.none else padding.mask  # (batch, length)
        if config.attention == "exact":
            return exact_segments(q, k, v, mask, segment=config.attention_segment)
        if config.attention == "dynamic":
            return dynamic_segments(
                q,
                k,
                v,
                mask,
                segment=config.attention_segment,
                block=config.attention_block,
                top_k=config.attention_top_k,
                neighbours=config.attention_neighbours,
                summary=config.attention_summary,
            )
        dropout = float(config.attention_probs_dropout_prob) if self.training else 0.0
        if mask is not None:
            mask = mask[:, None, None, :]  # (batch, 1, 1, length)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)

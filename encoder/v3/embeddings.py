"""Token ids to vectors: words, positions and token types, as BERT adds them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import PositionExtension, V3Config
from .padding import Padding


class Embeddings(nn.Module):
    """Adds the embeddings of a token's word, position and type, and normalises."""

    def __init__(self, config: V3Config) -> None:
        super().__init__()
        self.extension: PositionExtension = config.position_extension
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.positions = nn.Embedding(config.position_table_size, config.hidden_size)
        self.types = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor,  # (batch, length)
        padding: Padding,
        token_type_ids: Tensor | None = None,  # (batch, length)
        position_ids: Tensor | None = None,  # (batch, length)
    ) -> Tensor:
        """Return (tokens, hidden)."""
        words = self.words(padding.remove(input_ids))  # (tokens, hidden)
        if token_type_ids is None:
            types = self.types.weight[0]  # (hidden,)
        else:
            types = self.types(padding.remove(token_type_ids))  # (tokens, hidden)
        if position_ids is None:
            rows = table_rows(padding.mask, self.positions.num_embeddings, self.extension)
        else:
            rows = position_ids.expand_as(input_ids)
        positions = self._positions(padding.remove(rows))  # (tokens, hidden)
        normed: Tensor = self.dropout(self.norm(words + types + positions))
        return normed

    def _positions(self, rows: Tensor) -> Tensor:
        """Look up rows of the table; a row between two is their weighted mean."""
        if not rows.is_floating_point():
            between: Tensor = self.positions(rows)
            return between
        below = rows.floor()
        above = rows.ceil()
        share = (rows - below).unsqueeze(-1).to(self.positions.weight.dtype)
        low: Tensor = self.positions(below.long())
        high: Tensor = self.positions(above.long())
        return low + share * (high - low)


def table_rows(mask: Tensor, table: int, extension: PositionExtension) -> Tensor:
    """Give each token the row of the position table that stands for its place.

    Places count the tokens of a text from 0, so padding on either side changes nothing. A text
    that fits into the table uses its own rows under every extension; a longer one

    - repeat: starts again from row 0 after the last row;
    - grouped: lets g neighbouring tokens share a row, with the least g that fits
      (as the distant tokens of Jin et al. 2024, "LLM Maybe LongLM: Self-Extend");
    - interpolate: squeezes its places evenly into the table, between rows
      (Chen et al. 2023, "Extending Context Window via Positional Interpolation").

    Args:
        mask: (batch, length) bool, True where there is a token.
        table: rows of the table.
        extension: what to do with a text longer than the table.

    Returns:
        (batch, length): int64, or float32 between 0 and table - 1 where texts are interpolated.

    """
    place = (mask.long().cumsum(1) - 1).clamp_min(0)  # (batch, length)
    if mask.size(1) <= table:
        return place
    if extension == "repeat":
        return place % table
    length = mask.sum(1, keepdim=True)  # (batch, 1)
    if extension == "grouped":
        return place // torch.ceil(length / table).clamp_min(1).long()
    squeeze = ((table - 1) / (length - 1).clamp_min(1)).clamp_max(1.0)  # (batch, 1)
    return (place * squeeze).clamp_max(table - 1)

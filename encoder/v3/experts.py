"""The experts of a layer, and the feed-forward that they divide between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.integrations.moe import use_experts_implementation

from .config import V3Config
from .gates import Gates, Task
from .padding import Padding, capturing_a_graph


class FeedForward(nn.Module):
    """Widen, activate, narrow: a dense layer's feed-forward, or the shared expert."""

    def __init__(self, config: V3Config, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, width)
        self.down = nn.Linear(width, config.hidden_size)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        """Return (tokens, hidden) from (tokens, hidden)."""
        y: Tensor = self.down(self.act_fn(self.up(x)))
        return y


@use_experts_implementation(has_bias=True, has_gate=False)
class Experts(nn.Module):
    """The weights of all experts of a layer.

    The names of the parameters are those that transformers' implementations of experts
    (grouped_mm, batched_mm, …) read; `forward` is the implementation "eager".
    """

    def __init__(self, config: V3Config, layer: int = 0) -> None:
        super().__init__()
        shape, hidden = config.layer_shape(layer), config.hidden_size
        experts, width = shape.experts, shape.expert
        self.num_experts = experts
        self.up_proj = nn.Parameter(torch.empty(experts, width, hidden))
        self.up_proj_bias = nn.Parameter(torch.zeros(experts, width))
        self.down_proj = nn.Parameter(torch.empty(experts, hidden, width))
        self.down_proj_bias = nn.Parameter(torch.zeros(experts, hidden))
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(
        self,
        hidden_states: Tensor,  # (tokens, hidden)
        top_k_index: Tensor,  # (tokens, top_k)
        top_k_weights: Tensor,  # (tokens, top_k)
    ) -> Tensor:
        """Return (tokens, hidden): each token's weighted sum of its experts."""
        if capturing_a_graph():
            return self._every_expert(hidden_states, top_k_index, top_k_weights)
        chosen = top_k_index.flatten()  # (tokens * top_k,)
        order = chosen.argsort(stable=True)  # by expert, so that each reads one slice
        sizes = torch.bincount(chosen, minlength=self.num_experts).tolist()
        slices = hidden_states[order // top_k_index.size(1)].split(sizes)
        by_expert = torch.cat([self._expert(e, x) for e, x in enumerate(slices) if x.size(0)])
        by_token = by_expert[order.argsort()].unflatten(0, top_k_index.shape)
        # (tokens, 1, top_k) @ (tokens, top_k, hidden)
        return torch.bmm(top_k_weights.unsqueeze(1), by_token).squeeze(1)

    def _expert(self, e: int, x: Tensor) -> Tensor:
        """Return (tokens, hidden) from (tokens, hidden): what expert `e` makes of them."""
        wide = self.act_fn(F.linear(x, self.up_proj[e], self.up_proj_bias[e]))  # (tokens, width)
        return F.linear(wide, self.down_proj[e], self.down_proj_bias[e])

    def _every_expert(self, x: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        """Do the same without a shape that depends on the data, at four times the work."""
        total = torch.zeros_like(x)  # (tokens, hidden)
        for e in range(self.num_experts):
            share = (weights * (index == e)).sum(-1, keepdim=True)  # (tokens, 1)
            total = total + share * self._expert(e, x)
        return total


class Mixture(nn.Module):
    """Passes each token through the experts its gate chooses, and through the shared expert."""

    def __init__(self, config: V3Config, layer: int = 0) -> None:
        super().__init__()
        self.gates = Gates(config, layer)
        self.experts = Experts(config, layer)
        shared = config.layer_shape(layer).shared
        self.shared = FeedForward(config, shared) if shared else None

    def forward(self, x: Tensor, task: Task, padding: Padding) -> Tensor:
        """Return (tokens, hidden) from (tokens, hidden)."""
        rows_are_padded = padding.index is None and not padding.none
        tokens = padding.mask.flatten() if rows_are_padded else None
        index, weights = self.gates(x, task, tokens)
        y: Tensor = self.experts(x, index, weights)
        return y if self.shared is None else y + self.shared(x)

"""Two gates over the same experts: one for queries, one for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from .balance import balance_loss, ride, sum_over
from .config import V3Config

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Task = Literal["query", "document"]
TASKS: tuple[Task, Task] = ("query", "document")


class Gates(nn.Module):
    """Sends each token to the experts that its text's gate scores highest.

    Attributes:
        query, document: the two gates.
        bias: (2, experts) added to the scores for choosing alone, moved by loss-free balance.
        bias_rate: step of that balance; 0 when it is off.
        load: (2, experts) tokens sent to each expert by each gate since it was last reset.
        settled: (2, experts) the part of `load` that the bias has been moved for.
        counting: whether `load` is kept outside training too.
        loss_scale: factor on the balance loss, for a trainer that splits a step into many parts.
        group: processes over whose tokens together the load is to be even; None for this one's.

    """

    bias: Tensor
    load: Tensor
    settled: Tensor

    def __init__(self, config: V3Config, layer: int = 0) -> None:
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.loss_weight = config.router_aux_loss_coef
        self.loss_scale = 1.0
        self.group: ProcessGroup | None = None
        self.bias_rate = config.router_bias_update_rate
        self.counting = False
        experts = config.layer_shape(layer).experts
        self.query = nn.Linear(config.hidden_size, experts, bias=False)
        self.document = nn.Linear(config.hidden_size, experts, bias=False)
        shape = (len(TASKS), experts)
        self.register_buffer("bias", torch.zeros(shape))
        self.register_buffer("load", torch.zeros(shape), persistent=False)
        self.register_buffer("settled", torch.zeros(shape), persistent=False)

    def forward(self, x: Tensor, task: Task, tokens: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Choose experts and weigh them.

        Args:
            x: (tokens, hidden).
            task: whose gate decides.
            tokens: (tokens,) bool, False for rows that are padding; None when none are.

        Returns:
            experts: (tokens, top_k) int64.
            weights: (tokens, top_k), which sum to 1 for each token.

        """
        gate: nn.Linear = getattr(self, task)
        scores = F.softmax(gate(x), dim=-1, dtype=torch.float32)  # (tokens, experts)
        with torch.no_grad():
            biased = scores + self.bias[TASKS.index(task)]
            experts = biased.topk(self.top_k, dim=-1).indices  # (tokens, top_k)
        weights = scores.gather(1, experts)  # (tokens, top_k)
        weights = weights / weights.sum(-1, keepdim=True)
        if self.training or self.counting:
            weights = self._balance(scores, experts, weights, task, tokens)
        return experts, weights.to(x.dtype)

    def _balance(
        self, scores: Tensor, experts: Tensor, weights: Tensor, task: Task, tokens: Tensor | None
    ) -> Tensor:
        """Count the load; let the balance loss ride on the weights while training."""
        if tokens is not None:
            scores, experts = scores[tokens], experts[tokens]
        sent = torch.bincount(experts.flatten(), minlength=scores.size(-1))  # (experts,)
        self.load[TASKS.index(task)] += sent
        if self.training and self.loss_weight and torch.is_grad_enabled():
            sent, part = sum_over(self.group, sent)
            loss = balance_loss(scores, sent) * part * (self.loss_weight * self.loss_scale)
            weights = ride(weights, loss)
        return weights

"""The balance loss, which keeps experts equally busy and rides on activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def balance_loss(scores: Tensor, sent: Tensor) -> Tensor:
    """Return experts * sum over experts of (share of tokens sent) * (mean score).

    It is 1 when both are even, and its gradient lowers the scores of busy experts: equations 4 to
    6 of Fedus et al. 2021, "Switch Transformers", with shares counted over all top-k choices.

    Args:
        scores: (tokens, experts) softmax of the gate.
        sent: (experts,) how many choices fell on each expert.

    """
    share = sent / sent.sum().clamp_min(1)  # (experts,)
    return scores.size(-1) * (share * scores.mean(0)).sum()


def sum_over(group: ProcessGroup | None, sent: Tensor) -> tuple[Tensor, Tensor | float]:
    """Return the choices of all processes, and the weight of this one's tokens among theirs.

    The mean over processes of `balance_loss(scores, choices) * weight` is then the loss of the
    whole batch, which forces no evenness on a process's own few texts (Qiu et al. 2025, "Demons
    in the Detail: On Implementing Load Balancing Loss for Training Specialized Mixture-of-Expert
    Models").

    Args:
        group: the processes; None for this one alone.
        sent: (experts,) how many choices of this process fell on each expert.

    """
    if group is None:
        return sent, 1.0
    total = sent.clone()
    torch.distributed.all_reduce(total, group=group)
    return total, sent.sum() * group.size() / total.sum().clamp_min(1)


class _Ride(torch.autograd.Function):
    """Hands a tensor on; going back, gives the loss that rides on it a gradient of 1."""

    @staticmethod
    def forward(ctx: Any, carrier: Tensor, loss: Tensor) -> Tensor:
        ctx.loss_like = (loss.shape, loss.dtype, loss.device)
        return carrier.view_as(carrier)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        shape, dtype, device = ctx.loss_like
        return grads[0], torch.ones(shape, dtype=dtype, device=device)


def ride(carrier: Tensor, loss: Tensor) -> Tensor:
    """Return `carrier`; whoever later calls backward through it also minimises `loss`.

    So a loss function that knows only embeddings trains balanced gates. `loss` counts once for
    each backward pass, whatever the scale of the loss that called it.
    """
    riding: Tensor = _Ride.apply(carrier, loss)  # type: ignore[no-untyped-call]
    return riding

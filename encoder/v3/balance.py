"""Keep the experts equally busy: a loss that rides on activations, or a bias without a loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

    from .gates import Gates


@dataclass(frozen=True, slots=True)
class ExpertLoad:
    """Say how one gate of one layer divided its tokens: `shares` sum to 1 over the experts."""

    layer: int
    task: str
    tokens: int
    shares: tuple[float, ...]


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
    """Hand a tensor on; going back, give the loss that rides on it a gradient of 1."""

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


def gates_of(model: nn.Module) -> Iterator[tuple[int, Gates]]:
    """Yield (layer, gates) for every layer with experts of the V3 models inside `model`."""
    from .gates import Gates

    for name, module in model.named_modules():
        if isinstance(module, Gates):
            yield next(int(part) for part in reversed(name.split(".")) if part.isdigit()), module


@torch.no_grad()
def update_biases(model: nn.Module, rate: float | None = None) -> None:
    """Raise the bias of experts with less than the mean load since the last update, lower others.

    Call it after each optimiser step, never between a forward pass and its backward: choices must
    not change while one step is computed. Wang et al. 2024, "Auxiliary-Loss-Free Load Balancing
    Strategy for Mixture-of-Experts", algorithm 1. With several processes, the loads are summed
    first, so that all keep the same bias.

    Args:
        model: any module with V3 models inside.
        rate: the step; the models' own `router_bias_update_rate` when None.

    """
    for _, gates in gates_of(model):
        load = gates.load - gates.settled  # (2, experts)
        gates.settled.copy_(gates.load)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(load)
        step = gates.bias_rate if rate is None else rate
        gates.bias += step * torch.sign(load.mean(-1, keepdim=True) - load)


def scale_balance_loss(model: nn.Module, scale: float) -> None:
    """Multiply the balance loss, as by 1 / passes where a step is made of several passes."""
    for _, gates in gates_of(model):
        gates.loss_scale = scale


@contextmanager
def counting_load(model: nn.Module) -> Iterator[None]:
    """Count, from zero, the tokens sent to each expert while the context is open."""
    gates = [gates for _, gates in gates_of(model)]
    before = [one.counting for one in gates]
    for one in gates:
        one.counting = True
        reset_load(one)
    try:
        yield
    finally:
        for one, was in zip(gates, before, strict=True):
            one.counting = was


def expert_load(model: nn.Module, *, reset: bool = False) -> list[ExpertLoad]:
    """Report the load counted since the last reset, by layer and gate; gates unused are left out.

    Training counts by itself; elsewhere open `counting_load` first.
    """
    from .gates import TASKS

    found = []
    for layer, gates in gates_of(model):
        for task, load in zip(TASKS, gates.load.tolist(), strict=True):
            if total := sum(load):
                shares = tuple(one / total for one in load)
                found.append(ExpertLoad(layer, task, int(total) // gates.top_k, shares))
        if reset:
            reset_load(gates)
    return found


def reset_load(gates: Gates) -> None:
    """Count from zero again."""
    gates.load.zero_()
    gates.settled.zero_()

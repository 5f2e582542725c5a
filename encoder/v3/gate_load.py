"""The load of a model's experts: counted, measured, and evened out by a bias without a loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...errors import InputError
from .gates import TASKS, Gates

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class ExpertLoad:
    """How one gate of one layer divided its tokens: `shares` sum to 1 over the experts."""

    layer: int
    task: str
    tokens: int
    shares: tuple[float, ...]


def gates_of(model: nn.Module) -> Iterator[tuple[int, Gates]]:
    """Yield (layer, gates) for every layer with experts of the V3 models inside `model`."""
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
    """Multiply the balance loss, as by 1 / parts where a step is made of several."""
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


def measure_load(model: SentenceTransformer, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Encode texts through both gates of a V3 model and report each expert's share.

    Raises:
        InputError: there are no texts.

    """
    if not texts:
        raise InputError("no texts to measure the experts' load on")
    with counting_load(model):
        model.encode_query(list(texts), show_progress_bar=False)
        model.encode_document(list(texts), show_progress_bar=False)
    return [asdict(load) for load in expert_load(model, reset=True)]

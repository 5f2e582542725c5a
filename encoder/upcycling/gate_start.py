"""Start the gates of an untrained V3 so that no expert is drowned and none is idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..v3.gate_load import gates_of
from ..v3.model import V3Model

_TEXTS, _LENGTH = 64, 32
_STEPS, _STEP = 400, 0.005


@torch.no_grad()
def spread_gates(model: V3Model) -> None:
    """Draw the same gate for queries and documents, blind to what all tokens share.

    Hidden states of a trained encoder have a large common part, which would send most tokens to
    the same experts. It is measured on random words, so no text is needed. Both gates start alike:
    a word finds the same experts in a query and in a document until training tells them apart.
    """
    ids = torch.randint(0, model.config.vocab_size, (_TEXTS, _LENGTH))
    with _recorded(model) as inputs:
        model(ids)
    for layer, gates in gates_of(model):
        mean = inputs[layer].mean(0)  # (hidden,)
        weight = gates.query.weight
        nn.init.normal_(weight, std=model.config.initializer_range)
        weight -= torch.outer(weight @ mean, mean) / mean.dot(mean)
        gates.document.weight.copy_(weight)


@torch.no_grad()
def calibrate_biases(model: nn.Module, encode: Callable[[], object]) -> None:
    """Set the biases for choosing so that the texts that `encode` encodes load all experts alike.

    Only a model whose experts are still equal keeps its embeddings.
    """
    with _recorded(model) as inputs:
        encode()
    for layer, gates in gates_of(model):
        x = inputs[layer]  # (tokens, hidden)
        for n, gate in enumerate((gates.query, gates.document)):
            gates.bias[n] = _even_bias(gate(x).softmax(-1), gates.top_k)


def _even_bias(scores: Tensor, top_k: int) -> Tensor:
    """Return (experts,): Wang et al.'s update, repeated with a shrinking step.

    Args:
        scores: (tokens, experts).
        top_k: experts a token is sent to.

    """
    bias = torch.zeros_like(scores[0])
    for n in range(_STEPS):
        chosen = (scores + bias).topk(top_k).indices.flatten()
        load = torch.bincount(chosen, minlength=len(bias)).to(bias.dtype)
        bias += _STEP * (1 - n / _STEPS) * torch.sign(load.mean() - load)
    return bias


@contextmanager
def _recorded(model: nn.Module) -> Iterator[dict[int, Tensor]]:
    """Collect what reaches each layer's gates, as (tokens, hidden), until the context closes."""
    parts: dict[int, list[Tensor]] = {}
    inputs: dict[int, Tensor] = {}

    def hook(layer: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, arguments: parts.setdefault(layer, []).append(arguments[0].detach())

    hooks = [gates.register_forward_pre_hook(hook(layer)) for layer, gates in gates_of(model)]
    try:
        yield inputs
    finally:
        for one in hooks:
            one.remove()
        inputs.update({layer: torch.cat(found) for layer, found in parts.items()})

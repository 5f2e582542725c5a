"""Balance experts in a transformers (or sentence-transformers) trainer, and watch their load."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from .gate_load import ExpertLoad, expert_load, gates_of, update_biases


class BalanceCallback(TrainerCallback):
    """Moves the gates' biases after each optimiser step; keeps the load at each log.

    The balance loss needs no callback: it rides on the activations.

    Attributes:
        loads: (step, load of each layer and gate since the log before).

    """

    def __init__(self) -> None:
        self.loads: list[tuple[int, list[ExpertLoad]]] = []

    def on_step_end(
        self, args: Any, state: Any, control: Any, model: nn.Module | None = None, **_: Any
    ) -> None:
        """Take one step of loss-free balance, where the configuration asks for it."""
        if model is not None:
            update_biases(model)

    def on_log(
        self, args: Any, state: Any, control: Any, model: nn.Module | None = None, **_: Any
    ) -> None:
        """Note how the load was divided, over all processes."""
        if model is not None and torch.distributed.is_initialized():
            for layer in gates_of(model):
                torch.distributed.all_reduce(layer[1].load)
        if model is not None and (found := expert_load(model, reset=True)):
            self.loads.append((state.global_step, found))

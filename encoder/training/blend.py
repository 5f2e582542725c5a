"""Weights between those of a base and those it was trained to."""

from __future__ import annotations

import torch
from torch import nn

from ...errors import InputError


@torch.no_grad()
def blend_weights(trained: nn.Module, base: nn.Module, share: float) -> None:
    """Move `trained` towards `base`: share * trained + (1 - share) * base, for every weight.

    What a model learns on narrow examples it pays for elsewhere; between the two it keeps most
    of both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", equation 1).

    Args:
        trained: changed in place.
        base: the same shape, before training.
        share: 1 keeps the trained weights, 0 gives the base back.

    Raises:
        InputError: the two differ in shape.

    """
    old = base.state_dict()
    for name, new in trained.state_dict().items():
        if name not in old or old[name].shape != new.shape:
            raise InputError(f"the base has no weight {name} of shape {tuple(new.shape)}")
        if new.is_floating_point():
            new.lerp_(old[name].to(new), 1 - share)

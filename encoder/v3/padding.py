"""Hold the tokens of a batch without its padding."""

from __future__ import annotations

import torch
from torch import Tensor


class Padding:
    """Where the tokens of a padded batch are.

    Only attention needs a batch's rectangle. Everything else works on one row a token, so that
    padding costs nothing and cannot be routed to an expert.

    Attributes:
        mask: (batch, length) bool, True where there is a token.
        none: whether every place is known to hold a token.
        index: (tokens,) places of the tokens in the flattened batch; None when there is no
            padding, or while a graph is captured, whose shapes must not depend on the data.

    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask  # (batch, length)
        self.index: Tensor | None = None
        capturing = capturing_a_graph()
        self.none = not capturing and bool(mask.all())
        if not capturing and not self.none:
            self.index = mask.flatten().nonzero().squeeze(1)  # (tokens,)

    def remove(self, x: Tensor) -> Tensor:
        """Return (tokens, …) from (batch, length, …)."""
        flat = x.flatten(0, 1)
        return flat if self.index is None else flat.index_select(0, self.index)

    def restore(self, x: Tensor) -> Tensor:
        """Return (batch, length, …) from (tokens, …), zeros where there is padding."""
        shape = (*self.mask.shape, *x.shape[1:])
        if self.index is None:
            return x.view(shape)
        flat = x.new_zeros((self.mask.numel(), *x.shape[1:]))
        return flat.index_copy(0, self.index, x).view(shape)


def capturing_a_graph() -> bool:
    """Say whether the model is being compiled, exported or traced."""
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    return torch.compiler.is_compiling() or tracing

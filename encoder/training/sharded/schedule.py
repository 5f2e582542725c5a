"""The learning rate: up, then down."""

from __future__ import annotations

import math


def rate_at(done: float, warmup: float) -> float:
    """Return the share of the full learning rate: linear warm-up, then half a cosine to zero.

    Loshchilov & Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5,
    without restarts. It goes by examples and not by steps, whose size may change.

    Args:
        done: share of all examples that are learned by the middle of the step.
        warmup: share of all examples over which the rate rises.

    """
    if done < warmup:
        return done / warmup
    falling = (done - warmup) / (1 - warmup) if warmup < 1 else 0.0
    return 0.5 * (1 + math.cos(math.pi * falling))

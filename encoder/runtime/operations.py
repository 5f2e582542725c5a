"""Operations that several parts of a graph are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from openvino import opset15 as ops

from .linear import LinearLayers
from .weights import FeedForward, Norm

# What the graph's nodes are is known to OpenVINO alone.
Node = Any


def feed(x: Node, weights: FeedForward, name: str, linears: LinearLayers) -> Node:
    """Widen, activate, narrow."""
    wide = ops.gelu(linears.apply(x, weights.up, f"{name} up"), "ERF")
    return linears.apply(wide, weights.down, f"{name} down")


def normalised(x: Node, norm: Norm, epsilon: float) -> Node:
    """Normalise over the last axis (Ba et al., "Layer Normalization", 2016)."""
    centred = ops.mvn(x, ints([-1]), True, epsilon, "INSIDE_SQRT")
    return ops.add(ops.multiply(centred, ops.constant(norm.gain)), ops.constant(norm.shift))


def integer(value: int) -> Node:
    """Return a constant (), int32."""
    return ops.constant(np.array(value, dtype=np.int32))


def ints(values: Sequence[int]) -> Node:
    """Return a constant (n,), int32."""
    return ops.constant(np.array(values, dtype=np.int32))

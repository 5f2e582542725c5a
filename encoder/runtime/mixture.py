"""A layer of experts in a graph.

For many tokens each expert computes those sent to it, and no others. For the few of a query, all
experts compute them all as one product: the weights have to be read anyway, and one operation
takes the place of some hundred.
"""

from __future__ import annotations

import numpy as np
from openvino import opset15 as ops

from ..base import FloatArray
from .architecture import Architecture
from .linear import LinearLayers
from .operations import Node, feed, integer, ints
from .weights import Linear, Mixture

# Rows of an expert's product: each new shape costs a compilation and the memory to keep it.
_STEP = 16
_EXPERT = " expert "


def of_expert(name: str) -> bool:
    """Say whether a linear layer of that name is one of an expert's, which sees chosen tokens."""
    return _EXPERT in name


def mix(
    x: Node,  # (batch, length, hidden)
    task: Node,  # (): 0 for queries, 1 for documents
    mixture: Mixture,
    name: str,
    architecture: Architecture,
    linears: LinearLayers,
) -> Node:
    """Return (batch, length, hidden): each token's weighted sum of the experts its gate chose.

    The tokens of each expert are gathered, so that it is one matrix product over them, filled up
    with rows of zeros to a multiple of `_STEP`.
    """
    tokens = ops.reshape(x, ints([-1, architecture.hidden]), special_zero=False)
    shares = _shares(tokens, task, mixture, architecture)  # (tokens, experts)
    if mixture.shared is not None:
        total = feed(tokens, mixture.shared, f"{name} shared", linears)
    else:
        total = ops.multiply(tokens, ops.constant(np.float32(0)))
    count = ops.gather(
        ops.shape_of(tokens, "i32"), integer(0), integer(0)
    )  # (), the place of the zeros
    tokens, shares, total = (_with_zeros(each) for each in (tokens, shares, total))
    columns = ops.split(shares, integer(1), len(mixture.experts))
    for number, expert in enumerate(mixture.experts):
        share = columns.output(number)  # (tokens, 1)
        rows = _filled(
            ops.squeeze(ops.non_zero(ops.squeeze(share, integer(1)), "i32"), integer(0)), count
        )
        given = ops.gather(tokens, rows, integer(0))
        made = feed(given, expert, f"{name}{_EXPERT}{number}", linears)
        weighed = ops.multiply(made, ops.gather(share, rows, integer(0)))
        total = ops.scatter_nd_update(total, ops.unsqueeze(rows, integer(1)), weighed, "sum")
    total = ops.slice(total, ints([0]), ops.unsqueeze(count, integer(0)), ints([1]), ints([0]))
    return ops.reshape(total, ops.shape_of(x, "i32"), special_zero=False)


def mix_at_once(
    x: Node,  # (batch, length, hidden)
    task: Node,  # (): 0 for queries, 1 for documents
    mixture: Mixture,
    name: str,
    architecture: Architecture,
    linears: LinearLayers,
) -> Node:
    """Return what `mix` does, from one product that holds every expert's.

    With h_e the activations of expert e and s_e its share, sum_e s_e (W_e h_e + b_e) is
    [W_1 W_2 …] [s_1 h_1; s_2 h_2; …] + sum_e s_e b_e.
    """
    tokens = ops.reshape(x, ints([-1, architecture.hidden]), special_zero=False)
    shares = _shares(tokens, task, mixture, architecture)  # (tokens, experts)
    count, width = len(mixture.experts), len(mixture.experts[0].up.bias)
    up, down, biases = _side_by_side(mixture)
    made = ops.gelu(linears.apply(tokens, up, f"{name} experts up"), "ERF")
    made = ops.reshape(made, ints([-1, count, width]), special_zero=False)
    made = ops.multiply(made, ops.unsqueeze(shares, integer(2)))
    made = ops.reshape(made, ints([-1, count * width]), special_zero=False)
    total = linears.apply(made, down, f"{name} experts down")
    total = ops.add(total, ops.matmul(shares, ops.constant(biases), False, False))
    if mixture.shared is not None:
        total = ops.add(total, feed(tokens, mixture.shared, f"{name} shared", linears))
    return ops.reshape(total, ops.shape_of(x, "i32"), special_zero=False)


def _side_by_side(mixture: Mixture) -> tuple[Linear, Linear, FloatArray]:
    """Return all experts' first halves, their second halves, and the latter's biases apart."""
    ups, downs = ([getattr(e, half) for e in mixture.experts] for half in ("up", "down"))
    up = Linear(np.concatenate([u.weight for u in ups]), np.concatenate([u.bias for u in ups]))
    down = np.concatenate([d.weight for d in downs], axis=1)  # (hidden, experts * width)
    return up, Linear(down, np.zeros(len(down), np.float32)), np.stack([d.bias for d in downs])


def _with_zeros(x: Node) -> Node:
    """Return (n + 1, width): x (n, width) and a row of zeros."""
    return ops.pad(x, ints([0, 0]), ints([1, 0]), "constant", ops.constant(np.float32(0)))


def _filled(rows: Node, place: Node) -> Node:
    """Fill up row numbers (n,) to a multiple of `_STEP` with `place`."""
    count = ops.shape_of(rows, "i32")  # (1,)
    missing = ops.floor_mod(ops.negative(count), ints([_STEP]))
    return ops.pad(rows, ints([0]), missing, "constant", place)


def _shares(tokens: Node, task: Node, mixture: Mixture, architecture: Architecture) -> Node:
    """Return (tokens, experts): an expert's weight for a token, zero where it is not chosen."""
    per_token = architecture.experts.per_token if architecture.experts else 1
    gate = ops.gather(ops.constant(mixture.gates), task, integer(0))  # (experts, hidden)
    bias = ops.gather(ops.constant(mixture.bias), task, integer(0))  # (experts,)
    scores = ops.softmax(ops.matmul(tokens, gate, False, True), 1)  # (tokens, experts)
    best = ops.topk(ops.add(scores, bias), integer(per_token), 1, "max", "value", "i32").output(1)
    chosen = ops.gather_elements(scores, best, 1)  # (tokens, per token)
    weights = ops.divide(chosen, ops.reduce_sum(chosen, integer(1), True))
    nothing = ops.multiply(scores, ops.constant(np.float32(0)))
    return ops.scatter_elements_update(nothing, best, weights, integer(1))

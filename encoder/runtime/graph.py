"""Build an encoder's computation as an OpenVINO graph, straight from the weights.

Inputs: `ids` (batch, length) int32, padded on the right; `lengths` (batch,) int32; and, for a
model with experts, `task` () int32, 0 for queries and 1 for documents. Output: (batch, hidden).
"""

from __future__ import annotations

from openvino import Model, Output, Type
from openvino import opset15 as ops

from .architecture import Architecture
from .linear import LinearLayers
from .mixture import mix, mix_at_once
from .operations import Node, feed, integer, ints, normalised
from .weights import Layer, Mixture, Weights


def build_graph(
    architecture: Architecture, weights: Weights, linears: LinearLayers, *, few_tokens: bool = False
) -> Model:
    """Return the graph.

    Args:
        architecture: the shape.
        weights: the weights.
        linears: decides the precision of each matrix product.
        few_tokens: compute all experts at once, which is faster for a text as short as a query.

    """
    ids = ops.parameter([-1, -1], Type.i32, name="ids")
    lengths = ops.parameter([-1], Type.i32, name="lengths")
    inputs = [ids, lengths]
    task = None
    if architecture.experts is not None:
        task = ops.parameter([], Type.i32, name="task")
        inputs.append(task)
    length = ops.gather(ops.shape_of(ids, "i32"), integer(1), integer(0))
    places = ops.range(integer(0), length, integer(1), "i32")  # (length,)
    seen = ops.less(ops.unsqueeze(places, integer(0)), ops.unsqueeze(lengths, integer(1)))

    x = _embed(ids, places, weights, architecture.epsilon, linears)
    mask = ops.unsqueeze(seen, ints([1, 2]))  # (batch, 1, 1, length)
    for number, layer in enumerate(weights.layers):
        name = f"layer {number}"
        x = _attend(x, mask, layer, name, architecture, linears)
        if isinstance(layer.feed_forward, Mixture):
            mixed = mix_at_once if few_tokens else mix
            y = mixed(x, task, layer.feed_forward, f"{name} mixture", architecture, linears)
        else:
            y = feed(x, layer.feed_forward, name, linears)
        x = normalised(ops.add(y, x), layer.feed_forward_norm, architecture.epsilon)
    vectors = _pool(x, seen, architecture)
    for parameter in inputs:
        parameter.output(0).tensor.set_names({parameter.get_friendly_name()})
    outputs: list[Output] = [vectors.output(0), *linears.watched]
    vectors.output(0).tensor.set_names({"vectors"})
    return Model(outputs, inputs, "encoder")


def _embed(
    ids: Node, places: Node, weights: Weights, epsilon: float, linears: LinearLayers
) -> Node:
    words = linears.look_up(weights.words, ids)  # (batch, length, hidden)
    positions = ops.gather(ops.constant(weights.positions), places, integer(0))  # (length, hidden)
    return normalised(ops.add(words, positions), weights.norm, epsilon)


def _attend(
    x: Node,  # (batch, length, hidden)
    mask: Node,
    layer: Layer,
    name: str,
    architecture: Architecture,
    linears: LinearLayers,
) -> Node:
    size = architecture.hidden // architecture.heads
    heads = layer.output.weight.shape[1] // size  # a pruned layer has fewer
    qkv = linears.apply(x, layer.query_key_value, f"{name} query_key_value")
    split = ops.transpose(
        ops.reshape(qkv, ints([0, 0, 3, heads, size]), special_zero=True), ints([2, 0, 3, 1, 4])
    )
    q, k, v = (ops.gather(split, integer(part), integer(0)) for part in range(3))
    seen = ops.scaled_dot_product_attention(q, k, v, mask)  # (batch, heads, length, size)
    seen = ops.reshape(
        ops.transpose(seen, ints([0, 2, 1, 3])),
        ints([0, 0, heads * size]),
        special_zero=True,
    )
    attended = linears.apply(seen, layer.output, f"{name} attention_output")
    return normalised(ops.add(attended, x), layer.attention_norm, architecture.epsilon)


def _pool(x: Node, seen: Node, architecture: Architecture) -> Node:
    if architecture.pooling == "cls":
        pooled = ops.gather(x, integer(0), integer(1))
    else:
        share = ops.unsqueeze(ops.convert(seen, "f32"), integer(2))  # (batch, length, 1)
        total = ops.reduce_sum(ops.multiply(x, share), integer(1))
        pooled = ops.divide(total, ops.reduce_sum(share, integer(1)))
    if architecture.normalize:
        return ops.normalize_l2(pooled, ints([1]), 1e-12, "max")
    return pooled

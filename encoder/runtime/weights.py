"""A model's weights under names that do not depend on who trained it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import EncoderError
from ..base import FloatArray
from .architecture import Architecture, Unsupported

Tensors = dict[str, FloatArray]


@dataclass(slots=True)
class Linear:
    """A linear layer, y = x W^T + b: weight (outputs, inputs), bias (outputs,)."""

    weight: FloatArray
    bias: FloatArray


@dataclass(slots=True)
class Norm:
    """A layer normalisation's gain and shift, (hidden,) each."""

    gain: FloatArray
    shift: FloatArray


@dataclass(slots=True)
class FeedForward:
    """The two halves of a feed-forward."""

    up: Linear
    down: Linear


@dataclass(slots=True)
class Mixture:
    """A layer of experts.

    Attributes:
        gates: (2, experts, hidden): the gate for queries, then the one for documents.
        bias: (2, experts), added to the scores for choosing alone.
        experts: one feed-forward each.
        shared: the expert that every token passes; None where there is none.

    """

    gates: FloatArray
    bias: FloatArray
    experts: list[FeedForward]
    shared: FeedForward | None


@dataclass(slots=True)
class Layer:
    """One transformer layer; queries, keys and values are one projection."""

    query_key_value: Linear
    output: Linear
    attention_norm: Norm
    feed_forward: FeedForward | Mixture
    feed_forward_norm: Norm


@dataclass(slots=True)
class Weights:
    """A whole encoder; the type embedding of a single text is added to the positions."""

    words: FloatArray
    positions: FloatArray
    norm: Norm
    layers: list[Layer]


def read_weights(folder: Path, architecture: Architecture) -> Weights:
    """Read model.safetensors as float32.

    Raises:
        Unsupported: the weights are kept in another form, or under unknown names.

    """
    tensors = _read_tensors(folder)
    try:
        if architecture.family == "dsv3":
            return _v3(tensors, architecture)
        return _bert(tensors, architecture)
    except KeyError as error:
        raise Unsupported(f"{folder}: the weights lack {error}, so it cannot be compiled") from None


def _read_tensors(folder: Path) -> Tensors:
    from safetensors import safe_open

    path = folder / "model.safetensors"
    if not path.is_file():
        raise Unsupported(f"{folder}: only weights in one model.safetensors can be compiled")
    try:
        with safe_open(path, framework="numpy") as stored:
            return {_plain(name): _float32(stored.get_tensor(name)) for name in stored.keys()}  # noqa: SIM118
    except TypeError as error:  # bfloat16, which numpy lacks
        raise Unsupported(f"{path}: weights of this type cannot be compiled: {error}") from error
    except Exception as error:  # safetensors has an error class of its own for each cause
        raise EncoderError(f"{path} cannot be read: {error}") from error


def _plain(name: str) -> str:
    """Drop the prefix that a model for another task puts before its encoder's weights."""
    for prefix in ("bert.", "roberta.", "model."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _float32(stored: npt.NDArray[np.generic]) -> FloatArray:
    return np.ascontiguousarray(stored, dtype=np.float32)


def _linear(tensors: Tensors, name: str) -> Linear:
    return Linear(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _norm(tensors: Tensors, name: str) -> Norm:
    return Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _bert(tensors: Tensors, architecture: Architecture) -> Weights:
    types = tensors["embeddings.token_type_embeddings.weight"][0]
    positions = tensors["embeddings.position_embeddings.weight"][architecture.first_position :]
    return Weights(
        words=tensors["embeddings.word_embeddings.weight"],
        positions=positions + types,
        norm=_norm(tensors, "embeddings.LayerNorm"),
        layers=[_bert_layer(tensors, f"encoder.layer.{n}") for n in range(architecture.layers)],
    )


def _bert_layer(tensors: Tensors, name: str) -> Layer:
    parts = [
        _linear(tensors, f"{name}.attention.self.{part}") for part in ("query", "key", "value")
    ]
    return Layer(
        query_key_value=Linear(
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.bias for part in parts]),
        ),
        output=_linear(tensors, f"{name}.attention.output.dense"),
        attention_norm=_norm(tensors, f"{name}.attention.output.LayerNorm"),
        feed_forward=FeedForward(
            _linear(tensors, f"{name}.intermediate.dense"), _linear(tensors, f"{name}.output.dense")
        ),
        feed_forward_norm=_norm(tensors, f"{name}.output.LayerNorm"),
    )


def _v3(tensors: Tensors, architecture: Architecture) -> Weights:
    sparse = architecture.experts.layers if architecture.experts else ()
    return Weights(
        words=tensors["embeddings.words.weight"],
        positions=tensors["embeddings.positions.weight"] + tensors["embeddings.types.weight"][0],
        norm=_norm(tensors, "embeddings.norm"),
        layers=[_v3_layer(tensors, f"layers.{n}", n in sparse) for n in range(architecture.layers)],
    )


def _v3_layer(tensors: Tensors, name: str, sparse: bool) -> Layer:
    return Layer(
        query_key_value=_linear(tensors, f"{name}.attention.query_key_value"),
        output=_linear(tensors, f"{name}.attention.output"),
        attention_norm=_norm(tensors, f"{name}.attention_norm"),
        feed_forward=_mixture(tensors, f"{name}.mixture")
        if sparse
        else _feed_forward(tensors, f"{name}.feed_forward"),
        feed_forward_norm=_norm(tensors, f"{name}.feed_forward_norm"),
    )


def _feed_forward(tensors: Tensors, name: str) -> FeedForward:
    return FeedForward(_linear(tensors, f"{name}.up"), _linear(tensors, f"{name}.down"))


def _mixture(tensors: Tensors, name: str) -> Mixture:
    kept = [tensors[f"{name}.experts.{part}"] for part in ("up_proj", "up_proj_bias")]
    kept += [tensors[f"{name}.experts.{part}"] for part in ("down_proj", "down_proj_bias")]
    return Mixture(
        gates=np.stack([tensors[f"{name}.gates.{task}.weight"] for task in ("query", "document")]),
        bias=tensors[f"{name}.gates.bias"],
        experts=[
            FeedForward(Linear(up, up_bias), Linear(down, down_bias))
            for up, up_bias, down, down_bias in zip(*kept, strict=True)
        ],
        shared=_feed_forward(tensors, f"{name}.shared")
        if f"{name}.shared.up.weight" in tensors
        else None,
    )

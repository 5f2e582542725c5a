"""Matrix products and tables of a graph: in floating point, or of 8-bit integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from openvino import Output
from openvino import opset15 as ops

from ..base import FloatArray
from .weights import Linear

_LEVELS = 256
_MOST = 127
# Beside inputs of 8 bits: processors without VNNI add two products in 16 bits, which larger
# weights would overflow (2 x 255 x 64 just fits).
_MOST_BESIDE_INPUTS = 64


@dataclass(frozen=True, slots=True)
class InputRange:
    """What inputs a layer is expected to see.

    Attributes:
        low, high: ends of the range, after each channel is divided by its scale.
        scale: (inputs,) takes size from channels that stand out and gives it to the weights.

    """

    low: float
    high: float
    scale: FloatArray


class LinearLayers:
    """Puts linear layers into a graph, in one of four ways.

    - Without `ranges`: in floating point.
    - With `ranges` of the layers' inputs: inputs rounded to 8 bits, weights to 8 bits over each
      output's own range. A layer that has no range stays in floating point.
    - `whole_weights`: weights rounded to 8 bits over each output's own range, inputs as they come.
      The runtime rounds those itself, in groups, and needs no ranges.
    - `watch`: in floating point, with every layer's input made an output of the graph, so that
      ranges can be found. `watched` then holds them, `names` and `weights` their layers'.
    """

    def __init__(
        self,
        ranges: Mapping[str, InputRange] | None = None,
        *,
        whole_weights: bool = False,
        watch: bool = False,
    ) -> None:
        self._ranges = ranges or {}
        self._whole_weights = whole_weights
        self._watch = watch
        self.watched: list[Output] = []
        self.names: list[str] = []
        self.weights: list[FloatArray] = []

    def look_up(self, table: FloatArray, rows: Any) -> Any:
        """Return the node of a table's rows, of 8 bits where weights are."""
        first = ops.constant(np.int32(0))
        if not self._ranges and not self._whole_weights:
            return ops.gather(ops.constant(table), rows, first)
        whole, scale = _whole(table)
        found = ops.convert(ops.gather(ops.constant(whole), rows, first), "f32")
        return ops.multiply(found, ops.gather(ops.constant(scale), rows, first))

    def apply(self, x: Any, linear: Linear, name: str) -> Any:
        """Return the node of x W^T + b."""
        if self._watch:
            self.watched.append(x.output(0))
            self.names.append(name)
            self.weights.append(linear.weight)
        if name in self._ranges:
            expected = self._ranges[name]
            x = _rounded_input(x, expected)
            weight = _rounded_weight(linear.weight * expected.scale, _MOST_BESIDE_INPUTS)
        elif self._whole_weights:
            weight = _rounded_weight(linear.weight)
        else:
            weight = ops.constant(linear.weight)
        product = ops.matmul(x, weight, False, True)
        return ops.add(product, ops.constant(linear.bias))


def _whole(weight: FloatArray, most: int = _MOST) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Return 8-bit integers (rows, width) and the scale of each row (rows, 1)."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / most
    scale[scale == 0] = 1.0
    return np.clip(np.rint(weight / scale), -most, most).astype(np.int8), scale


def _rounded_input(x: Any, expected: InputRange) -> Any:
    """Divide each channel by its scale and round to 8 bits."""
    low, high = ops.constant(np.float32(expected.low)), ops.constant(np.float32(expected.high))
    if not np.all(expected.scale == 1):
        x = ops.multiply(x, ops.constant(1 / expected.scale))
    return ops.fake_quantize(x, low, high, low, high, _LEVELS)


def _rounded_weight(weight: FloatArray, most: int = _MOST) -> Any:
    """Return weights (outputs, inputs) as integers up to `most` times a scale for each output."""
    whole, scale = _whole(weight, most)
    return ops.multiply(ops.convert(ops.constant(whole), "f32"), ops.constant(scale))

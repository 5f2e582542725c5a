"""The parts of a V3 layer that can be made narrower, and how they are cut.

A unit is an attention head, a channel of a feed-forward or of the shared expert, or a channel of
the routed experts (each expert loses channels of its own choice, all equally many). A unit ends in
columns of one output matrix, so that removing it removes these and whatever leads to them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import torch
from torch import Tensor

from ..v3 import V3Config, V3Model
from ..v3.model import Block

Part = Literal["heads", "feed_forward", "shared", "expert"]
State = dict[str, Tensor]

# Widths that are multiples of this fill the processor's registers.
_STEP = 8


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A part of a layer."""

    layer: int
    part: Part

    def __str__(self) -> str:
        return f"layer {self.layer} {self.part}"


@dataclass(frozen=True, slots=True)
class Output:
    """The parameters in which a site's units end.

    Attributes:
        weight: (hidden, inputs), or (experts, hidden, inputs).
        bias: (hidden,), or (experts, hidden).
        columns: inputs that make up one unit.

    """

    weight: str
    bias: str
    columns: int


# Which units of a site stay: (groups, kept) in rising order; the experts are groups, else one.
Kept = Mapping[Site, Tensor]


def sites_of(model: V3Model) -> list[Site]:
    """List what can be narrowed, layer by layer."""
    return [Site(n, part) for n, layer in enumerate(model.layers) for part in _parts(layer)]


def _parts(layer: Any) -> Iterator[Part]:
    block: Block = layer
    yield "heads"
    if block.mixture is None:
        yield "feed_forward"
        return
    if block.mixture.shared is not None:
        yield "shared"
    yield "expert"


def units(config: V3Config, site: Site) -> int:
    """Count the units of a site: in each expert, for experts."""
    return int(getattr(config.layer_shape(site.layer), site.part))


def unit_weights(config: V3Config, site: Site) -> int:
    """Count the parameters that go with one unit, in all experts together."""
    hidden = config.hidden_size
    if site.part == "heads":
        return config.head_size * (4 * hidden + 3)
    groups = config.layer_shape(site.layer).experts if site.part == "expert" else 1
    return groups * (2 * hidden + 1)


def removed(config: V3Config, site: Site, ratio: float) -> int:
    """Return how many units a ratio removes: whole heads, and channels in steps of 8.

    At least the ratio of heads goes; the width of channels is the nearest multiple of 8.
    """
    count = units(config, site)
    if site.part == "heads":
        gone = ceil(ratio * count - 1e-9)
    elif count < 4 * _STEP:
        gone = round(ratio * count)
    else:
        gone = count - round((1 - ratio) * count / _STEP) * _STEP if ratio else 0
    return min(max(gone, 0), count - 1)


def output_of(config: V3Config, site: Site) -> Output:
    """Return the names of the output's parameters."""
    layer = f"layers.{site.layer}"
    if site.part == "heads":
        name = f"{layer}.attention.output"
        return Output(f"{name}.weight", f"{name}.bias", config.head_size)
    if site.part == "expert":
        name = f"{layer}.mixture.experts.down_proj"
        return Output(name, f"{name}_bias", 1)
    name = f"{_feed_forward(site)}.down"
    return Output(f"{name}.weight", f"{name}.bias", 1)


def columns_of(config: V3Config, site: Site, kept: Tensor) -> Tensor:
    """Return the input columns (groups, columns) of the output that kept units end in."""
    size = output_of(config, site).columns
    return (kept.unsqueeze(-1) * size + torch.arange(size)).flatten(-2)


def cut_units(model: V3Model, kept: Kept, outputs: Mapping[str, Tensor] | None = None) -> V3Model:
    """Return a model that has only some units; those of other sites all stay.

    Args:
        model: left as it is.
        kept: the units that stay.
        outputs: values for the parameters of `output_of` by name, cut already, where they shall
            not just lose columns.

    """
    config = model.config
    state: State = {name: value.detach() for name, value in model.state_dict().items()}
    shapes = [dict(own) for own in config.layer_shapes or [{} for _ in model.layers]]
    for site, units_kept in kept.items():
        _cut_inputs(state, config, site, units_kept)
        columns = columns_of(config, site, units_kept)
        output = output_of(config, site)
        state[output.weight] = _take(state[output.weight], columns, -1)
        shapes[site.layer][site.part] = units_kept.size(-1)
    state.update(outputs or {})
    return _build(config, state, layer_shapes=shapes)


def cut_experts(model: V3Model, kept: Mapping[int, Sequence[int]]) -> V3Model:
    """Return a model whose layers with experts have only those named; see `idle_experts`."""
    config = model.config
    state: State = {name: value.detach() for name, value in model.state_dict().items()}
    shapes = [dict(own) for own in config.layer_shapes or [{} for _ in model.layers]]
    for layer, experts in kept.items():
        name = f"layers.{layer}.mixture"
        rows = torch.tensor(list(experts))
        for part in ("up_proj", "up_proj_bias", "down_proj", "down_proj_bias"):
            state[f"{name}.experts.{part}"] = state[f"{name}.experts.{part}"][rows]
        for gate in ("query", "document"):
            state[f"{name}.gates.{gate}.weight"] = state[f"{name}.gates.{gate}.weight"][rows]
        state[f"{name}.gates.bias"] = state[f"{name}.gates.bias"][:, rows]
        shapes[layer]["experts"] = len(rows)
    return _build(config, state, layer_shapes=shapes)


def _feed_forward(site: Site) -> str:
    inside = "mixture.shared" if site.part == "shared" else "feed_forward"
    return f"layers.{site.layer}.{inside}"


def _cut_inputs(state: State, config: V3Config, site: Site, kept: Tensor) -> None:
    """Cut what leads to the units alone."""
    if site.part == "expert":
        name = f"layers.{site.layer}.mixture.experts.up_proj"
        state[name] = _take(state[name], kept, -2)
        state[f"{name}_bias"] = _take(state[f"{name}_bias"], kept, -1)
        return
    rows = columns_of(config, site, kept)[0]
    name = f"{_feed_forward(site)}.up"
    if site.part == "heads":
        name = f"layers.{site.layer}.attention.query_key_value"
        width = units(config, site) * config.head_size
        rows = torch.cat([rows + part * width for part in range(3)])
    state[f"{name}.weight"] = state[f"{name}.weight"][rows]
    state[f"{name}.bias"] = state[f"{name}.bias"][rows]


def _take(weight: Tensor, kept: Tensor, dim: int) -> Tensor:
    """Take places along a dimension: the same for all, or each expert its own."""
    if weight.dim() + dim == 0 or kept.size(0) == 1:
        return weight.index_select(dim, kept[0])
    shape = [kept.size(0), *[1] * (weight.dim() - 1)]
    shape[dim] = kept.size(1)
    target = list(weight.shape)
    target[dim] = kept.size(1)
    return weight.gather(dim, kept.view(shape).expand(target))


def _build(config: V3Config, state: State, **changes: Any) -> V3Model:
    fields: dict[str, Any] = config.to_dict()
    made = V3Model(V3Config(**{**fields, **changes}))
    made.load_state_dict(state)
    made.train(False)
    return made

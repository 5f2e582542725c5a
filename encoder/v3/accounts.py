"""Count a model's parameters and operations from its modules, on any device, meta too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .config import V3Config
from .embeddings import Embeddings
from .experts import Experts
from .gates import TASKS, Gates, Task
from .model import V3Model
from .self_attention import SelfAttention

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class Accounts:
    """The counts of one model.

    Attributes:
        total: parameters.
        embeddings: parameters of the tables of words, positions and types, and their norm.
        active: parameters that one token's pass may touch: all but the experts it is not sent to
            and the other gate; tables count whole.
        dense: parameters of the model without experts, its feed-forwards `intermediate_size` wide,
            and with nothing pruned.

    """

    total: int
    embeddings: int
    active: int
    dense: int

    @property
    def added(self) -> float:
        """Return how many more parameters than the dense model's, as a share."""
        return self.total / self.dense - 1

    def memory(self) -> dict[str, int]:
        """Return the bytes of the weights by type of number."""
        return {dtype: self.total * size for dtype, size in BYTES.items()}


@dataclass(frozen=True, slots=True)
class Operations:
    """The floating-point operations of one token, one multiply-add counted as two."""

    task: Task
    length: int
    sparse: int
    dense: int

    @property
    def added(self) -> float:
        """Return how many more operations than the dense model's, as a share."""
        return self.sparse / self.dense - 1


def build_empty(config: V3Config) -> V3Model:
    """Build a model of a shape without memory for its weights."""
    with torch.device("meta"):
        return V3Model(config)


def dense_config(config: V3Config) -> V3Config:
    """Return the same shape without experts and with nothing pruned."""
    fields: dict[str, Any] = config.to_dict()
    return V3Config(**{**fields, "moe_layers": [], "layer_shapes": None})


def count_parameters(model: V3Model) -> Accounts:
    """Count the parameters of a model and of its dense counterpart."""
    total = _size(model)
    idle = 0
    for module in model.modules():
        if isinstance(module, Experts):
            unused = module.num_experts - model.config.num_experts_per_tok
            idle += _size(module) * unused // module.num_experts
        elif isinstance(module, Gates):
            idle += _size(module.query)
    tables = sum(_size(module) for module in model.modules() if isinstance(module, Embeddings))
    dense = _size(build_empty(dense_config(model.config)))
    return Accounts(total, tables, total - idle, dense)


def count_operations(model: V3Model, task: Task, length: int) -> Operations:
    """Count the operations of one token in a text of `length` tokens, and the dense model's."""
    dense = build_empty(dense_config(model.config))
    return Operations(
        task, length, _token_flops(model, task, length), _token_flops(dense, task, length)
    )


def _token_flops(model: V3Model, task: Task, length: int) -> int:
    """Add up the matrix products; norms, activations and additions are left out, as is usual."""
    other_gates = {id(getattr(g, o)) for g in _all(model, Gates) for o in TASKS if o != task}
    flops = 0
    for module in model.modules():
        if isinstance(module, nn.Linear) and id(module) not in other_gates:
            flops += 2 * module.in_features * module.out_features
        elif isinstance(module, Experts):
            chosen = model.config.num_experts_per_tok
            flops += 2 * chosen * (module.up_proj[0].numel() + module.down_proj[0].numel())
        elif isinstance(module, SelfAttention):
            # scores and their weighted mean: two products of (head_dim x keys) a head
            width = module.heads * model.config.head_size
            flops += 2 * 2 * width * keys_seen(model.config, length)
    return flops


def keys_seen(config: V3Config, length: int) -> int:
    """Return how many keys a token is compared with in a text of `length` tokens."""
    if config.attention != "dynamic":
        return length
    near = config.attention_segment * (1 + 2 * config.attention_neighbours)
    far = config.attention_block * config.attention_top_k
    means = length // config.attention_block if config.attention_summary else 0
    return min(length, near + far + means + 1)


def _all(model: nn.Module, kind: type[Gates]) -> list[Gates]:
    return [module for module in model.modules() if isinstance(module, kind)]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

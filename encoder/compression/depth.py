"""Students of fewer layers: which of the teacher's layers they begin with."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...errors import EncoderError, InputError
from ..runtime.batch import Task
from ..v3 import V3Model
from .models import embed_all, inner, token_batches, with_inner
from .samples import Samples

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel

_TASKS: tuple[Task, Task] = ("query", "document")


@dataclass(frozen=True, slots=True)
class Start:
    """How near the teacher a student is before it has learned anything.

    Attributes:
        layers: the teacher's layers that it has.
        cosine: mean over texts, as queries and as documents.

    """

    layers: tuple[int, ...]
    cosine: float


def alternate_layers(count: int) -> list[tuple[int, ...]]:
    """List the ways to take every second of `count` layers, and the evenly spread one.

    Raises:
        InputError: there is but one layer.

    """
    if count < 2:
        raise InputError("a model of one layer has no student of half the layers")
    half = count // 2
    first = tuple(range(0, 2 * half, 2))
    last = tuple(range(count - 2 * half + 1, count, 2))
    spread = tuple(round(place * (count - 1) / max(half - 1, 1)) for place in range(half))
    return list(dict.fromkeys((first, last, spread)))


def layer_count(model: SentenceTransformer) -> int:
    """Count a model's layers."""
    return len(_layers(inner(model)))


def keep_layers(model: SentenceTransformer, layers: Sequence[int]) -> SentenceTransformer:
    """Return a copy of a model that has only some of its layers, in their order.

    Raises:
        InputError: a layer that the model does not have, or none.
        EncoderError: a model whose layers are not found.

    """
    kept = sorted(set(layers))
    count = layer_count(model)
    if not kept or kept[0] < 0 or kept[-1] >= count:
        raise InputError(f"layers {list(layers)}: the model has layers 0 to {count - 1}")
    new = copy.deepcopy(inner(model))
    chosen = nn.ModuleList(_layers(new)[place] for place in kept)
    config: Any = new.config
    config.num_hidden_layers = len(kept)
    if isinstance(new, V3Model):
        new.layers = chosen
        config.moe_layers = [n for n, old in enumerate(kept) if old in config.sparse_layers]
        if config.layer_shapes:
            config.layer_shapes = [config.layer_shapes[old] for old in kept]
    else:
        encoder: Any = new.encoder
        encoder.layer = chosen
    return with_inner(model, new)


def rank_starts(teacher: SentenceTransformer, samples: Samples, *, max_tokens: int) -> list[Start]:
    """Measure each way to take every second layer; the nearest to the teacher comes first."""
    batches = {task: token_batches(teacher, samples.of(task), task, max_tokens) for task in _TASKS}
    target = {task: embed_all(teacher, batches[task], task) for task in _TASKS}
    found = []
    for layers in alternate_layers(layer_count(teacher)):
        student = keep_layers(teacher, layers)
        cosines = [
            (embed_all(student, batches[task], task) * target[task]).sum(-1) for task in _TASKS
        ]
        found.append(Start(layers, float(torch.cat(cosines).mean())))
    return sorted(found, key=lambda start: -start.cosine)


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the list of layers of a V3 or of a BERT-like model."""
    layers = getattr(model, "layers", None) or getattr(
        getattr(model, "encoder", None), "layer", None
    )
    if not isinstance(layers, nn.ModuleList):
        raise EncoderError(f"the layers of a {type(model).__name__} are not known here")
    return layers

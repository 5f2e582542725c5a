"""The one table of losses: what a data set of each kind is learned by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss, MatryoshkaLoss
from sentence_transformers.util import get_world_size, pairwise_cos_sim
from torch import Tensor, nn

from ...errors import InputError
from .contrastive import ContrastiveLoss
from .distillation import DistillationLoss
from .settings import TrainingSettings

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class TrainingData:
    """What one loss learns from.

    Attributes:
        rows: columns of texts, and the label.
        known: what labels point into: the false-negative mask, or the teacher's vectors; empty
            where they are grades.
        ordered: learn the rows in their order; otherwise they are shuffled, and no text comes
            twice in a batch.

    """

    rows: Dataset
    known: Tensor = field(default_factory=lambda: torch.empty(0))
    ordered: bool = False


def contrastive_loss(
    model: SentenceTransformer, settings: TrainingSettings, known: Tensor
) -> nn.Module:
    """Return the loss of queries, their products and hard negatives.

    Raises:
        InputError: more leading dimensions are asked for than vectors have.

    """
    loss = ContrastiveLoss(
        model,
        known,
        scale=settings.scale,
        margin=settings.margin,
        mini_batch_size=settings.mini_batch_size,
        batch_size=math.ceil(settings.batch_size / get_world_size()),
    )
    if not settings.matryoshka:
        return loss
    own = model.get_embedding_dimension() or 0
    if max(settings.matryoshka) > own:
        raise InputError(
            f"the model's vectors have {own} dimensions, not {max(settings.matryoshka)}"
        )
    return MatryoshkaLoss(model, loss, sorted({*settings.matryoshka, own}, reverse=True))


def graded_loss(model: SentenceTransformer, settings: TrainingSettings, known: Tensor) -> nn.Module:
    """Return the loss of lists of products with grades; see `graded.graded_columns`."""

    def scaled_cosine(one: Tensor, other: Tensor) -> Tensor:
        return pairwise_cos_sim(one, other) * settings.scale

    return DistillKLDivLoss(model, scaled_cosine)


def distillation_loss(
    model: SentenceTransformer, settings: TrainingSettings, known: Tensor
) -> nn.Module:
    """Return the loss of a student."""
    return DistillationLoss(
        model,
        known,
        temperature=settings.temperature,
        similarity_weight=settings.similarity_weight,
    )


LOSSES: Mapping[str, Callable[[SentenceTransformer, TrainingSettings, Tensor], nn.Module]] = {
    "contrast": contrastive_loss,
    "graded": graded_loss,
    "distil": distillation_loss,
}

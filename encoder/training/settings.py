"""How an encoder is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...errors import InputError

# Contrast keeps a part of the steps: graded lists alone do not tell products apart.
MOST_GRADED = 0.9


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What decides a training run, apart from its examples.

    Attributes:
        epochs: passes over the examples.
        batch_size: examples in a step; each is scored against all products of the batch.
        mini_batch_size: texts encoded at once; a larger batch is encoded in such parts.
        learning_rate: highest rate of AdamW, after warm-up and before the cosine takes it down.
        warmup: share of the steps over which the rate rises.
        weight_decay: of AdamW.
        max_grad_norm: length at which gradients are clipped.
        max_tokens: where texts are cut while training; the model's own limit stays as it was.
        negatives: of the negatives an example brings, how many are used.
        scale: what cosines are multiplied by in the contrastive loss.
        margin: see `ContrastiveLoss`.
        matryoshka: leading dimensions that are trained to serve alone; none when empty.
        graded: share of the steps that learn from graded lists, where there are any.
        evaluations: how often the held-out queries are asked; the best state is kept.
        patience: evaluations without a gain after which training stops.
        gradient_checkpointing: compute activations twice instead of keeping them.
        bf16: None uses bfloat16 where the hardware multiplies it.
        freeze_embeddings: keep the table of words as it was.
        blend: share of the trained weights in those that are kept, the rest being the base's.
        seed: of the order of examples, dropout and all else that is random.

    """

    epochs: float = 1.0
    batch_size: int = 64
    mini_batch_size: int = 64
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    max_tokens: int = 64
    negatives: int = 0
    scale: float = 20.0
    margin: float = 0.05
    matryoshka: tuple[int, ...] = ()
    graded: float = 0.0
    evaluations: int = 4
    patience: int = 2
    gradient_checkpointing: bool = False
    bf16: bool | None = None
    freeze_embeddings: bool = False
    blend: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "mini_batch_size", "learning_rate", "max_tokens"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} {getattr(self, name)} must be above 0")
        if not 0 <= self.blend <= 1:
            raise InputError(f"blend {self.blend} is a share, from 0 to 1")
        if not 0 <= self.graded <= MOST_GRADED:
            raise InputError(f"graded {self.graded} is a share, from 0 to {MOST_GRADED}")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "matryoshka": list(self.matryoshka)}

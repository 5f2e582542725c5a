"""How an encoder is trained: one class for every run, whatever its examples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ...errors import InputError

GradientCompression = Literal["none", "fp16", "bf16", "fp8"]

# Contrast keeps a part of the steps: graded lists alone do not tell products apart.
MOST_GRADED = 0.9
# These say how often to save, not what is computed.
_OUTSIDE_THE_RUN = ("checkpoint_seconds",)
_ABOVE_ZERO = (
    "epochs",
    "batch_size",
    "mini_batch_size",
    "micro_batches",
    "learning_rate",
    "max_grad_norm",
    "scale",
    "temperature",
    "checkpoint_seconds",
)


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What decides a training run, apart from its examples.

    The same settings give the same run on any number of processes.

    Attributes:
        epochs: how often each example is seen.
        steps: of the optimiser, in place of what `epochs` comes to.
        batch_size: examples of a batch, over all processes; each is scored against all products
            of the batch.
        mini_batch_size: texts that a process encodes at once; a larger batch is encoded in parts.
        micro_batches: batches whose gradients make one step, and the fewest that ever make one.
        most_micro_batches: as many as a step may grow to by the gradient's noise; `micro_batches`
            when None.
        learning_rate: highest rate of AdamW, after warm-up and before the cosine takes it down.
        warmup: share of the run over which the rate rises.
        weight_decay: of AdamW, on matrices alone.
        max_grad_norm: length at which gradients are clipped.
        max_tokens: where texts are cut while training; None is the model's own limit, which in
            the written model stays as it was.
        negatives: of the negatives an example brings, how many are used.
        scale: what cosines are multiplied by in the contrastive loss.
        margin: see `ContrastiveLoss`.
        matryoshka: leading dimensions that are trained to serve alone; none when empty.
        graded: share of the steps that learn from graded lists, where there are any.
        temperature: of the softmax over similarities in distillation.
        similarity_weight: of the similarities in distillation, against 1 for the vectors.
        evaluations: how often the validation set is asked; the best state is kept.
        patience: evaluations without a gain after which training stops.
        gradient_checkpointing: compute activations twice instead of keeping them.
        bf16: None uses bfloat16 where the hardware multiplies it.
        freeze_embeddings: keep the embeddings of words and positions as they were.
        blend: share of the trained weights in those that are kept, the rest being the base's.
        compression: what a number of a gradient travels as between processes.
        checkpoint_seconds: time between checkpoints.
        seed: of the order of examples, dropout and all else that is random.

    Raises:
        InputError: a value is out of its range.

    """

    epochs: float = 1.0
    steps: int | None = None
    batch_size: int = 64
    mini_batch_size: int = 64
    micro_batches: int = 1
    most_micro_batches: int | None = None
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    max_tokens: int | None = 64
    negatives: int = 0
    scale: float = 20.0
    margin: float = 0.05
    matryoshka: tuple[int, ...] = ()
    graded: float = 0.0
    temperature: float = 0.05
    similarity_weight: float = 0.5
    evaluations: int = 4
    patience: int = 2
    gradient_checkpointing: bool = False
    bf16: bool | None = None
    freeze_embeddings: bool = False
    blend: float = 0.5
    compression: GradientCompression = "none"
    checkpoint_seconds: float = 900.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in _ABOVE_ZERO:
            if getattr(self, name) <= 0:
                raise InputError(f"{name} {getattr(self, name)} must be above 0")
        for name in ("steps", "max_tokens"):
            if (given := getattr(self, name)) is not None and given < 1:
                raise InputError(f"{name} {given} must be above 0")
        if self.negatives < 0:
            raise InputError(f"negatives {self.negatives} must be at least 0")
        for name, most in (("blend", 1), ("warmup", 1), ("graded", MOST_GRADED)):
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"{name} {getattr(self, name)} is a share, from 0 to {most}")
        if self.most_micro_batches is not None and self.most_micro_batches < self.micro_batches:
            raise InputError(
                f"most_micro_batches ({self.most_micro_batches}) is below micro_batches "
                f"({self.micro_batches})"
            )
        if self.compression not in get_args(GradientCompression):
            known = ", ".join(get_args(GradientCompression))
            raise InputError(f"no gradient compression {self.compression!r}; there are {known}")

    @property
    def adapts(self) -> bool:
        """Say whether the number of micro-batches of a step may change."""
        return (self.most_micro_batches or 0) > self.micro_batches

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "matryoshka": list(self.matryoshka)}

    def deciding(self) -> dict[str, Any]:
        """Return the fields that decide what is computed, as JSON can hold them."""
        return {k: v for k, v in self.to_json().items() if k not in _OUTSIDE_THE_RUN}

"""What a training run over many processes is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ....errors import InputError

Precision = Literal["auto", "fp32", "bf16"]
Compression = Literal["none", "fp16", "bf16", "fp8"]

# These say where and how often to save, not what is computed.
_OUTSIDE_THE_CURVE = ("checkpoint_seconds", "checkpoints", "keep")


@dataclass(frozen=True, slots=True)
class DistributedSettings:
    """The settings of a run; the same ones give the same curve on any number of processes.

    Attributes:
        batch: examples in one pass, over all processes; they are each other's negatives.
        passes: passes that make the first step, and the fewest that ever make one.
        most_passes: as many as a step may grow to by the gradient's noise; `passes` when None.
        epochs: how often each example is seen; what does not fill a batch is left out.
        negatives: of an example's own negatives, how many at most are used.
        learning_rate: at the end of the warm-up.
        warmup: share of the examples over which the rate rises; it then falls as a cosine.
        weight_decay: AdamW's, on matrices alone.
        clip: largest norm of a step's gradient.
        scale: factor on cosine similarities, the inverse of the temperature.
        max_tokens: longest text that is not cut; the base's own when None.
        seed: of the order of examples and of dropout.
        precision: of the arithmetic; "auto" is bf16 where the hardware has it.
        compression: what a number of a gradient travels as; sums are always taken in float32.
        expert_parallel: processes among which the experts of a layer are divided.
        reshard: give gathered weights back after each forward (ZeRO-3); otherwise they are kept
            until the backward pass (more memory, a quarter of the gathering).
        gradient_checkpointing: compute activations twice instead of keeping them.
        checkpoint_seconds: time between checkpoints.
        checkpoints: their folder; beside the model's own when None.
        keep: how many of them are kept.

    """

    batch: int = 64
    passes: int = 1
    most_passes: int | None = None
    epochs: int = 1
    negatives: int = 0
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    scale: float = 20.0
    max_tokens: int | None = None
    seed: int = 0
    precision: Precision = "auto"
    compression: Compression = "none"
    expert_parallel: int = 1
    reshard: bool = True
    gradient_checkpointing: bool = False
    checkpoint_seconds: float = 900.0
    checkpoints: Path | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        for name in ("batch", "passes", "epochs", "expert_parallel", "keep"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate", "clip", "scale", "checkpoint_seconds"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.negatives < 0 or not 0 <= self.warmup <= 1:
            raise InputError("negatives must be at least 0, and warmup between 0 and 1")
        if self.limit < self.passes:
            raise InputError(f"most_passes ({self.limit}) is below passes ({self.passes})")

    @property
    def limit(self) -> int:
        """Return the most passes that may make a step."""
        return self.passes if self.most_passes is None else self.most_passes

    def curve(self) -> dict[str, Any]:
        """Return the settings that decide the loss at each step."""
        return {name: v for name, v in asdict(self).items() if name not in _OUTSIDE_THE_CURVE}

    def check_processes(self, processes: int) -> None:
        """Refuse a number of processes that these settings cannot be divided among.

        Raises:
            InputError: it is no multiple of the expert-parallel ones, or no divisor of the batch.

        """
        if processes % self.expert_parallel:
            raise InputError(
                f"experts divided among {self.expert_parallel} processes need a multiple of "
                f"{self.expert_parallel} processes, and there are {processes}; start more with "
                "torchrun --nproc-per-node, or lower expert_parallel"
            )
        if self.batch % processes:
            raise InputError(
                f"a batch of {self.batch} examples cannot be divided evenly among {processes} "
                "processes; choose a multiple"
            )

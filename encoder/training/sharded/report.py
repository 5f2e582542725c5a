"""What a training run did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...v3.gate_load import ExpertLoad


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        number: from 1.
        loss: mean of its passes', before the step.
        passes: how many made it.
        chosen: how many were to make it; a step that measures noise has at least two passes.
        rate: learning rate.
        norm: of the gradient, before it was clipped.
        noise: the noise scale in examples, as known after the step; None before the first estimate.
        tokens: learned from, over all processes.
        gathered, reduced, dispatched: bytes of weights, gradients and tokens that one process sent,
            mean over processes; dispatched counts forward passes only.
        seconds: that it took.

    """

    number: int
    loss: float
    passes: int
    chosen: int
    rate: float
    norm: float
    noise: float | None
    tokens: int
    gathered: int
    reduced: int
    dispatched: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a run did, resumed parts included.

    Attributes:
        steps: all of them.
        examples: learned from, each epoch counted.
        processes: that shared the work.
        resumed: step after which this run went on from a checkpoint; 0 when it began anew.
        loads: how each gate divided its tokens over all processes, since the run began.

    """

    steps: Sequence[Step]
    examples: int
    processes: int
    resumed: int
    loads: Sequence[ExpertLoad]

    @property
    def choices(self) -> list[tuple[int, int]]:
        """Return (step, passes) for each step from which another number was chosen."""
        found: list[tuple[int, int]] = []
        for step in self.steps:
            if not found or found[-1][1] != step.chosen:
                found.append((step.number, step.chosen))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "choices": self.choices}

"""What a training run says of itself, while it runs and at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..v3.gate_load import ExpertLoad


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: steps done of all, the last loss, the last figure of validation."""

    step: int
    steps: int
    loss: float | None = None
    validation: float | None = None


@dataclass(frozen=True)
class Trained:
    """What a run did.

    Attributes:
        steps: batches learned from, or optimiser steps where several batches make one.
        seconds: how long they took, those of earlier, interrupted tries not counted.
        losses: (step, mean loss since the one before).
        validation: (step, nDCG@10 on the validation set); step 0 is the base.
        loads: how each gate of a V3 model divided its tokens at the end; none for a dense one.
        bf16: whether bfloat16 was used.
        gradients: (step, norm before it was clipped), where losses were noted.
        accumulation: (step, micro-batches from there on, noise scale in examples), one for each
            choice of adaptive accumulation.
        processes: that shared the work.
        resumed: step after which the run went on from a checkpoint; 0 when it began anew.

    """

    steps: int
    seconds: float
    losses: Sequence[tuple[int, float]]
    validation: Sequence[tuple[int, float]]
    loads: Sequence[ExpertLoad] = ()
    bf16: bool = False
    gradients: Sequence[tuple[int, float]] = ()
    accumulation: Sequence[tuple[int, int, float]] = ()
    processes: int = 1
    resumed: int = 0

    @property
    def best(self) -> tuple[int, float]:
        """Return the step whose state was kept, and its figure; the base, step 0, never is."""
        after = [pair for pair in self.validation if pair[0] > 0]
        return max(after, key=lambda pair: (pair[1], -pair[0]), default=(self.steps, 0.0))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Trained:
        """Read what `to_json` wrote; how many tokens each gate saw was not written."""
        from ..v3.gate_load import ExpertLoad

        return cls(
            steps=fields["steps"],
            seconds=fields["seconds"],
            losses=[(step, loss) for step, loss in fields["losses"]],
            validation=[(step, value) for step, value in fields["held_out"]],
            loads=[
                ExpertLoad(load["layer"], load["task"], 0, tuple(load["shares"]))
                for load in fields["loads"]
            ],
            bf16=fields["bf16"],
            gradients=[(step, norm) for step, norm in fields.get("gradients", ())],
            accumulation=[(step, n, noise) for step, n, noise in fields.get("accumulation", ())],
            processes=fields.get("processes", 1),
            resumed=fields.get("resumed", 0),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "best_step": self.best[0],
            "bf16": self.bf16,
            "processes": self.processes,
            "resumed": self.resumed,
            "losses": [[step, round(loss, 4)] for step, loss in self.losses],
            "gradients": [[step, round(norm, 4)] for step, norm in self.gradients],
            "held_out": [[step, round(value, 4)] for step, value in self.validation],
            "accumulation": [[step, n, round(noise, 1)] for step, n, noise in self.accumulation],
            "loads": [
                {
                    "layer": load.layer,
                    "task": load.task,
                    "shares": [round(s, 4) for s in load.shares],
                }
                for load in self.loads
            ],
        }

"""Train an encoder's folder on examples, with sentence-transformers' own trainer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import EncoderError, InputError, MissingExtra
from ...files import free_folder, whole_folder
from ..folders import fingerprint_folder
from ..installed import MODELS
from .examples import Example
from .graded import GradedList
from .held_out import HeldOut
from .settings import TrainingSettings

if TYPE_CHECKING:
    from ..v3.gate_load import ExpertLoad

REPORT = "training.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: steps done of all, the last loss, the last figure on held-out queries."""

    step: int
    steps: int
    loss: float | None = None
    held_out: float | None = None


@dataclass(frozen=True)
class Trained:
    """What a run did.

    Attributes:
        steps: optimiser steps taken.
        seconds: how long they took, those of earlier, interrupted tries not counted.
        losses: (step, mean loss since the one before).
        held_out: (step, nDCG@10 on the held-out queries); step 0 is the base.
        loads: how each gate of a V3 model divided its tokens at the end; none for a dense one.
        bf16: whether bfloat16 was used.

    """

    steps: int
    seconds: float
    losses: Sequence[tuple[int, float]]
    held_out: Sequence[tuple[int, float]]
    loads: Sequence[ExpertLoad] = field(default=())
    bf16: bool = False

    @property
    def best(self) -> tuple[int, float]:
        """Return the step whose state was kept, and its figure; the base, step 0, never is."""
        after = [pair for pair in self.held_out if pair[0] > 0]
        return max(after, key=lambda pair: (pair[1], -pair[0]), default=(self.steps, 0.0))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Trained:
        """Read what `to_json` wrote; how many tokens each gate saw was not written."""
        from ..v3.gate_load import ExpertLoad

        return cls(
            steps=fields["steps"],
            seconds=fields["seconds"],
            losses=[(step, loss) for step, loss in fields["losses"]],
            held_out=[(step, value) for step, value in fields["held_out"]],
            loads=[
                ExpertLoad(load["layer"], load["task"], 0, tuple(load["shares"]))
                for load in fields["loads"]
            ],
            bf16=fields["bf16"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "best_step": self.best[0],
            "bf16": self.bf16,
            "losses": [[step, round(loss, 4)] for step, loss in self.losses],
            "held_out": [[step, round(value, 4)] for step, value in self.held_out],
            "loads": [
                {
                    "layer": load.layer,
                    "task": load.task,
                    "shares": [round(s, 4) for s in load.shares],
                }
                for load in self.loads
            ],
        }


def train_encoder(
    base: Path,
    out: Path,
    examples: Sequence[Example],
    *,
    graded: Sequence[GradedList] = (),
    held_out: HeldOut | None = None,
    settings: TrainingSettings | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train and write a sentence-transformers folder, whole or not at all.

    A run that was interrupted leaves its checkpoint beside `out`; the same call goes on from it
    and ends as it would have. Where `out` is what the same call wrote before, nothing is done.

    Args:
        base: folder of a dense sentence-transformers model, or of V3.
        out: folder to write; must not exist, be empty, or be of the same run.
        examples: what to learn; `settings.seed` shuffles them.
        graded: lists to learn the order of, for `settings.graded` of the steps.
        held_out: asked at the start and `settings.evaluations` times; the best state is kept.
        settings: see there.
        on_progress: told of each step.

    Raises:
        InputError: too few examples, or `out` is in use.
        EncoderError: the base is not a sentence-transformers folder.
        MissingExtra: the packages of the extra `train` are not installed.

    """
    check_installed()
    chosen = settings or TrainingSettings()
    if len(examples) < 2:
        raise InputError(f"{len(examples)} examples: a contrast needs at least 2")
    if (finished := finished_run(base, out, examples, graded=graded, settings=chosen)) is not None:
        return finished
    out = free_folder(out)
    scratch = out.with_name(f".{out.name}.training")
    digest = _digest(base, examples, graded, chosen)
    _prepare(scratch, digest)
    from ..pytorch.load import load_model
    from .blend import blend_weights
    from .run import run_trainer

    model = load_model(base, device=None)
    if str(model.similarity_fn_name) == "dot":
        raise EncoderError(f"{base}: it compares by dot product, and training is by cosine")
    limit = model.max_seq_length
    model.max_seq_length = min(chosen.max_tokens, limit or chosen.max_tokens)
    trained = run_trainer(model, examples, graded, held_out, chosen, scratch, on_progress)
    model.max_seq_length = limit
    if chosen.blend < 1:
        blend_weights(model, load_model(base, device=None), chosen.blend)
    with whole_folder(out) as unfinished:
        model.save_pretrained(str(unfinished), create_model_card=False)
        report = {
            "run": digest,
            "base": base.name,
            "settings": chosen.to_json(),
            **trained.to_json(),
        }
        (unfinished / REPORT).write_text(json.dumps(report, indent=2), encoding="utf-8")
    shutil.rmtree(scratch, ignore_errors=True)
    return trained


def finished_run(
    base: Path,
    out: Path,
    examples: Sequence[Example],
    *,
    graded: Sequence[GradedList],
    settings: TrainingSettings,
) -> Trained | None:
    """Return what the same call of `train_encoder` reported before; None where it never ended."""
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if report.get("run") != _digest(base, examples, graded, settings):
        return None
    return Trained.from_json(report)


def check_installed() -> None:
    """Say early what is missing.

    Raises:
        MissingExtra: the packages of the extra `train` are not installed.

    """
    from importlib.util import find_spec

    for package in (*MODELS, "accelerate", "datasets", "datasketch", "py3langid"):
        if find_spec(package) is None:
            raise MissingExtra(package.replace("_", "-"), "train", "Training an encoder")


def _digest(
    base: Path,
    examples: Sequence[Example],
    graded: Sequence[GradedList],
    settings: TrainingSettings,
) -> str:
    """Digest what decides a run, so that a checkpoint of another one is not gone on with."""
    known = [fingerprint_folder(base, {}), settings.to_json()]
    digest = blake2b(json.dumps(known).encode(), digest_size=8)
    for example in examples:
        digest.update(json.dumps(example.to_json()).encode())
    for one in graded:
        digest.update(json.dumps([one.query, one.texts, one.grades]).encode())
    return digest.hexdigest()


def _prepare(scratch: Path, digest: str) -> None:
    """Make the folder for checkpoints; throw away those of a run with other settings."""
    marker = scratch / "run"
    if scratch.exists() and (not marker.is_file() or marker.read_text() != digest):
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    marker.write_text(digest)

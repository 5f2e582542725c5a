"""`dsv3 model fit`: train an encoder on examples, on one process or many."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Dsv3Error
from .console import echo

if TYPE_CHECKING:
    from ..encoder.training.report import Progress, Trained


class CompressionChoice(StrEnum):
    """The formats of gradients between processes, so that typer lists and checks them."""

    none = "none"
    fp16 = "fp16"
    bf16 = "bf16"
    fp8 = "fp8"


class PrecisionChoice(StrEnum):
    """The precisions of training."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


def fit(
    examples: Annotated[Path, typer.Argument(help="JSON Lines with query and positive.")],
    base: Annotated[Path, typer.Option(help="Model folder to start from, V3 or dense.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    validation: Annotated[
        Path | None,
        typer.Option(help="Examples to choose the best state by, which are not learned from."),
    ] = None,
    batch: Annotated[
        int, typer.Option(help="Examples that are each other's negatives, over all processes.")
    ] = 64,
    micro_batches: Annotated[
        int, typer.Option(help="Batches that make a step, at least.", min=1)
    ] = 1,
    most_micro_batches: Annotated[
        int | None,
        typer.Option(help="Let steps grow up to this many batches, by the gradient's noise."),
    ] = None,
    epochs: Annotated[float, typer.Option(help="How often each example is seen.")] = 1.0,
    negatives: Annotated[
        int, typer.Option(help="Of an example's own negatives, how many are used.", min=0)
    ] = 0,
    learning_rate: Annotated[float, typer.Option(help="At the end of the warm-up.")] = 5e-5,
    warmup: Annotated[
        float, typer.Option(help="Share of the run in which the rate rises.", min=0, max=1)
    ] = 0.1,
    max_tokens: Annotated[
        int | None, typer.Option(help="Longest text that is not cut; the base's by default.")
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="How often the validation set is asked.", min=1)
    ] = 4,
    patience: Annotated[
        int, typer.Option(help="Evaluations without a gain after which training stops.", min=1)
    ] = 2,
    blend: Annotated[
        float,
        typer.Option(help="Share of trained weights; the rest are the base's.", min=0, max=1),
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the order and of dropout.")] = 0,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="auto is bf16 where the hardware has it.")
    ] = PrecisionChoice.auto,
    compression: Annotated[
        CompressionChoice, typer.Option(help="What gradients travel as.")
    ] = CompressionChoice.none,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Save memory, compute twice.")
    ] = False,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between checkpoints.")] = 900.0,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Their folder; beside OUT by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Train an encoder on examples; a killed run goes on when started again.

    On many processes: torchrun --nproc-per-node 2 -m dsv3 model fit …
    """
    from ..encoder.training.examples import read_examples
    from ..encoder.training.settings import TrainingSettings
    from ..encoder.training.train import check_installed, train_encoder
    from ..encoder.training.validation import ValidationSet

    settings = TrainingSettings(
        batch_size=batch,
        micro_batches=micro_batches,
        most_micro_batches=most_micro_batches,
        epochs=epochs,
        negatives=negatives,
        learning_rate=learning_rate,
        warmup=warmup,
        max_tokens=max_tokens,
        evaluations=evaluations,
        patience=patience,
        blend=blend,
        seed=seed,
        bf16=None if precision.value == "auto" else precision.value == "bf16",
        compression=compression.value,
        gradient_checkpointing=gradient_checkpointing,
        checkpoint_seconds=checkpoint_seconds,
    )
    check_installed()
    from ..encoder.training.processes import process_rank

    first = process_rank() == 0
    try:
        trained = train_encoder(
            base,
            out,
            list(read_examples(examples)),
            validation=ValidationSet.of(list(read_examples(validation))) if validation else None,
            settings=settings,
            checkpoints=checkpoints,
            on_progress=_ignore if json else _show_step,
        )
    except Dsv3Error as error:
        if first:
            raise
        raise typer.Exit(error.exit_code) from error  # the first process says it once
    if first:
        _show(trained, out, json=json)


def _ignore(progress: Progress) -> None:
    """Say nothing."""


def _show_step(progress: Progress) -> None:
    loss = "" if progress.loss is None else f": loss {progress.loss:.4f}"
    found = "" if progress.validation is None else f", validation {progress.validation:.4f}"
    echo(f"step {progress.step} of {progress.steps}{loss}{found}", err=True)


def _show(trained: Trained, out: Path, *, json: bool) -> None:
    if json:
        import orjson

        echo(orjson.dumps({"folder": str(out), **trained.to_json()}).decode())
        return
    went_on = f", from step {trained.resumed} on in this run" if trained.resumed else ""
    losses = [loss for _, loss in trained.losses]
    moved = f"; loss {losses[0]:.4f} to {losses[-1]:.4f}" if losses else ""
    echo(f"{out}: {trained.steps} steps by {trained.processes} processes{went_on}{moved}")
    if trained.validation:
        step, best = trained.best
        echo(
            f"  validation: {trained.validation[0][1]:.4f} before, {best:.4f} at step {step}, "
            "which was kept"
        )
    for step, micro_batches, noise in trained.accumulation:
        echo(f"  from step {step} on, {micro_batches} batches a step (noise {noise:.0f} examples)")
    for load in trained.loads:
        even = 1 / len(load.shares)
        echo(
            f"  layer {load.layer}, {load.task} gate: an expert has {min(load.shares):.1%} to "
            f"{max(load.shares):.1%} of the choices (even: {even:.1%})"
        )

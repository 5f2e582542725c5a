"""`dsv3 model fit`: train an encoder on examples, on one process or many."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Dsv3Error

if TYPE_CHECKING:
    from ..encoder.training.sharded.report import Step, TrainingReport


class WireChoice(StrEnum):
    """The formats of gradients on their way, so that typer lists and checks them."""

    none = "none"
    fp16 = "fp16"
    bf16 = "bf16"
    fp8 = "fp8"


class ArithmeticChoice(StrEnum):
    """The precisions of training."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


def fit(
    examples: Annotated[Path, typer.Argument(help="JSON Lines with query and positive.")],
    base: Annotated[Path, typer.Option(help="Model folder to start from, V3 or dense.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    batch: Annotated[
        int, typer.Option(help="Examples in a pass, over all processes: each other's negatives.")
    ] = 64,
    passes: Annotated[int, typer.Option(help="Passes that make a step, at least.", min=1)] = 1,
    most_passes: Annotated[
        int | None,
        typer.Option(help="Let steps grow up to this many passes, by the gradient's noise."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often each example is seen.", min=1)] = 1,
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
    seed: Annotated[int, typer.Option(help="Of the order and of dropout.")] = 0,
    precision: Annotated[
        ArithmeticChoice, typer.Option(help="auto is bf16 where the hardware has it.")
    ] = ArithmeticChoice.auto,
    compression: Annotated[
        WireChoice, typer.Option(help="What gradients travel as.")
    ] = WireChoice.none,
    expert_parallel: Annotated[
        int, typer.Option(help="Processes among which experts are divided.", min=1)
    ] = 1,
    reshard: Annotated[
        bool, typer.Option(help="Give gathered weights back after each forward, to save memory.")
    ] = True,
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
    from ..encoder.training.sharded.processes import process_rank
    from ..encoder.training.sharded.settings import DistributedSettings
    from ..encoder.training.sharded.train import train_distributed

    settings = DistributedSettings(
        batch=batch,
        passes=passes,
        most_passes=most_passes,
        epochs=epochs,
        negatives=negatives,
        learning_rate=learning_rate,
        warmup=warmup,
        max_tokens=max_tokens,
        seed=seed,
        precision=precision.value,
        compression=compression.value,
        expert_parallel=expert_parallel,
        reshard=reshard,
        gradient_checkpointing=gradient_checkpointing,
        checkpoint_seconds=checkpoint_seconds,
        checkpoints=checkpoints,
    )
    first = process_rank() == 0
    try:
        report = train_distributed(
            base, out, examples, settings, told=_ignore if json else _show_step
        )
    except Dsv3Error as error:
        if first:
            raise
        raise typer.Exit(error.exit_code) from error  # the first process says it once
    if first:
        _show(report, out, json=json)


def _ignore(step: Step) -> None:
    """Say nothing."""


def _show_step(step: Step) -> None:
    noise = "" if step.noise is None else f", noise {step.noise:.0f} examples"
    typer.echo(
        f"step {step.number}: loss {step.loss:.4f}, gradient {step.norm:.2f}, "
        f"passes {step.passes}{noise}, {step.tokens / step.seconds:.0f} tokens/s",
        err=True,
    )


def _show(report: TrainingReport, out: Path, *, json: bool) -> None:
    if json:
        import orjson

        typer.echo(orjson.dumps({"folder": str(out), **report.to_json()}).decode())
        return
    went_on = f", from step {report.resumed} on in this run" if report.resumed else ""
    typer.echo(
        f"{out}: {len(report.steps)} steps over {report.examples:,} examples by "
        f"{report.processes} processes{went_on}; loss {report.steps[0].loss:.4f} to "
        f"{report.steps[-1].loss:.4f}"
    )
    if len(report.choices) > 1:
        chosen = ", ".join(f"{passes} from step {step}" for step, passes in report.choices)
        typer.echo(f"  passes a step: {chosen}")
    for load in report.loads:
        even = 1 / len(load.shares)
        typer.echo(
            f"  layer {load.layer}, {load.task} gate: an expert has {min(load.shares):.1%} to "
            f"{max(load.shares):.1%} of the choices (even: {even:.1%})"
        )

"""`dsv3 train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..eval.train_shop import Outcome

AUGMENTATIONS = "brands,units,compounds,spelling,order,fewer"


def train(
    shop: Annotated[Path, typer.Option("--in", help="The shop to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder to write the trained model to.")],
    catalog: Annotated[
        str | None, typer.Option(help="Where the catalog is, with its password.")
    ] = None,
    base: Annotated[
        str, typer.Option(help="What to train: 'default', a dense or V3 folder, or a hub name.")
    ] = "default",
    judgments: Annotated[
        Path | None,
        typer.Option("--judgments", "-j", help="Graded judgments to learn from; a fifth examines."),
    ] = None,
    clicks: Annotated[Path | None, typer.Option(help="Click log to learn from, debiased.")] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="Judgments that examine the model and are not learned from."),
    ] = None,
    queries: Annotated[
        int, typer.Option(help="Queries to make from the catalog itself.", min=0)
    ] = 20_000,
    augment: Annotated[
        str, typer.Option(help="How queries are said otherwise; 'none' for not at all.")
    ] = AUGMENTATIONS,
    augmented: Annotated[
        float, typer.Option(help="Share of the examples that are also augmented.", min=0, max=1)
    ] = 0.25,
    language: Annotated[
        str, typer.Option(help="Two-letter code of the texts' language; the shop's own by default.")
    ] = "shop",
    epochs: Annotated[float, typer.Option(help="Passes over the examples.")] = 1.0,
    batch: Annotated[int, typer.Option(help="Examples in a step.", min=2)] = 64,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-5,
    negatives: Annotated[
        int, typer.Option(help="Mined or judged negatives an example.", min=0)
    ] = 0,
    matryoshka: Annotated[
        str, typer.Option(help="Leading dimensions to train too, as in 256,128.")
    ] = "",
    graded: Annotated[
        float, typer.Option(help="Share of the steps on graded lists.", min=0, max=0.9)
    ] = 0.0,
    evaluations: Annotated[
        int,
        typer.Option(help="How often the validation set is asked; the best state is kept.", min=1),
    ] = 4,
    patience: Annotated[
        int, typer.Option(help="Evaluations without a gain after which training stops.", min=1)
    ] = 2,
    max_tokens: Annotated[int, typer.Option(help="Where texts are cut while training.")] = 64,
    blend: Annotated[
        float,
        typer.Option(help="Share of trained weights; the rest are the base's.", min=0, max=1),
    ] = 0.5,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Compute activations twice to save memory.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    examples_out: Annotated[
        Path | None, typer.Option(help="Also write the examples, for `dsv3 model fit`.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Train an encoder on what a shop has; exits with 1 unless it beats its base."""
    from ..encoder.training.settings import TrainingSettings
    from ..eval.clicks.read import read_click_log
    from ..eval.examples.augment import Augmentation
    from ..eval.examples.clicked import clicked_judgments
    from ..eval.examples.training_examples import Sources
    from ..eval.judgments.load import load_qrels
    from ..eval.train_shop import train_shop
    from .console import console, shown_progress

    sources = Sources(
        catalog=queries,
        judgments=load_qrels(judgments, "auto") if judgments else None,
        clicks=clicked_judgments(read_click_log(clicks)) if clicks else None,
        test=load_qrels(test, "auto") if test else None,
        augmentation=Augmentation(_names(augment), augmented),
        negatives=negatives,
        language=language,
    )
    settings = TrainingSettings(
        epochs=epochs, batch_size=batch, learning_rate=rate, negatives=negatives,
        matryoshka=_dims(matryoshka), graded=graded, max_tokens=max_tokens,
        evaluations=evaluations, patience=patience, gradient_checkpointing=checkpointing,
        blend=blend, seed=seed,
    )  # fmt: skip
    with shown_progress(quiet=json) as progress:
        outcome = train_shop(
            shop,
            out,
            base=base,
            catalog_url=catalog,
            sources=sources,
            settings=settings,
            examples_out=examples_out,
            progress=progress,
        )
    if json:
        import orjson

        echo(orjson.dumps(outcome.to_json()).decode())
    else:
        _show(outcome, console())
    if outcome.refusal is not None:
        echo(f"dsv3: {outcome.refusal}", err=True)
        raise typer.Exit(1)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def _dims(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise InputError(f"--matryoshka {text!r}: write numbers of dimensions, as in 256,128")
    return tuple(int(part) for part in parts)


def _show(outcome: Outcome, screen: Console) -> None:
    screen.print(_filters(outcome))
    coverage = outcome.prepared.coverage
    age = "" if coverage.median_age is None else (
        f"; median age {coverage.median_age:,.0f} days by {coverage.date}"
    )  # fmt: skip
    screen.print(
        f"Training examples name {coverage.named:,} of {coverage.types:,} product types, which "
        f"{coverage.products:.0%} of the products have{age}"
    )
    counts = ", ".join(f"{count:,} {name}" for name, count in outcome.prepared.counts.items())
    screen.print(f"Examples: {counts}; graded lists: {len(outcome.prepared.graded):,}")
    trained = outcome.trained
    screen.print(
        f"Trained {trained.steps:,} steps in {trained.seconds:,.0f} s; the state of step "
        f"{trained.best[0]:,} was kept"
    )
    if trained.loads:
        from .model import loads_table

        screen.print(loads_table(outcome.to_json()["training"]["loads"]))
    found = outcome.evaluation.comparison()
    if found is not None:
        gap = found.difference
        screen.print(
            f"{found.measure} on {found.queries} queries that no training example names "
            f"({outcome.prepared.test.source}): {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], "
            f"p {found.p:.3g}: {found.verdict}"
        )
    if outcome.published:
        use = "use it with dsv3 index --encoder, best with --if-not-worse"
        screen.print(f"{outcome.folder}: written; {use}")


def _filters(outcome: Outcome) -> Table:
    """Return a row a stage and reason: what came in, what was dropped, what went on."""
    from rich.table import Table

    report = outcome.prepared.filters
    table = Table(
        title=f"Filters: {report.useful:.1%} of the examples are useful",
        title_justify="left",
        box=None,
    )
    for heading in ("Stage", "in", "dropped", "out"):
        table.add_column(heading, justify="left" if heading == "Stage" else "right")
    for stage in report.stages:
        table.add_row(
            stage.name, f"{stage.seen:,}", f"{stage.seen - stage.kept:,}", f"{stage.kept:,}"
        )
        for reason, count in sorted(stage.dropped.items(), key=lambda pair: -pair[1]):
            table.add_row(f"  {reason}", "", f"{count:,}", "", style="dim")
    return table

"""`dsv3 tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from rich.table import Table

    from ..eval.qrels import Qrels
    from ..eval.tune import Tuned

_FEATURES_SHOWN = 12


def tune(
    shop: Annotated[Path, typer.Option("--in", help="The shop.")],
    judgments: Annotated[
        list[Path] | None,
        typer.Option("--judgments", "-j", help="Graded judgments; may be given again."),
    ] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(help="A click log: grades estimated from it where nobody rated."),
    ] = None,
    layout: Annotated[str, typer.Option(help="Of the judgments; auto recognises it.")] = "auto",
    adopt: Annotated[
        bool, typer.Option("--adopt/--try", help="Keep what wins, or only show it.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the cut into folds.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Learn how a shop ranks from judgments; what does not win beyond doubt is not kept."""
    from ..eval.tune import adopted, tune
    from ..retriever.retriever import ECommRetriever
    from .console import console

    with ECommRetriever.open(shop) as opened:
        qrels = _judgments(judgments or [], clicks, layout)
        found = tune(opened, qrels, seed=seed, tell=lambda what: _tell(what, quiet=json))
    kept = adopted(shop, found) if adopt else False
    if json:
        import orjson

        echo(orjson.dumps(as_dict(found, kept=kept), option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(_steps(found))
    shares = list(found.importance.items())[:_FEATURES_SHOWN]
    out.print("What the ranker looks at: " + ", ".join(f"{n} {s:.0%}" for n, s in shares))
    if kept:
        out.print(f"{shop} ranks by it from now on.")
    elif not any(step.adopted for step in found.steps):
        out.print("Nothing wins beyond doubt; the shop ranks as before.")


def as_dict(found: Tuned, *, kept: bool) -> dict[str, object]:
    """Return what tuning found as JSON can hold it."""
    return {
        "adopted": kept,
        "steps": [
            {
                "name": step.name,
                "chosen": step.chosen,
                "verdict": step.comparison.verdict,
                "difference": step.comparison.difference.mean,
                "low": step.comparison.difference.low,
                "high": step.comparison.difference.high,
                "queries": step.comparison.queries,
                **{
                    run: {measure: step.evaluation.mean(measure, run) for measure in _MEASURES}
                    for run in ("before", "after")
                },
            }
            for step in found.steps
        ],
        "importance": dict(found.importance),
    }


_MEASURES = ("nDCG@10", "condensed(nDCG@10)")


def _steps(found: Tuned) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for name in ("What", "Before", "After", "Difference", "Verdict", "Chosen"):
        table.add_column(name, overflow="fold")
    for step in found.steps:
        before, after = (step.evaluation.mean("nDCG@10", run) for run in ("before", "after"))
        gap = step.comparison.difference
        table.add_row(
            step.name,
            f"{before:.3f}",
            f"{after:.3f}",
            f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
            step.comparison.verdict,
            step.chosen,
        )
    return table


def _judgments(files: list[Path], clicks: Path | None, layout: str) -> Qrels:
    from ..eval.judgments.load import load_qrels
    from ..eval.qrels import joined

    found = [load_qrels(file, layout) for file in files]
    if clicks is not None:
        from ..eval.click_judgments import judge_clicks
        from ..eval.clicks.read import read_click_log

        found.append(judge_clicks(read_click_log(clicks)).qrels)
    if not found:
        raise InputError("nothing to learn from: give --judgments or --clicks")
    return joined(found)


def _tell(what: str, *, quiet: bool) -> None:
    if not quiet:
        echo(f"dsv3: {what} …", err=True)

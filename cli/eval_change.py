"""`dsv3 eval change`: may the shop change its encoder, its index or its dimensions?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from rich.table import Table

    from ..eval.change import Verdict

MostLoss = Annotated[
    float, typer.Option(help="Share of nDCG@10 that each lane may lose.", min=0, max=1)
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Change the shop if no lane loses that much.")]


def change(
    shop: Annotated[Path, typer.Option("--in", help="The shop.")],
    judgments: Annotated[Path, typer.Option("--judgments", "-j", help="Graded judgments.")],
    encoder: Annotated[str | None, typer.Option(help="As `dsv3 index` takes it.")] = None,
    kind: Annotated[str | None, typer.Option("--index", help="As `dsv3 index` takes it.")] = None,
    dim: Annotated[int | None, typer.Option(help="Leading dimensions to keep.", min=1)] = None,
    template: Annotated[str | None, typer.Option(help="As `dsv3 index` takes it.")] = None,
    most_loss: MostLoss = 0.012,
    adopt: Adopt = False,
    layout: Annotated[str, typer.Option(help="Of the judgments; auto recognises it.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that encode.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Judge a change of a shop's settings before it is made; exits with 1 if it loses too much."""
    changes = {"encoder": encoder, "index": kind, "dim": dim, "template": template}
    if not any(value is not None for value in changes.values()):
        raise InputError("nothing is to change: give --encoder, --index, --dim or --template")
    judge(
        shop, changes, judgments, most_loss=most_loss, adopt=adopt, layout=layout,
        workers=workers, json=json,
    )  # fmt: skip


def judge(
    shop: Path,
    changes: Mapping[str, Any],
    judgments: Path,
    *,
    most_loss: float,
    adopt: bool,
    layout: str = "auto",
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    json: bool = False,
    known: Mapping[str, Any] | None = None,
) -> None:
    """Judge a change, print what was found, make it where that was asked; exit with 1 if not.

    With `json` one object is printed, which also holds what is `known` already.
    """
    from ..eval.change import adopt_change, judge_change
    from ..eval.judgments.load import load_qrels
    from .console import console, shown_progress

    qrels = load_qrels(judgments, layout)
    with shown_progress(quiet=json) as progress:
        verdict = judge_change(
            shop,
            changes,
            qrels,
            most_loss=most_loss,
            catalog_url=catalog_url,
            workers=workers,
            device=device,
            progress=progress,
        )
    if json:
        import orjson

        echo(orjson.dumps({**(known or {}), **verdict.to_json()}).decode())
    else:
        console().print(verdict_table(verdict))
    if verdict.refusal is not None:
        echo(f"dsv3: {verdict.refusal}", err=True)
        raise typer.Exit(1)
    if adopt:
        adopt_change(shop, verdict, catalog_url=catalog_url, workers=workers, device=device)
        echo(f"{shop}: changed", err=json)


def verdict_table(verdict: Verdict) -> Table:
    """Return a row a lane: before, after, difference, loss."""
    from rich.table import Table

    table = Table(
        title=f"{verdict.measure} on {verdict.queries} queries", title_justify="left", box=None
    )
    for heading in ("Lane", "before", "after", "difference", "loss"):
        table.add_column(heading, justify="left" if heading == "Lane" else "right")
    for lane in verdict.lanes:
        gap = lane.difference
        table.add_row(
            lane.lane,
            f"{lane.before:.4f}",
            f"{lane.after:.4f}",
            f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]",
            f"{lane.loss:+.1%}",
        )
    return table

"""`dsv3 eval clicks`: click models, simulated shoppers, interleaving."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import echo

if TYPE_CHECKING:
    from rich.table import Table

    from ..eval.clicks import ClickLog, Simulation
    from ..eval.qrels import Qrels
    from ..eval.run import Run

app = typer.Typer(
    help="Fit click models on a log, simulate shoppers, interleave two systems.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Log = Annotated[
    Path,
    typer.Argument(
        help="Click log: a table with session_id, query, position, product_id, clicked; or a "
        "folder of OpenSearch User Behavior Insights."
    ),
]
Systems = Annotated[
    list[Path], typer.Argument(help="Shops (folders) or run files; the first is the baseline.")
]
Judgments = Annotated[Path, typer.Option("--judgments", "-j", help="Graded judgments.")]
Model = Annotated[
    str,
    typer.Option(help="pbm, cascade, dcm, sdbn, dbn, ubm, or a file that `fit --judgments` saved."),
]
Shopper = Annotated[str, typer.Option(help="Whose habits: navigational, informational or perfect.")]
Sessions = Annotated[int, typer.Option(help="Searches to simulate for each query; 0 is exact.")]
Shown = Annotated[int, typer.Option("-k", help="Results a shopper sees.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn at random.")]
LeaveOut = Annotated[
    bool,
    typer.Option("--leave-out-unjudged", help="Drop products nobody judged instead of grade 0."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one object.")]


@app.command()
def fit(
    log: Log,
    model: Annotated[
        list[str] | None,
        typer.Option(help="pbm, cascade, dcm, sdbn, dbn, ubm; several are compared."),
    ] = None,
    judgments: Annotated[
        Path | None,
        typer.Option("--judgments", "-j", help="Fit to grades instead of single products."),
    ] = None,
    held_out: Annotated[float, typer.Option(help="Share of searches to test on.")] = 0.2,
    save: Annotated[
        Path | None, typer.Option(help="Write the model, fitted on every search; of one model.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Fit click models on a log and say how well they predict held-out searches."""
    from ..eval.click_study import fit_and_save, fit_and_test
    from ..eval.clicks import read_click_log
    from ..eval.judgments.load import load_qrels
    from ..eval.report.clicks import fit_table

    names = model or ["dbn"]
    found = read_click_log(log)
    qrels = None if judgments is None else load_qrels(judgments)
    fits = [fit_and_test(found, name, qrels, held_out=held_out, seed=seed) for name in names]
    if save is not None:
        fit_and_save(found, names, qrels, save)
    _print(
        fit_table(fits),
        {"fits": [asdict(row) for row in fits], "rejected": asdict(found.rejected)},
        json=json,
    )
    if not json:
        for line in _rejected(found):
            echo(line)


@app.command()
def judge(
    log: Log,
    out: Annotated[
        Path, typer.Option(help="The judgments to write: .csv, .tsv, .jsonl, .json or .parquet.")
    ],
    model: Annotated[str, typer.Option(help="pbm, cascade, dcm, sdbn, dbn, ubm.")] = "dbn",
    judgments: Annotated[
        Path | None,
        typer.Option(
            "--judgments", "-j", help="Rated pairs: they set the scale, and are compared with."
        ),
    ] = None,
    shopper: Shopper = "navigational",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Grade products by their clicks, as far as a log can tell; the rater is clicks:MODEL."""
    from ..eval.click_judgments import judge_clicks
    from ..eval.clicks import read_click_log
    from ..eval.judgments.load import load_qrels
    from ..eval.judgments.tables import write_judgments
    from ..eval.report.clicks import judged_lines, judged_table

    found = read_click_log(log)
    qrels = None if judgments is None else load_qrels(judgments)
    judged = judge_clicks(found, model, qrels, shopper=shopper, seed=seed)
    write_judgments(judged.qrels, out)
    values = {
        "rater": judged.rater,
        "pairs": len(judged.grades),
        "left_out": judged.left_out,
        "scale": judged.scale,
        "agreement": None if judged.agreement is None else asdict(judged.agreement),
        "rejected": asdict(found.rejected),
    }
    _print(judged_table(judged), values, json=json)
    if not json:
        for line in [*judged_lines(judged), *_rejected(found)]:
            echo(line)
        echo(f"{out}: {len(judged.grades):,} judgments")


@app.command()
def simulate(
    systems: Systems,
    judgments: Judgments,
    model: Model = "dbn",
    shopper: Shopper = "navigational",
    sessions: Sessions = 1000,
    k: Shown = 10,
    seed: Seed = 0,
    leave_out_unjudged: LeaveOut = False,
    json: Json = False,
) -> None:
    """Let simulated shoppers use each system: CTR, clicks, abandonment, lift."""
    from ..eval.click_study import simulate_runs
    from ..eval.report.clicks import click_table

    qrels, runs = _read(judgments, systems, k)
    asked = _simulation(model, shopper, sessions, k, seed, leave_out=leave_out_unjudged)
    clicks, lifts = simulate_runs(runs, qrels, asked)
    _print(
        click_table(clicks, lifts, runs[0].name),
        {
            "clicks": {name: asdict(report) for name, report in clicks.items()},
            "ctr_lifts": {name: asdict(lift) for name, lift in lifts.items()},
        },
        json=json,
    )


@app.command()
def interleave(
    baseline: Annotated[Path, typer.Argument(help="A shop (folder) or a run file.")],
    system: Annotated[Path, typer.Argument(help="A shop (folder) or a run file.")],
    judgments: Judgments,
    model: Model = "dbn",
    shopper: Shopper = "navigational",
    sessions: Sessions = 100,
    k: Shown = 10,
    seed: Seed = 0,
    leave_out_unjudged: LeaveOut = False,
    json: Json = False,
) -> None:
    """Mix two systems' results in one list and see whose products are clicked."""
    from ..eval.clicks import interleave as mix
    from ..eval.report.clicks import interleaving_table

    qrels, (first, second) = _read(judgments, [baseline, system], k)
    asked = _simulation(model, shopper, sessions, k, seed, leave_out=leave_out_unjudged)
    found = mix(first.rankings, second.rankings, qrels.grades, asked)
    table = interleaving_table(found, first.name, second.name)
    _print(table, {**asdict(found), "verdict": found.verdict}, json=json)


@app.command()
def estimate(
    log: Log,
    systems: Annotated[list[Path], typer.Argument(help="Run files of the other systems.")],
    clip: Annotated[float | None, typer.Option(help="The largest weight of a search.")] = None,
    json: Json = False,
) -> None:
    """Estimate another system's clicks from a log with propensities."""
    from ..eval.clicks import estimate_clicks, read_click_log
    from ..eval.judgments.load import load_runs
    from ..eval.report.clicks import estimate_table

    found = read_click_log(log)
    estimates = {
        run.name: estimate_clicks(found, run.rankings, clip=clip) for run in load_runs(systems)
    }
    values = {name: asdict(row) for name, row in estimates.items()}
    _print(estimate_table(estimates), values, json=json)


def _rejected(log: ClickLog) -> list[str]:
    """Say what of a log was not used; empty where that is nothing."""
    reasons = ", ".join(f"{count} {why}" for why, count in log.rejected.counts.items())
    return [f"rejected: {reasons}"] if reasons else []


def _read(judgments: Path, systems: list[Path], k: int) -> tuple[Qrels, list[Run]]:
    from ..eval.judgments.load import load_qrels
    from ..eval.shop import rank_all

    qrels = load_qrels(judgments)
    return qrels, rank_all(systems, qrels, k)


def _simulation(
    model: str, shopper: str, sessions: int, k: int, seed: int, *, leave_out: bool
) -> Simulation:
    from ..eval.clicks import Simulation, load_model

    return Simulation(
        model=load_model(Path(model)).model if model.endswith(".json") else model,
        sessions=sessions,
        k=k,
        seed=seed,
        shopper=shopper,
        unjudged="left out" if leave_out else "irrelevant",
    )


def _print(table: Table, values: dict[str, Any], *, json: bool) -> None:
    if json:
        import orjson

        echo(orjson.dumps(values).decode())
    else:
        from .console import console

        console().print(table)

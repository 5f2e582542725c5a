"""`dsv3 eval`: how good is the search?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from . import eval_change, eval_clicks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..eval.evaluation import Evaluation
    from ..eval.qrels import Qrels
    from ..retriever.retriever import ECommRetriever

app = typer.Typer(
    help="Measure how good the search is: on judgments, on the long tail, on simulated clicks.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.add_typer(eval_clicks.app, name="clicks")
app.command("change")(eval_change.change)

Judgments = Annotated[
    Path | None,
    typer.Option(
        "--judgments",
        "-j",
        help="Graded judgments: CSV, TSV, JSONL, Parquet, TREC qrels, or a folder in the layout "
        "of BEIR, ESCI or WANDS.",
    ),
]
Layout = Annotated[
    str, typer.Option(help="esci, wands, beir, chorus, trec, table, or auto to recognise it.")
]
QueryTexts = Annotated[
    Path | None, typer.Option("--queries", help="Query ids and texts, where judgments lack texts.")
]
Split = Annotated[
    str | None, typer.Option(help="Part of a published collection: test, dev, train.")
]
Locale = Annotated[str | None, typer.Option(help="Country of ESCI: us, es, jp.")]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measures",
        "-m",
        help="Such as 'nDCG@10, P@1, condensed nDCG@10, exponential nDCG@10'; verdicts go by "
        "the first.",
    ),
]
Log = Annotated[
    Path | None, typer.Option("--log", help="Query log with query, frequency: cuts the long tail.")
]
Bm25 = Annotated[str, typer.Option(help="The BM25 baseline: tuned, default, none.")]
Clicks = Annotated[
    str, typer.Option("--click-model", help="Model that simulates shoppers; none for no clicks.")
]
Depth = Annotated[int, typer.Option(help="Results taken from each system.")]
Shown = Annotated[int, typer.Option("-k", help="Results a shopper sees.")]
Alpha = Annotated[float, typer.Option(help="Risk of calling chance a difference.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn at random.")]
Worst = Annotated[int, typer.Option(help="How many of the worst queries to list.")]
Report = Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")]
Json = Annotated[bool, typer.Option("--json", help="Print one object.")]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help="Exit with 1 where this holds: 'nDCG@10 < 0.60'."),
]
FailIfWorse = Annotated[
    bool, typer.Option("--fail-if-worse", help="Exit with 1 if worse than the baseline.")
]


@app.callback()
def evaluate(
    context: typer.Context,
    shop: Annotated[Path | None, typer.Option("--in", help="The shop to evaluate.")] = None,
    judgments: Judgments = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another shop to compare with.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Another engine's run: TREC, or query, product_id, rank."),
    ] = None,
    measures: Measures = None,
    layout: Layout = "auto",
    queries: QueryTexts = None,
    split: Split = None,
    locale: Locale = None,
    log: Log = None,
    bm25: Bm25 = "tuned",
    click_model: Clicks = "dbn",
    depth: Depth = 100,
    k: Shown = 10,
    alpha: Alpha = 0.05,
    seed: Seed = 0,
    worst: Worst = 5,
    report: Report = None,
    save_run: Annotated[
        Path | None, typer.Option(help="Write the shop's rankings as a TREC run file.")
    ] = None,
    json: Json = False,
    fail_if: FailIf = None,
    fail_if_worse: FailIfWorse = False,
) -> None:
    """Evaluate a shop or run files on judgments, beside random and tuned BM25."""
    if context.invoked_subcommand is not None:
        return
    if judgments is None or (shop is None and not run):
        raise InputError("give --judgments, and a shop with --in or a run with --run")
    from ..eval.gate import parse_gate
    from ..eval.judgments.load import load_frequencies, load_qrels, load_runs
    from ..eval.judgments.trec import write_trec_run
    from ..eval.measures import parse_measures_or_default
    from ..eval.shop import evaluate_runs, evaluate_shop, names_of

    gates = [parse_gate(text) for text in fail_if or []]
    chosen = parse_measures_or_default(measures or [], [gate.measure for gate in gates])
    qrels = load_qrels(judgments, layout, queries=queries, split=split, locale=locale)
    runs = load_runs(run or [])
    frequencies = load_frequencies(log)
    model = None if click_model == "none" else click_model
    if shop is None:
        found = evaluate_runs(
            qrels, runs, clicks=model, measures=chosen, frequencies=frequencies,
            k=k, alpha=alpha, seed=seed,
        )  # fmt: skip
    else:
        with _open(shop, *(against or [])) as (subject, *others), _telling(quiet=json) as tell:
            found = evaluate_shop(
                subject, qrels, against=dict(zip(names_of(against or []), others, strict=True)),
                runs=runs, bm25=bm25, measures=chosen, frequencies=frequencies, clicks=model,
                depth=depth, k=k, alpha=alpha, seed=seed, tell=tell,
            )  # fmt: skip
    if save_run is not None:
        write_trec_run(found.run(found.subject), save_run)
    _show(found, report=report, json=json, worst=worst)
    _fail(found, fail_if or [], if_worse=fail_if_worse)


@app.command()
def ab(
    a: Annotated[Path, typer.Argument(help="The shop as it is.")],
    b: Annotated[Path, typer.Argument(help="The shop as it might be.")],
    judgments: Judgments = None,
    measures: Measures = None,
    layout: Layout = "auto",
    queries: QueryTexts = None,
    split: Split = None,
    locale: Locale = None,
    log: Log = None,
    bm25: Bm25 = "tuned",
    click_model: Clicks = "dbn",
    depth: Depth = 100,
    k: Shown = 10,
    alpha: Alpha = 0.05,
    seed: Seed = 0,
    worst: Worst = 5,
    report: Report = None,
    json: Json = False,
    fail_if: FailIf = None,
    fail_if_worse: FailIfWorse = False,
) -> None:
    """Compare two shops: is B better than A?"""
    if judgments is None:
        raise InputError("give --judgments")
    from ..eval.gate import parse_gate
    from ..eval.judgments.load import load_frequencies, load_qrels
    from ..eval.measures import parse_measures_or_default
    from ..eval.shop import evaluate_shop, names_of

    gates = [parse_gate(text) for text in fail_if or []]
    chosen = parse_measures_or_default(measures or [], [gate.measure for gate in gates])
    qrels: Qrels = load_qrels(judgments, layout, queries=queries, split=split, locale=locale)
    before, after = names_of([a, b])
    with _open(a, b) as (first, second), _telling(quiet=json) as tell:
        found = evaluate_shop(
            second, qrels, name=after, against={before: first}, modes=(), bm25=bm25,
            measures=chosen, frequencies=load_frequencies(log),
            clicks=None if click_model == "none" else click_model,
            depth=depth, k=k, alpha=alpha, seed=seed, tell=tell,
        )  # fmt: skip
    _show(found, report=report, json=json, worst=worst)
    _fail(found, fail_if or [], if_worse=fail_if_worse)


@contextmanager
def _open(*paths: Path) -> Iterator[list[ECommRetriever]]:
    from ..retriever.retriever import ECommRetriever

    with ExitStack() as stack:
        yield [stack.enter_context(ECommRetriever.open(path)) for path in paths]


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done; a pipe hears nothing."""
    from .console import console

    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield lambda stage: None
        return
    with screen.status("") as status:
        yield status.update


def _show(found: Evaluation, *, report: Path | None, json: bool, worst: int) -> None:
    if report is not None:
        from ..eval.report.page import write_html

        write_html(found, report)
    if json:
        import orjson

        from ..eval.report.summary import as_dict

        typer.echo(orjson.dumps(as_dict(found)).decode())
        return
    from ..eval.report.terminal import print_report
    from .console import console

    print_report(found, console(), worst)
    if report is not None:
        typer.echo(f"report: {report}")


def _fail(found: Evaluation, conditions: list[str], *, if_worse: bool) -> None:
    from ..eval.gate import failures, parse_gate

    told = failures(found, [parse_gate(text) for text in conditions], if_worse=if_worse)
    for line in told:
        typer.echo(f"dsv3: {line}", err=True)
    if told:
        raise typer.Exit(1)

"""`dsv3 eval`: how good is the search?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..errors import InputError
from . import eval_change, eval_clicks, eval_fetch, eval_rating
from .console import echo

if TYPE_CHECKING:
    from ..eval.conditions import Condition
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
app.command("fetch")(eval_fetch.fetch)
app.command("pool")(eval_rating.pool)
app.command("rate")(eval_rating.rate)
app.command("agreement")(eval_rating.agreement)
app.command("merge")(eval_rating.merge)

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
Raters = Annotated[
    str | None,
    typer.Option(help="Only grades by these raters, as in human or 'anna,ben'."),
]
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


@dataclass(frozen=True)
class Options:
    """What `dsv3 eval` and `dsv3 eval ab` are both told; each field is an option of both."""

    judgments: Judgments = None
    measures: Measures = None
    layout: Layout = "auto"
    queries: QueryTexts = None
    split: Split = None
    locale: Locale = None
    raters: Raters = None
    log: Log = None
    bm25: Bm25 = "tuned"
    click_model: Clicks = "dbn"
    depth: Depth = 100
    k: Shown = 10
    alpha: Alpha = 0.05
    seed: Seed = 0
    worst: Worst = 5
    report: Report = None
    json: Json = False
    fail_if: FailIf = None
    fail_if_worse: FailIfWorse = False

    def qrels(self) -> Qrels:
        """Read the judgments."""
        if self.judgments is None:
            raise InputError("give --judgments")
        from ..eval.judgments.load import load_qrels

        found = load_qrels(
            self.judgments, self.layout, queries=self.queries, split=self.split, locale=self.locale
        )
        return found.by_raters(self.raters.split(",")) if self.raters else found

    def conditions(self) -> list[Condition]:
        """Read the conditions that fail."""
        from ..eval.conditions import parse_condition

        return [parse_condition(text) for text in self.fail_if or []]

    def arguments(self) -> dict[str, Any]:
        """Return what every evaluation takes, by the names of its parameters."""
        from ..eval.judgments.load import load_frequencies
        from ..eval.measures import parse_measures_or_default

        needed = [condition.measure for condition in self.conditions()]
        return {
            "measures": parse_measures_or_default(self.measures or [], needed),
            "frequencies": load_frequencies(self.log),
            "clicks": None if self.click_model == "none" else self.click_model,
            "k": self.k,
            "alpha": self.alpha,
            "seed": self.seed,
        }


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `options` an option for each field of `Options` instead."""
    shared = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(Options, name), annotation=kind)
        for name, kind in get_type_hints(Options, include_extras=True).items()
    ]
    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [each for each in own if each.name != "options"] + shared

    def run(**given: Any) -> None:
        chosen = Options(**{each.name: given.pop(each.name) for each in shared})
        command(**given, options=chosen)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


@app.callback()
@_with_options
def evaluate(
    context: typer.Context,
    shop: Annotated[Path | None, typer.Option("--in", help="The shop to evaluate.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another shop to compare with.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Another engine's run: TREC, or query, product_id, rank."),
    ] = None,
    save_run: Annotated[
        Path | None, typer.Option(help="Write the shop's rankings as a TREC run file.")
    ] = None,
    *,
    options: Options,
) -> None:
    """Evaluate a shop or run files on judgments, beside random and tuned BM25."""
    if context.invoked_subcommand is not None:
        return
    if options.judgments is None or (shop is None and not run):
        raise InputError("give --judgments, and a shop with --in or a run with --run")
    from ..eval.judgments.load import load_runs
    from ..eval.judgments.trec import write_trec_run
    from ..eval.shop import evaluate_runs, evaluate_shop, names_of

    arguments, qrels, runs = options.arguments(), options.qrels(), load_runs(run or [])
    if shop is None:
        found = evaluate_runs(qrels, runs, **arguments)
    else:
        with _open(shop, *(against or [])) as (subject, *others), _telling(options) as tell:
            found = evaluate_shop(
                subject,
                qrels,
                against=dict(zip(names_of(against or []), others, strict=True)),
                runs=runs,
                bm25=options.bm25,
                depth=options.depth,
                tell=tell,
                **arguments,
            )
    if save_run is not None:
        write_trec_run(found.run(found.subject), save_run)
    _conclude(found, options)


@app.command()
@_with_options
def ab(
    a: Annotated[Path, typer.Argument(help="The shop as it is.")],
    b: Annotated[Path, typer.Argument(help="The shop as it might be.")],
    *,
    options: Options,
) -> None:
    """Compare two shops: is B better than A?"""
    from ..eval.shop import evaluate_shop, names_of

    arguments, qrels = options.arguments(), options.qrels()
    before, after = names_of([a, b])
    with _open(a, b) as (first, second), _telling(options) as tell:
        found = evaluate_shop(
            second,
            qrels,
            name=after,
            against={before: first},
            modes=(),
            bm25=options.bm25,
            depth=options.depth,
            tell=tell,
            **arguments,
        )
    _conclude(found, options)


@contextmanager
def _open(*paths: Path) -> Iterator[list[ECommRetriever]]:
    from ..retriever.retriever import ECommRetriever

    with ExitStack() as stack:
        yield [stack.enter_context(ECommRetriever.open(path)) for path in paths]


@contextmanager
def _telling(options: Options) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done; a pipe hears nothing."""
    from .console import console

    screen = console(stderr=True)
    if options.json or not screen.is_terminal:
        yield lambda stage: None
        return
    with screen.status("") as status:
        yield status.update


def _conclude(found: Evaluation, options: Options) -> None:
    """Print and write what was found; exit with 1 where a condition says so."""
    from ..eval.conditions import failures

    _show(found, options)
    told = failures(found, options.conditions(), if_worse=options.fail_if_worse)
    for line in told:
        echo(f"dsv3: {line}", err=True)
    if told:
        raise typer.Exit(1)


def _show(found: Evaluation, options: Options) -> None:
    if options.report is not None:
        from ..eval.report.page import write_html

        write_html(found, options.report)
    if options.json:
        import orjson

        from ..eval.report.summary import as_dict

        echo(orjson.dumps(as_dict(found)).decode())
        return
    from ..eval.report.terminal import print_report
    from .console import console

    print_report(found, console(), options.worst)
    if options.report is not None:
        echo(f"report: {options.report}")

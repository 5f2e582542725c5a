"""`dsv3 eval pool`, `rate`, `agreement`, `merge`: filling the holes in judgments."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from ..eval.qrels import Qrels
    from ..eval.rating.agreement import Agreement, Estimate
    from ..eval.rating.ratings import Item, Rating

Judgments = Annotated[Path, typer.Option("--judgments", "-j", help="Graded judgments.")]
Layout = Annotated[str, typer.Option(help="Of the judgments; auto recognises it.")]
QueryTexts = Annotated[
    Path | None, typer.Option("--queries", help="Query ids and texts, where judgments lack texts.")
]
RatingFiles = Annotated[
    list[Path], typer.Argument(help="Files that dsv3 eval rate has written, or tables with grades.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one object.")]


def pool(
    shop: Annotated[Path, typer.Option("--in", help="The shop that is evaluated.")],
    judgments: Judgments,
    out: Annotated[Path, typer.Option(help="Where the pairs to rate go: JSON Lines.")],
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another shop to compare with.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Another engine's run: TREC, or query, product_id, rank."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="How far down each ranking is rated.")] = 15,
    controls: Annotated[
        float, typer.Option(min=0, max=1, help="Rated pairs to mix in, as a share of the others.")
    ] = 0.1,
    deeper: Annotated[
        int, typer.Option(min=0, help="Pairs to draw from below the depth, down to rank 100.")
    ] = 20,
    bm25: Annotated[str, typer.Option(help="The BM25 baseline: tuned, default, none.")] = "tuned",
    raters: Annotated[
        str | None,
        typer.Option(help="Count only grades by these raters, as in human or 'anna,ben'."),
    ] = None,
    layout: Layout = "auto",
    queries: QueryTexts = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Results that the comparison looks at.")] = 10,
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
) -> None:
    """List what the systems show and nobody rated, what decides the comparison first."""
    from ..eval.judgments.load import load_runs
    from ..eval.rating.pool import make_pool
    from ..eval.shop import names_of
    from ..retriever.retriever import ECommRetriever
    from .console import console

    qrels, runs, others = _qrels(judgments, layout, queries), load_runs(run or []), against or []
    if raters:
        qrels = qrels.by_raters(raters.split(","))
    with ExitStack() as stack:
        subject, *rest = (
            stack.enter_context(ECommRetriever.open(path)) for path in (shop, *others)
        )
        screen = console(stderr=True)
        tell = stack.enter_context(screen.status("")).update if screen.is_terminal else _silent
        found = make_pool(
            subject,
            qrels,
            against=dict(zip(names_of(others), rest, strict=True)),
            runs=runs,
            bm25=bm25,
            depth=depth,
            controls=controls,
            deeper=deeper,
            k=k,
            seed=seed,
            tell=tell,
        )
    found.write(out)
    echo(
        f"{out}: {len(found.lines):,} pairs: {found.unrated:,} that nobody rated, "
        f"{found.controls:,} rated ones as controls, {found.deeper:,} from further down"
    )
    if found.absent:
        echo(f"{found.absent:,} pairs are left out: no shop at hand holds their products", err=True)
    settled = f"the first {found.settling:,} would likely settle" if found.settling else "settled:"
    echo(f"{settled} {found.compared}")


def rate(
    to_rate: Annotated[Path, typer.Argument(help="Pairs to rate, as dsv3 eval pool lists them.")],
    out: Annotated[Path, typer.Option(help="Where ratings go; goes on where it stopped.")] = Path(
        "ratings.jsonl"
    ),
    rater: Annotated[
        str,
        typer.Option(help="Who rates: a name, or the URL of an OpenAI-compatible server."),
    ] = "",
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Let the browser fetch pictures of products.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")
    ] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    model: Annotated[str | None, typer.Option(help="The model, as its server calls it.")] = None,
    guide: Annotated[
        Path | None, typer.Option(help="How a model is to grade; dsv3's own guide if not given.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="As in '200 requests' or '500000 tokens', for this run.")
    ] = None,
    key_env: Annotated[
        str, typer.Option(help="Environment variable that holds the server's key.")
    ] = "OPENAI_API_KEY",
    log: Annotated[
        Path | None, typer.Option(help="What a model was asked and answered; OUT.log if not given.")
    ] = None,
) -> None:
    """Rate pairs, in a browser page or by a model; every grade is saved at once."""
    from ..eval.rating.ratings import check_name, read_items

    items, by_model = read_items(to_rate), rater.startswith(("http://", "https://"))
    if not by_model:
        given = {"--model": model, "--guide": guide, "--budget": budget, "--log": log}
        odd = [name for name, value in given.items() if value is not None]
        if odd:
            raise InputError(f"{odd[0]} is for models: give --rater the URL of a server")
        if rater:
            check_name(rater)
        _rate_on_page(items, out, rater, pictures, port, not no_open)
        return
    if model is None:
        raise InputError("give --model: what the server calls the model")
    _rate_by_model(items, out, rater, model, guide, budget, key_env, log)


def _rate_on_page(
    items: Sequence[Item], out: Path, rater: str, pictures: bool, port: int, show: bool
) -> None:
    from ..eval.rating.page import serve_page
    from ..eval.rating.ratings import Ratings

    ratings = Ratings(out)
    with suppress(KeyboardInterrupt):
        serve_page(
            items,
            ratings,
            rater=rater,
            pictures=pictures,
            port=port,
            show=show,
            tell=lambda address: echo(f"{address}  (Ctrl-C to stop)", err=True),
        )
    for name, done in ratings.counts(items).items():
        echo(f"{ratings.path}: {done:,} of {len(items):,} pairs rated by {name}")


def _rate_by_model(
    items: Sequence[Item],
    out: Path,
    url: str,
    model: str,
    guide: Path | None,
    budget: str | None,
    key_env: str,
    log: Path | None,
) -> None:
    from ..eval.rating.model import Budget, ModelRater, default_guide, key_from
    from ..eval.rating.ratings import Ratings, name_of_model

    if guide is not None and not guide.is_file():
        raise InputError(f"{guide}: no such file")
    asked = ModelRater(
        url,
        model,
        default_guide() if guide is None else guide.read_text(encoding="utf-8"),
        log or out.with_name(f"{out.name}.log"),
        key=key_from(key_env),
        budget=Budget() if budget is None else Budget.parse(budget),
        tell=lambda line: echo(f"dsv3: {line}", err=True),
    )
    name, ratings = name_of_model(model), Ratings(out)
    spent = asked.rate(items, ratings, name)
    left = len(items) - ratings.counts(items).get(name, 0)
    echo(
        f"{ratings.path}: {spent.rated:,} pairs rated by {name}, {left:,} left; "
        f"{spent.requests:,} requests, {spent.tokens:,} tokens"
    )
    if spent.stopped:
        echo("the budget is spent; the same command goes on", err=True)
    if spent.failed:
        echo(f"dsv3: {spent.failed:,} pairs got no usable answer; see {asked.log}", err=True)
        raise typer.Exit(1)


def agreement(
    ratings: RatingFiles,
    judgments: Annotated[
        Path | None, typer.Option("--judgments", "-j", help="Judgments that controls came from.")
    ] = None,
    layout: Layout = "auto",
    queries: QueryTexts = None,
    seed: Annotated[int, typer.Option(help="Of the resampling.")] = 0,
    json: Json = False,
) -> None:
    """Say how far raters agree, with judgments and with each other."""
    from ..eval.rating.agreement import as_dict, measure_agreement

    qrels = None if judgments is None else _qrels(judgments, layout, queries)
    found = measure_agreement(_ratings(ratings), qrels, seed=seed)
    if json:
        import orjson

        echo(orjson.dumps([as_dict(each) for each in found]).decode())
        return
    if not found:
        echo("one rater alone; give --judgments to compare with")
        return
    _show_agreement(found)


def merge(
    judgments: Annotated[Path, typer.Argument(help="Judgments so far.")],
    ratings: RatingFiles,
    out: Annotated[
        Path, typer.Option(help="The new judgments: CSV, TSV, JSONL, JSON, Parquet, else TREC.")
    ],
    least_agreement: Annotated[
        float,
        typer.Option(
            min=-1, max=1, help="Weighted kappa below which a rater stays out; -1 lets all in."
        ),
    ] = 0.6,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Replace grades that are there already.")
    ] = False,
    layout: Layout = "auto",
    queries: QueryTexts = None,
) -> None:
    """Bring ratings into judgments, but for those of raters who agree too little."""
    from ..eval.rating.merge import merge_ratings, write_qrels

    found = merge_ratings(
        _qrels(judgments, layout, queries),
        _ratings(ratings),
        least_agreement=least_agreement,
        overrule=overrule,
    )
    for each in found.refused:
        echo(f"dsv3: {each.rater}: {each.grades:,} grades stay out: {each.reason}", err=True)
    if not found.added + found.overruled + found.kept:
        raise InputError("no rating may enter; nothing was written (--least-agreement)")
    write_qrels(found.qrels, out)
    echo(
        f"{out}: {found.qrels.pairs:,} pairs: {found.added:,} added, {found.overruled:,} "
        f"overruled, {found.kept:,} rated anew that keep their grade"
    )


def _qrels(path: Path, layout: str, queries: Path | None) -> Qrels:
    from ..eval.judgments.load import load_qrels

    return load_qrels(path, layout, queries=queries)


def _ratings(paths: Sequence[Path]) -> list[Rating]:
    from ..eval.rating.merge import read_grades

    return [rating for path in paths for rating in read_grades(path)]


def _show_agreement(found: Sequence[Agreement]) -> None:
    from rich.table import Table

    from .console import console

    table = Table(box=None)
    for heading in ("Raters", "pairs", "same grade", "weighted kappa", "Krippendorff's alpha"):
        table.add_column(heading, justify="left" if heading == "Raters" else "right")
    for each in found:
        table.add_row(
            " / ".join(each.raters),
            f"{each.pairs:,}",
            f"{each.same:.0%}",
            _estimate(each.kappa),
            _estimate(each.alpha),
        )
    console().print(table)


def _estimate(found: Estimate | None) -> str:
    return "–" if found is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _silent(stage: str) -> None:
    del stage

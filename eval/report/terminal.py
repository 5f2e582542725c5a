"""The report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..evaluation import Evaluation, Score
from ..measures import label
from ..queries import QueryView
from .clicks import STYLES, click_table, titled
from .text import (
    change,
    interval,
    needed,
    number,
    p_value,
    percent,
    sentence,
    short_verdict,
    table_rows,
)

# With more systems than these, an interval stands below its mean, or it would be broken in two.
SIDE_BY_SIDE = 3


def print_report(found: Evaluation, console: Console, worst: int = 5) -> None:
    """Print everything that was found, the verdict last."""
    console.print(Group(*_parts(found, worst)))


def _parts(found: Evaluation, worst: int) -> Iterator[RenderableType]:
    yield _scores(found)
    yield _rated(found)
    if found.comparisons:
        yield _comparisons(found)
    if found.slice_results:
        yield _slices(found)
    if found.coverage:
        yield _coverage(found)
    if found.clicks:
        yield click_table(found.clicks, found.lifts, found.baseline)
    if worst:
        yield _worst(found, worst)
    for note in found.notes:
        yield Text(f"· {note}", style="dim")
    comparison = found.comparison()
    if comparison is not None:
        yield Text(sentence(comparison), style=STYLES.get(comparison.verdict, "bold"))


def _scores(found: Evaluation) -> Table:
    count = f"{len(found.qrels)} queries, {found.qrels.pairs} judged pairs"
    table = titled(f"Match accuracy ({count}; mean [95 % interval])")
    table.add_column("measure")
    for run in found.runs:
        table.add_column(run.name, justify="right")
    gap = " " if len(found.runs) <= SIDE_BY_SIDE else "\n"
    for measure in found.measures:
        scores = [found.scores[run.name][measure] for run in found.runs]
        table.add_row(label(measure), *(interval(score.mean, gap) for score in scores))
        if any(score.bounds for score in scores):
            table.add_row(
                "  unrated irrelevant … relevant",
                *(f"{low:.3f} … {high:.3f}" for low, high in _bounds(scores)),
                style="dim",
            )
    primary = [number(found.scores[run.name][found.primary].answerable) for run in found.runs]
    if found.qrels.without_relevant():
        table.add_section()
        table.add_row(f"{label(found.primary)}, answerable", *primary)
    return table


def _bounds(scores: list[Score]) -> Iterator[tuple[float, float]]:
    return (score.bounds or (score.mean.mean, score.mean.mean) for score in scores)


def _rated(found: Evaluation) -> Table:
    table = titled("Results that are rated, by rank")
    table.add_column("system")
    for rank in range(1, found.k + 1):
        table.add_column(str(rank), justify="right")
    for name, shares in found.rated.items():
        table.add_row(name, *(f"{share:.0%}" for share in shares))
    return table


def _comparisons(found: Evaluation) -> Table:
    table = titled(f"Against {found.baseline} (paired tests, Holm-corrected on each measure)")
    for name in ("measure", "system"):
        table.add_column(name)
    for name in ("difference", "effect", "won/lost/tied", "p"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    table.add_column("queries needed", justify="right")
    first = label(found.primary)
    for row in table_rows(found):
        table.add_row(
            row.measure,
            row.system,
            change(row.difference, "\n"),
            f"{row.effect:+.2f}",
            f"{row.wins}/{row.losses}/{row.ties}",
            p_value(row.p_adjusted),
            Text(short_verdict(row), style=STYLES.get(row.verdict, "")),
            needed(row),
            end_section=(row.measure, row.system) == (first, found.subject),
        )
    return table


def _slices(found: Evaluation) -> Table:
    table = titled(f"Long tail (a relevant product in the top {found.k} / nDCG / no results)")
    table.add_column("slice")
    table.add_column("queries", justify="right")
    for run in found.runs:
        table.add_column(run.name, justify="right")
    for name in dict.fromkeys(result.slice for result in found.slice_results):
        results = {r.system: r for r in found.slice_results if r.slice == name}
        table.add_row(
            name,
            str(next(iter(results.values())).queries),
            *(
                f"{r.success:.0%} / {number(r.ndcg)} / {r.zero_results:.0%}"
                for r in (results[run.name] for run in found.runs)
            ),
        )
    table.caption = found.slices.how if found.slices is not None else None
    table.caption_justify = "left"
    return table


def _coverage(found: Evaluation) -> Table:
    table = titled(f"Catalog shown in the top {found.k}")
    table.add_column("system")
    for name in ("products", "of at most", "of the catalog", "Gini", "Gini of shown"):
        table.add_column(name, justify="right")
    for row in found.coverage:
        table.add_row(
            row.system,
            f"{row.shown:,}",
            f"{row.possible:,}",
            percent(row.share, 2),
            number(row.gini),
            number(row.gini_shown),
        )
    return table


def _worst(found: Evaluation, count: int) -> Table:
    table = titled(f"Worst queries of {found.subject}")
    table.add_column(label(found.primary), justify="right")
    table.add_column("query")
    table.add_column("shown first (grade, ? is unrated)")
    table.add_column("should have been shown")
    for view in found.worst(count):
        value = view.values[found.subject]
        table.add_row(number(value), view.text, *_lists(view, found.subject))
    return table


def _lists(view: QueryView, system: str, count: int = 3) -> tuple[str, str]:
    shown = "\n".join(
        f"{'?' if item.grade is None else item.grade} {item.title}"
        for item in view.shown[system][:count]
    )
    missed = "\n".join(
        f"{item.grade} {item.title} ({'not found' if item.rank is None else f'rank {item.rank}'})"
        for item in view.missed[:count]
    )
    return shown or "nothing", missed or "-"

"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation import Evaluation
from ..measures import Measure, label
from . import text
from .plots import Plot, changes, curves, ranks

if TYPE_CHECKING:
    from jinja2 import Template

# What a measure tells a shop manager.
PLAIN = {
    "nDCG": "how close the first results come to the best possible order; 1 is perfect",
    "P": "share of the first results that suit the query",
    "Success": "share of queries with a suitable product among the first results",
    "RR": "how far up the first suitable product stands; 1 is first place, 0.5 second",
    "R": "share of all suitable products that are found at all",
    "AP": "how well suitable products are found and placed before others",
    "Judged": "share of the shown products that somebody judged: where it is low, a system that "
    "finds new products looks worse than it is",
}


@dataclass(frozen=True)
class Card:
    """One headline figure."""

    title: str
    value: str
    beside: str
    plain: str


def write_html(found: Evaluation, path: Path, title: str = "Search quality") -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(found, title), encoding="utf-8")


def render_html(found: Evaluation, title: str = "Search quality") -> str:
    """Return the report as one HTML document."""
    comparison = found.comparison()
    return _template().render(
        title=title,
        found=found,
        comparison=comparison,
        order=_order(found),
        headline=_headline(found),
        cards=_cards(found),
        plots=_plots(found),
        pair=_pair(found),
        slices=_slices(found),
        worst=found.worst(),
        changed=found.changed(),
        barren=[found.qrels.text(query) for query in found.qrels.without_relevant()],
        plain=sorted({(measure.NAME, PLAIN[measure.NAME]) for measure in found.measures
                      if measure.NAME in PLAIN}),
        label=label,
        text=text,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _headline(found: Evaluation) -> tuple[str, str]:
    """Return (tone, words) of the verdict: good, bad or unsure."""
    comparison = found.comparison()
    if comparison is None:
        return "unsure", f"{found.subject}, with nothing to compare it with"
    if comparison.unrated:
        return "unsure", f"The judgments have holes: rate {comparison.unrated:,} pairs to tell"
    if not comparison.significant:
        return "unsure", f"Cannot tell {comparison.system} from {comparison.baseline} yet"
    tone = "bad" if comparison.worse else "good"
    return tone, f"{comparison.system} is {comparison.verdict} than {comparison.baseline}"


def _pair(found: Evaluation) -> tuple[str, ...]:
    """Name the baseline and the subject, or the subject alone."""
    return tuple(dict.fromkeys((found.baseline, found.subject)))


def _order(found: Evaluation) -> list[str]:
    """Name the systems with the compared pair first, where a phone shows it."""
    first = list(reversed(_pair(found)))
    return [*first, *(run.name for run in reversed(found.runs) if run.name not in first)]


def _cards(found: Evaluation) -> list[Card]:
    shown = [_card(found, measure) for measure in found.measures[:1]]
    shown += [_card(found, m) for m in found.measures[1:] if m.NAME in {"Success", "Judged"}]
    if found.clicks:
        clicks = found.clicks[found.subject]
        lift = found.lifts.get(found.subject)
        beside = "" if lift is None else (
            f"{100 * lift.value:+.1f} % against {found.baseline} "
            f"[{100 * lift.low:+.1f}, {100 * lift.high:+.1f}]"
        )  # fmt: skip
        plain = "share of simulated searches that end in at least one click"
        shown.append(Card("Simulated CTR", text.percent(clicks.ctr.mean, 1), beside, plain))
    silent = found.run(found.subject).without_results(found.qrels.grades)
    share = text.percent(len(silent) / len(found.qrels), 1)
    shown.append(Card("No results", share, "", "share of queries that show nothing at all"))
    return shown


def _card(found: Evaluation, measure: Measure) -> Card:
    mean = found.scores[found.subject][measure].mean
    beside = f"95 % interval {mean.low:.3f} to {mean.high:.3f}"
    if found.baseline != found.subject:
        beside = f"{found.baseline}: {text.number(found.mean(measure, found.baseline))}"
    return Card(label(measure), text.number(mean.mean), beside, PLAIN.get(str(measure.NAME), ""))


def _plots(found: Evaluation) -> dict[str, Plot]:
    name = label(found.primary)
    values = {system: found.scores[system][found.primary].values for system in _pair(found)}
    plots = {"curves": curves({s: list(v.values()) for s, v in values.items()}, name)}
    if len(values) > 1:
        before, after = values.values()
        differences = {found.qrels.text(q): after[q] - before[q] for q in found.qrels.grades}
        plots["changes"] = changes(differences, name)
    if found.clicks:
        plots["ranks"] = ranks({s: found.clicks[s].ctr_by_rank for s in _pair(found)})
    return plots


def _slices(found: Evaluation) -> list[tuple[str, int, list[tuple[str, float, float, float]]]]:
    """Return (slice, queries, [(system, success, ndcg, zero results)]) of the compared pair."""
    rows = []
    for name in dict.fromkeys(result.slice for result in found.slice_results):
        results = {r.system: r for r in found.slice_results if r.slice == name}
        chosen = [results[system] for system in _pair(found)]
        rows.append(
            (
                name,
                chosen[0].queries,
                [(r.system, r.success, r.ndcg, r.zero_results) for r in chosen],
            )
        )
    return rows

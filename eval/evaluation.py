"""Evaluate systems on judgments: one call from runs to everything a report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .compare import Comparison, Interval, Pair, compare_pairs, correct, mean_intervals
from .coverage import Coverage, measure_coverage
from .holes import bounds, doubted, rated_by_rank
from .longtail import SliceResult, Slices, measure_slices, slice_by_log, slice_by_signs
from .measures import (
    DEFAULT_MEASURES,
    Measure,
    describe,
    is_condensed,
    is_ndcg,
    label,
    measure_queries,
    parse_measure,
)
from .qrels import Qrels
from .queries import QueryView, most_changed, worst_queries
from .run import Run

if TYPE_CHECKING:
    from .catalog import CatalogTexts
    from .clicks import ClickReport, Lift, Simulation

Values = Mapping[str, float]

# Two systems have one order or the other; a rank correlation of fewer than three says little.
SYSTEMS_TO_ORDER = 3


@dataclass(frozen=True)
class Score:
    """One system's result on one measure.

    Attributes:
        values: query id -> value, for every judged query.
        mean: over every judged query; one without results or without a relevant product is 0.
        answerable: the mean over the queries that have a relevant product.
        bounds: of an nDCG, the means where all unrated results are irrelevant, and all relevant.

    """

    values: Values
    mean: Interval
    answerable: float
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was found: scores, comparisons, long tail, coverage, clicks, single queries.

    Attributes:
        runs: the systems in table order; the last is the subject, the one the report is about.
        scores: system -> measure -> score.
        baseline: the system that the others are compared with.
        comparisons: each other system with the baseline, on each measure of quality.
        rated: system -> share of results that are rated, by rank from 1 to k.
        notes: what a reader must know to read the numbers right.

    """

    qrels: Qrels
    runs: tuple[Run, ...]
    measures: tuple[Measure, ...]
    scores: Mapping[str, Mapping[Measure, Score]]
    baseline: str
    comparisons: tuple[Comparison, ...]
    k: int = 10
    rated: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    slices: Slices | None = None
    slice_results: tuple[SliceResult, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    catalog: CatalogTexts | None = None
    clicks: Mapping[str, ClickReport] = field(default_factory=dict)
    lifts: Mapping[str, Lift] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Name the system that the report is about."""
        return self.runs[-1].name

    @property
    def primary(self) -> Measure:
        """Return the measure that verdicts, worst queries and plots go by: the first."""
        return self.measures[0]

    def run(self, name: str) -> Run:
        """Return a system's run."""
        return next(run for run in self.runs if run.name == name)

    def mean(self, measure: Measure | str, system: str | None = None) -> float:
        """Return a system's mean of a measure; of the subject where no system is named.

        Raises:
            InputError: the measure was not computed.

        """
        wanted = parse_measure(measure) if isinstance(measure, str) else measure
        scores = self.scores[system or self.subject]
        if wanted not in scores:
            known = ", ".join(label(measure) for measure in scores)
            raise InputError(f"{label(wanted)} was not measured; measured were {known}")
        return scores[wanted].mean.mean

    def comparison(self, system: str | None = None) -> Comparison | None:
        """Return the comparison of a system with the baseline on the primary measure."""
        name, measure = system or self.subject, label(self.primary)
        found = (c for c in self.comparisons if (c.system, c.measure) == (name, measure))
        return next(found, None)

    def worst(self, count: int = 10) -> list[QueryView]:
        """Return the subject's worst queries by the primary measure."""
        values = self.scores[self.subject][self.primary].values
        return worst_queries(self.qrels, self.run(self.subject), values, self.title, count, self.k)

    def changed(self, count: int = 10) -> list[QueryView]:
        """Return the queries that differ most between the baseline and the subject."""
        if self.baseline == self.subject:
            return []
        before, after = (
            (self.run(name), self.scores[name][self.primary].values)
            for name in (self.baseline, self.subject)
        )
        return most_changed(self.qrels, before, after, self.title, count, self.k)

    def title(self, product: str) -> str:
        """Return a product's title, or its id where no catalog is at hand."""
        return self.catalog.title(product) if self.catalog is not None else product


def evaluate(
    qrels: Qrels,
    runs: Sequence[Run],
    *,
    measures: Sequence[Measure] = DEFAULT_MEASURES,
    baseline: str | None = None,
    catalog: CatalogTexts | None = None,
    frequencies: Mapping[str, int] | None = None,
    k: int = 10,
    alpha: float = 0.05,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Measure every run over every judged query and compare each with the baseline.

    Args:
        qrels: the judgments.
        runs: the systems; the last is the one the report is about.
        measures: the first is the one verdicts go by.
        baseline: a run's name; the first run otherwise.
        catalog: adds titles, coverage, and a long tail where there is no log.
        frequencies: query text -> searches, from a log: cuts the long tail.
        k: how many results a shopper sees.
        alpha: the risk of calling chance a difference.
        seed: of all resampling.
        notes: added to those that the numbers themselves call for.

    Raises:
        InputError: no run, two of one name, or a run that answers none of the judged queries.

    """
    _check(qrels, runs, baseline, measures)
    scores = _score_all(qrels, runs, measures, alpha, seed, k)
    base = baseline or runs[0].name
    compared = _compare(scores, base, measures, alpha, seed)
    named = {run.name: run for run in runs}
    found = Evaluation(
        qrels=qrels,
        runs=tuple(runs),
        measures=tuple(measures),
        scores=scores,
        baseline=base,
        comparisons=tuple(doubted(compared, qrels, named, measures, k=k, seed=seed)),
        k=k,
        rated={run.name: rated_by_rank(qrels, run, k) for run in runs},
        catalog=catalog,
        notes=(*_notes(qrels, runs, measures), *notes),
    )
    return _with_long_tail(found, frequencies)


def _check(
    qrels: Qrels, runs: Sequence[Run], baseline: str | None, measures: Sequence[Measure]
) -> None:
    names = [run.name for run in runs]
    if not runs or not measures:
        raise InputError("nothing to evaluate: give at least one run and one measure")
    if len(set(names)) < len(names):
        raise InputError(f"two systems have one name: {', '.join(names)}")
    if baseline is not None and baseline not in names:
        raise InputError(f"there is no system {baseline!r} to compare with: {', '.join(names)}")
    for run in runs:
        if run.rankings and not set(run.rankings) & set(qrels.grades):
            raise InputError(
                f"run {run.name}: none of its {len(run.rankings)} queries is judged; it has "
                f"{next(iter(run.rankings))!r}, the judgments have {next(iter(qrels.grades))!r}"
            )


def _score_all(
    qrels: Qrels,
    runs: Sequence[Run],
    measures: Sequence[Measure],
    alpha: float,
    seed: int,
    k: int,
) -> dict[str, dict[Measure, Score]]:
    answerable = [query for query in qrels.grades if qrels.relevant(query)]
    keys, columns = [], []
    for run in runs:
        for measure, values in measure_queries(qrels, run, measures).items():
            keys.append((run.name, measure))
            columns.append(values)
    matrix = np.asarray([list(values.values()) for values in columns]).T
    means = mean_intervals(matrix, confidence=1 - alpha, seed=seed)
    scores: dict[str, dict[Measure, Score]] = {run.name: {} for run in runs}
    named = {run.name: run for run in runs}
    for (name, measure), values, mean in zip(keys, columns, means, strict=True):
        total = sum(values[query] for query in answerable)
        bounded = is_ndcg(measure) and not is_condensed(measure)
        scores[name][measure] = Score(
            values,
            mean,
            total / max(1, len(answerable)),
            bounds(qrels, named[name], measure, k) if bounded else None,
        )
    return scores


def _compare(
    scores: Mapping[str, Mapping[Measure, Score]],
    baseline: str,
    measures: Sequence[Measure],
    alpha: float,
    seed: int,
) -> list[Comparison]:
    """Compare on each measure; Holm's correction is over the systems compared on one measure."""
    pairs = [
        Pair(
            label(measure),
            baseline,
            name,
            scores[baseline][measure].values,
            scores[name][measure].values,
        )
        for measure in measures
        if measure.NAME != "Judged"
        for name in scores
        if name != baseline
    ]
    compared = compare_pairs(pairs, alpha=alpha, seed=seed)
    families = groupby(compared, key=lambda comparison: comparison.measure)
    return [comparison for _, family in families for comparison in correct(list(family))]


def _notes(qrels: Qrels, runs: Sequence[Run], measures: Sequence[Measure]) -> list[str]:
    notes = describe(measures, qrels)
    if qrels.raters:
        shares = (f"{share:.0%} {who or 'unnamed'}" for who, share in qrels.shares().items())
        notes.append(f"grades by rater: {', '.join(shares)}")
    barren = qrels.without_relevant()
    if barren:
        notes.append(
            f"{len(barren)} of {len(qrels)} queries have no relevant product: they count as zero "
            "in every mean; the row 'answerable' leaves them out"
        )
    for run in runs:
        silent = run.without_results(qrels.grades)
        if silent:
            notes.append(f"{run.name}: {len(silent)} queries without results count as zero")
        notes += note_unjudged(qrels, run)
    return notes


def note_unjudged(qrels: Qrels, run: Run) -> list[str]:
    """Say how many queries of a run nobody judged; empty where there is none."""
    extra = len(set(run.rankings) - set(qrels.grades))
    return [f"{run.name}: {extra} queries of the run are not judged and left out"] if extra else []


def with_clicks(found: Evaluation, simulation: Simulation | None = None) -> Evaluation:
    """Add simulated clicks on every system, and each system's CTR lift over the baseline.

    Shoppers see as many results as the evaluation says, whatever the simulation holds. Systems
    for which a lift has no size (a baseline without a click) are left out of `lifts`.
    """
    from .click_study import simulate_runs
    from .clicks import Simulation

    asked = replace(simulation or Simulation(), k=found.k)
    runs = sorted(found.runs, key=lambda run: run.name != found.baseline)
    clicks, lifts = simulate_runs(runs, found.qrels, asked)
    clicks = {run.name: clicks[run.name] for run in found.runs}
    ctr = {name: report.ctr.mean for name, report in clicks.items()}
    notes = (*found.notes, *_note_agreement(found, ctr))
    return replace(found, clicks=clicks, lifts=lifts, notes=notes)


def _note_agreement(found: Evaluation, ctr: Mapping[str, float]) -> list[str]:
    """Say how far CTR puts the systems in the order that the primary measure does."""
    from .clicks import rank_agreement

    means = {run.name: found.mean(found.primary, run.name) for run in found.runs}
    if len(means) < SYSTEMS_TO_ORDER or len(set(means.values())) < 2 or len(set(ctr.values())) < 2:
        return []
    tau = rank_agreement(ctr, means).tau
    return [
        f"simulated CTR orders the {len(means)} systems as {label(found.primary)} does with "
        f"Kendall's tau {tau:.2f} (1 the same, 0 unrelated, -1 reversed)"
    ]


def _with_long_tail(found: Evaluation, frequencies: Mapping[str, int] | None) -> Evaluation:
    slices: Slices | None = None
    if frequencies is not None:
        slices = slice_by_log(found.qrels, frequencies)
    elif found.catalog is not None:
        slices = slice_by_signs(found.qrels, found.catalog)
    if slices is not None:
        results = [
            r for run in found.runs for r in measure_slices(found.qrels, run, slices, found.k)
        ]
        found = replace(found, slices=slices, slice_results=tuple(results))
    if found.catalog is not None:
        judged = set(found.qrels.grades)
        products = found.catalog.product_ids
        spread = [
            measure_coverage(
                Run(run.name, {q: r for q, r in run.rankings.items() if q in judged}),
                products,
                found.k,
            )
            for run in found.runs
        ]
        found = replace(found, coverage=tuple(spread))
    return found

"""Whether judgments are whole enough for a verdict: what was shown and nobody rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from .compare import Comparison, Pair, compare_pairs, correct
from .measures import Measure, condensed, is_condensed, label, measure_queries
from .qrels import Qrels
from .run import Run

MOST_APART = 0.05
"""Where two systems' shares of rated results are further apart, the judgments' origin favours one
of them, and nothing may be taken for granted of what is not rated."""
LEAST_RATED = 0.5
"""Nor of a system's unrated results where fewer of them than this share are rated."""

Pairs = frozenset[tuple[str, str]]
Values = Mapping[str, float]


def cutoff(measure: Measure, k: int) -> int:
    """Return how many results a measure looks at; `k` where it looks at all."""
    return int(measure.params.get("cutoff", k))


def _is_cut(measure: Measure) -> bool:
    return "cutoff" in measure.params and not is_condensed(measure)


def unrated(qrels: Qrels, runs: Sequence[Run], k: int) -> Pairs:
    """Return the pairs of query and product that a run shows among its first `k`, unrated."""
    return frozenset(
        (query, product)
        for run in runs
        for query, rated in qrels.grades.items()
        if query not in qrels.complete
        for product in run.top(query, k)
        if product not in rated
    )


def rated_by_rank(qrels: Qrels, run: Run, k: int) -> tuple[float, ...]:
    """Return for each rank from 1 to `k` the share of the results shown there that are rated."""
    shown, rated = np.zeros(k), np.zeros(k)
    for query, judged in qrels.grades.items():
        for rank, product in enumerate(run.top(query, k)):
            shown[rank] += 1
            rated[rank] += product in judged or query in qrels.complete
    return tuple(float(share) for share in rated / np.maximum(shown, 1))


def with_relevant(qrels: Qrels, pairs: Pairs) -> Qrels:
    """Return the judgments of a world in which these unrated pairs have the best grade."""
    best = max((grade for judged in qrels.grades.values() for grade in judged.values()), default=1)
    best = max(best, 1)
    grades = {query: dict(judged) for query, judged in qrels.grades.items()}
    for query, product in pairs:
        grades[query].setdefault(product, best)
    return replace(qrels, grades=grades)


def with_likely(qrels: Qrels, pairs: Pairs, run: Run, k: int, seed: int) -> Qrels:
    """Return the judgments of a world in which these unrated pairs are like a run's rated ones.

    Their grades are drawn from those of the rated results that the run has among its first `k`.
    """
    known = [
        judged[product]
        for query, judged in qrels.grades.items()
        for product in run.top(query, k)
        if product in judged
    ]
    drawn = np.random.default_rng(seed).choice(known, size=len(pairs)).tolist()
    grades = {query: dict(judged) for query, judged in qrels.grades.items()}
    for (query, product), grade in zip(sorted(pairs), drawn, strict=True):
        grades[query].setdefault(product, grade)
    return replace(qrels, grades=grades)


def bounds(qrels: Qrels, run: Run, measure: Measure, k: int) -> tuple[float, float]:
    """Return the means of a measure where all unrated results are irrelevant, and all relevant.

    The two ends of what is not known, as the residual of rank-biased precision gives them (Moffat
    and Zobel, ACM TOIS 27(1), 2008). Relevant means the best grade that was given, and it is so in
    the ideal ranking too; the lower of the two means comes first.
    """
    worlds = (qrels, with_relevant(qrels, unrated(qrels, [run], cutoff(measure, k))))
    means = []
    for world in worlds:
        values = measure_queries(world, run, [measure])[measure]
        means.append(sum(values.values()) / max(1, len(values)))
    return min(means), max(means)


def doubted(
    comparisons: Sequence[Comparison],
    qrels: Qrels,
    runs: Mapping[str, Run],
    measures: Sequence[Measure],
    *,
    k: int,
    seed: int,
) -> list[Comparison]:
    """Return comparisons with what their verdicts lack in judgments.

    A verdict stands where it is the same in every world that the judgments leave open: as they
    are, among the rated results alone, and where the unrated results that speak for one of the two
    systems are as good as they may be and all others are not relevant. They may be as good as the
    rated results of that system; but where the shares of rated results of the two systems are more
    than `MOST_APART` apart, or its own is below `LEAST_RATED`, they may all have the best grade.
    """
    by_label = {label(measure): measure for measure in measures}
    found = []
    for name, family in groupby(comparisons, key=lambda comparison: comparison.measure):
        found += _doubted(list(family), qrels, runs, by_label[name], k, seed)
    return found


def _doubted(
    family: list[Comparison],
    qrels: Qrels,
    runs: Mapping[str, Run],
    measure: Measure,
    k: int,
    seed: int,
) -> list[Comparison]:
    depth = cutoff(measure, k)
    holes = [unrated(qrels, [runs[c.baseline], runs[c.system]], depth) for c in family]
    if not any(holes):
        return family
    names = {name for c in family for name in (c.baseline, c.system)}
    # What a measure does not look at takes time alone; the rated ones may stand further down.
    shown = {name: runs[name].cut(depth) for name in names} if _is_cut(measure) else runs
    worlds = [
        _verdicts(family, qrels, shown, measure, depth, seed, favoured)
        for favoured in ("system", "baseline")
    ]
    if not is_condensed(measure):
        worlds.append(_verdicts(family, qrels, runs, condensed(measure), depth, seed, None))
    doubts = [
        len(pairs) if pairs and any(world[place] != comparison.verdict for world in worlds) else 0
        for place, (comparison, pairs) in enumerate(zip(family, holes, strict=True))
    ]
    return [
        replace(comparison, unrated=count) for comparison, count in zip(family, doubts, strict=True)
    ]


def _verdicts(
    family: Sequence[Comparison],
    qrels: Qrels,
    runs: Mapping[str, Run],
    measure: Measure,
    depth: int,
    seed: int,
    favoured: str | None,
) -> list[str]:
    """Return the verdicts in another world: one that favours a side, or of rated results alone."""
    pairs = []
    for comparison in family:
        names = (comparison.baseline, comparison.system)
        world = qrels
        if favoured is not None:
            favourite = getattr(comparison, favoured)
            other = names[names[0] == favourite]
            world = _favouring(qrels, runs[favourite], runs[other], depth, seed)
        values = [measure_queries(world, runs[name], [measure])[measure] for name in names]
        pairs.append(Pair(label(measure), *names, *values))
    alpha = family[0].alpha
    return [found.verdict for found in correct(compare_pairs(pairs, alpha=alpha, seed=seed))]


def _favouring(qrels: Qrels, favourite: Run, other: Run, depth: int, seed: int) -> Qrels:
    """Return the judgments of the best world for one system that must be reckoned with."""
    pairs = _speaking_for(qrels, favourite, other, depth)
    own, others = (_share_rated(qrels, run, depth) for run in (favourite, other))
    if own < LEAST_RATED or abs(own - others) > MOST_APART:
        return with_relevant(qrels, pairs)
    return with_likely(qrels, pairs, favourite, depth, seed)


def _speaking_for(qrels: Qrels, favourite: Run, other: Run, depth: int) -> Pairs:
    """Return the unrated pairs that `favourite` shows further up than the other."""
    found = set()
    for query, product in unrated(qrels, [favourite], depth):
        below = list(other.top(query, depth))
        mine = list(favourite.top(query, depth)).index(product)
        if product not in below or below.index(product) > mine:
            found.add((query, product))
    return frozenset(found)


def _share_rated(qrels: Qrels, run: Run, depth: int) -> float:
    shown = sum(len(run.top(query, depth)) for query in qrels.grades)
    return 1 - len(unrated(qrels, [run], depth)) / shown if shown else 1.0

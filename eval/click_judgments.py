"""Judgments from clicks: grades that a fitted click model and a scale of grades give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .clicks.grades import find_shopper
from .clicks.log import ClickLog, Pair
from .clicks.sessions import Floats
from .clicks.store import fit_model
from .clicks.weights import RelevanceWeight, relevance_weights
from .compare import Interval, mean_interval
from .qrels import Qrels, collect

if TYPE_CHECKING:
    from .rating.agreement import Agreement

TOP = 3
"""The highest grade where no judgments say another."""

Grades = Mapping[str, Mapping[str, int]]
Weights = Mapping[Pair, RelevanceWeight]


@dataclass(frozen=True)
class ClickGrade:
    """The grade that clicks give one product for one query.

    Attributes:
        attractiveness: P(click | examined) under the model, with the interval that covers it.

    """

    query: str
    product: str
    grade: int
    attractiveness: Interval
    examinations: float


@dataclass(frozen=True)
class RatedAgreement:
    """How far grades from clicks agree with rated ones, on the pairs that have both.

    Attributes:
        grades: of the two grades.
        tau: mean over queries of Kendall's tau-b between attractiveness and rated grades: 1 the
            same order, 0 unrelated, -1 reversed; None where no query has products of two grades.
        tau_queries: how many queries that is the mean of.

    """

    grades: Agreement
    tau: Interval | None
    tau_queries: int


@dataclass(frozen=True)
class ClickJudgments:
    """Grades from clicks.

    Attributes:
        scale: the attractiveness of each grade from 0, by which grades were given.
        left_out: pairs that were shown too seldom to tell their grade.
        agreement: with rated pairs; None where there are none to compare with.

    """

    model: str
    grades: tuple[ClickGrade, ...]
    scale: tuple[float, ...]
    left_out: int
    agreement: RatedAgreement | None = None

    @property
    def rater(self) -> str:
        """Name the rater under which these grades are kept."""
        return f"clicks:{self.model}"

    @property
    def qrels(self) -> Qrels:
        """Return the grades as judgments, with their rater."""
        return collect((g.query, g.product, g.grade, self.rater) for g in self.grades)


def judge_clicks(
    log: ClickLog,
    name: str = "dbn",
    qrels: Qrels | None = None,
    *,
    shopper: str = "navigational",
    confidence: float = 0.95,
    seed: int = 0,
) -> ClickJudgments:
    """Grade what a log showed by how attractive a click model finds it, its rank set aside.

    A pair gets the grade whose attractiveness is nearest to its own. What each grade's is, the
    rated pairs of the log say where judgments are given, else the shopper's table. A pair is left
    out where the two ends of the interval of its attractiveness are grades more than a third of
    the scale apart. The interval is that of a beta distribution with as many trials as the model
    finds examinations; searches of one shopper count as if they were independent.

    The agreement is measured with a scale that the other half of the rated queries gave, so that
    no query is compared with what it was fitted to.

    Raises:
        InputError: there is no such model or shopper, the log shows rated products of fewer than
            two grades, or it tells no grade.
        MissingExtra: agreement is to be measured, and the package for it is not installed.

    """
    fitted = fit_model(log, name)
    weights = relevance_weights(log, fitted.model)
    if qrels is None:
        scale = find_shopper(shopper).at(TOP)[0]
        grades, agreement = _grade(weights, scale, confidence), None
    else:
        rated = {qrels.text(query): judged for query, judged in qrels.grades.items()}
        found = _scale(weights, rated)
        if found is None:
            raise InputError(
                f"{log.source or 'click log'}: it shows rated products of fewer than two grades; "
                "the texts of its queries must be those of the judgments"
            )
        scale = found
        grades = _grade(weights, scale, confidence)
        agreement = _agreement(weights, rated, f"clicks:{name}", confidence, seed)
    if not grades:
        raise InputError(
            f"{log.source or 'click log'}: none of its {len(weights):,} pairs was shown often "
            "enough to tell its grade"
        )
    return ClickJudgments(
        model=fitted.model.name,
        grades=tuple(grades),
        scale=tuple(scale.tolist()),
        left_out=len(weights) - len(grades),
        agreement=agreement,
    )


def _scale(weights: Weights, rated: Grades) -> Floats | None:
    """Return the attractiveness of each grade, weighed by evidence; None where it is unknown.

    Grades that the log does not show lie between their neighbours, and none is less attractive
    than a lower one.
    """
    top = max((max(judged.values(), default=0) for judged in rated.values()), default=0)
    sums, evidence = np.zeros(max(top, 0) + 1), np.zeros(max(top, 0) + 1)
    for (query, product), weight in weights.items():
        grade = rated.get(query, {}).get(product)
        if grade is not None:
            sums[max(0, grade)] += weight.attractiveness * weight.examinations
            evidence[max(0, grade)] += weight.examinations
    known = np.flatnonzero(evidence)
    if len(known) < 2:
        return None
    means = np.interp(np.arange(len(sums)), known, sums[known] / evidence[known])
    scale: Floats = np.maximum.accumulate(means)
    return scale


def _grade(weights: Weights, scale: Floats, confidence: float) -> list[ClickGrade]:
    """Return the grades that there is enough evidence for."""
    from scipy.special import betaincinv

    pairs = list(weights)
    rates = np.asarray([weights[pair].attractiveness for pair in pairs])
    trials = np.asarray([weights[pair].examinations for pair in pairs])
    # Models are fitted as if each pair had one more trial, at the rate of all.
    hits, misses = rates * (trials + 1), (1 - rates) * (trials + 1)
    tail = (1 - confidence) / 2
    low, high = (betaincinv(hits, misses, level) for level in (tail, 1 - tail))
    between = (scale[1:] + scale[:-1]) / 2
    lowest, likely, highest = (np.searchsorted(between, ends) for ends in (low, rates, high))
    sure = highest - lowest <= (len(scale) - 1) // 3
    return [
        ClickGrade(
            *pairs[row],
            int(likely[row]),
            Interval(float(rates[row]), float(low[row]), float(high[row]), confidence),
            float(trials[row]),
        )
        for row in np.flatnonzero(sure)
    ]


def _agreement(
    weights: Weights, rated: Grades, rater: str, confidence: float, seed: int
) -> RatedAgreement | None:
    """Compare each half of the rated queries by the scale of the other half."""
    from .rating.agreement import agree

    shown = sorted({query for query, _ in weights} & set(rated))
    found: list[ClickGrade] = []
    for half in (0, 1):
        own = set(shown[half::2])
        scale = _scale(weights, {q: judged for q, judged in rated.items() if q not in own})
        if scale is None:
            return None
        mine = {pair: w for pair, w in weights.items() if pair[0] in own}
        found += _grade(mine, scale, confidence)
    both: dict[str, list[tuple[ClickGrade, int]]] = {}
    for grade in found:
        if grade.product in rated[grade.query]:
            both.setdefault(grade.query, []).append((grade, rated[grade.query][grade.product]))
    if not both:
        return None
    taus = [tau for pairs in both.values() if (tau := _tau(pairs)) is not None]
    ours = {(g.query, g.product): g.grade for pairs in both.values() for g, _ in pairs}
    theirs = {(g.query, g.product): max(0, r) for pairs in both.values() for g, r in pairs}
    return RatedAgreement(
        grades=agree({rater: ours, "judgments": theirs}, seed=seed),
        tau=mean_interval(taus, confidence=confidence, seed=seed) if taus else None,
        tau_queries=len(taus),
    )


def _tau(pairs: Sequence[tuple[ClickGrade, int]]) -> float | None:
    """Return Kendall's tau-b of a query's products; None where all have one value."""
    from scipy.stats import kendalltau

    ours = [grade.attractiveness.mean for grade, _ in pairs]
    theirs = [rated for _, rated in pairs]
    if len(set(ours)) < 2 or len(set(theirs)) < 2:
        return None
    return float(kendalltau(ours, theirs).statistic)

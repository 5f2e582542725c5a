"""How far raters agree: with the judgments there are, and with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError, MissingExtra
from ..qrels import Qrels
from .ratings import Judged, Rating

try:
    from krippendorff import alpha as krippendorff_alpha
except ModuleNotFoundError as error:
    raise MissingExtra(str(error.name), "rate", "Measuring how far raters agree") from None

FEWEST = 10
"""Pairs that two must both have rated before their agreement is told."""
RESAMPLES = 999
_JUDGMENTS = "judgments"

Grades = Mapping[Judged, int]
Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its bootstrap interval over queries; 1 is the same, 0 is chance."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How far two, or several together, agree.

    Attributes:
        raters: who; "judgments" stands for the grades that were there before.
        pairs: of query and product that more than one of them rated.
        same: share of these pairs with one and the same grade; 0 to 1.
        kappa: quadratic weighted kappa; of two only.
        alpha: Krippendorff's, for ordinal grades (Content Analysis, 2004).

    A coefficient is None where fewer than `FEWEST` pairs are shared, or all grades are the same.

    """

    raters: tuple[str, ...]
    pairs: int
    same: float
    kappa: Estimate | None
    alpha: Estimate | None


def measure_agreement(
    ratings: Iterable[Rating], qrels: Qrels | None = None, *, seed: int = 0
) -> list[Agreement]:
    """Compare each rater with the judgments, raters two by two, and all of them together.

    A rater is not compared with grades of the judgments that are the rater's own.

    Raises:
        InputError: there is no rating.

    """
    by_rater = grades_by_rater(ratings)
    if not by_rater:
        raise InputError("no rating: nobody to compare")
    found = []
    if qrels is not None:
        for rater, grades in by_rater.items():
            found.append(
                agree({rater: grades, _JUDGMENTS: controls(grades, qrels, rater)}, seed=seed)
            )
    for one, other in combinations(by_rater, 2):
        found.append(agree({one: by_rater[one], other: by_rater[other]}, seed=seed))
    if len(by_rater) > 2:
        found.append(agree(by_rater, seed=seed))
    return found


def grades_by_rater(ratings: Iterable[Rating]) -> dict[str, dict[Judged, int]]:
    """Gather each rater's grades, raters by name."""
    found: dict[str, dict[Judged, int]] = {}
    for rating in ratings:
        found.setdefault(rating.rater, {})[rating.query, rating.product] = rating.grade
    return dict(sorted(found.items()))


def controls(grades: Grades, qrels: Qrels, rater: str) -> dict[Judged, int]:
    """Return what others said, in the judgments, of the pairs that a rater graded."""
    found = {}
    for query, product in grades:
        known = qrels.grade(query, product)
        if known is not None and rater not in qrels.rater(query, product).split("+"):
            found[query, product] = max(0, known)
    return found


def agree(grades: Mapping[str, Grades], *, seed: int = 0) -> Agreement:
    """Compare raters on the pairs that more than one of them rated.

    Intervals are percentiles of a bootstrap that draws whole queries, as grades of one query
    hang together.
    """
    raters = tuple(grades)
    counts: dict[Judged, int] = {}
    for given in grades.values():
        for pair in given:
            counts[pair] = counts.get(pair, 0) + 1
    pairs = sorted(pair for pair, count in counts.items() if count > 1)
    table = np.array(
        [[given.get(pair, np.nan) for given in grades.values()] for pair in pairs], dtype=np.float64
    ).reshape(len(pairs), len(raters))
    same = float(np.mean(np.nanmax(table, 1) == np.nanmin(table, 1))) if pairs else 0.0
    queries = [query for query, _ in pairs]
    kappa = _estimate(_kappa, table, queries, seed) if len(raters) == 2 else None
    return Agreement(raters, len(pairs), same, kappa, _estimate(_alpha, table, queries, seed))


def _estimate(
    coefficient: Callable[[Table], float], table: Table, queries: Sequence[str], seed: int
) -> Estimate | None:
    """Return a coefficient of (pairs, raters) with its 95 % interval over queries."""
    if len(table) < FEWEST or np.nanmin(table) == np.nanmax(table):
        return None
    rows: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        rows.setdefault(query, []).append(row)
    groups = [np.array(found) for found in rows.values()]
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = generator.integers(0, len(groups), len(groups))
        sample = table[np.concatenate([groups[place] for place in chosen])]
        if np.nanmin(sample) != np.nanmax(sample):
            drawn.append(coefficient(sample))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(coefficient(table), float(low), float(high))


def _kappa(table: Table) -> float:
    """Return quadratic weighted kappa: 1 - observed / expected squared distance of two grades.

    What two would be apart by chance is the sum of their variances and of the squared distance of
    their means (Cohen, Psychological Bulletin 70(4), 1968).
    """
    one, other = table.T
    by_chance = one.var() + other.var() + (one.mean() - other.mean()) ** 2
    return float(1 - np.mean((one - other) ** 2) / by_chance)


def _alpha(table: Table) -> float:
    grades = np.arange(np.nanmin(table), np.nanmax(table) + 1)
    counts = (table[:, :, None] == grades).sum(axis=1)
    return float(
        krippendorff_alpha(value_counts=counts, value_domain=grades, level_of_measurement="ordinal")
    )


def as_dict(found: Agreement) -> dict[str, Any]:
    """Return what JSON shows."""
    return {
        "raters": list(found.raters),
        "pairs": found.pairs,
        "same": found.same,
        "kappa": vars(found.kappa) if found.kappa else None,
        "alpha": vars(found.alpha) if found.alpha else None,
    }

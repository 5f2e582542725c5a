"""Simulate shoppers on a system's rankings, from judgments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np

from ...errors import InputError
from ..compare import Interval
from .grades import Grades, grade_items, grade_model, top_grade
from .intervals import ratio_intervals
from .models.base import ClickModel
from .report import ClickReport
from .sessions import Bools, Floats, Ints, Sessions

Unjudged = Literal["irrelevant", "left out"]


@dataclass(frozen=True)
class Simulation:
    """What shoppers are simulated, and how many.

    Attributes:
        model: a model's name, with the literature's parameters for each grade, or a model over
            grades, as `grade_model` and `fit_grades` return.
        sessions: searches to draw for each query; 0 computes the expectations exactly.
        k: how many results a shopper sees.
        seed: of everything drawn.
        shopper: `navigational`, `informational` or `perfect`: whose table a named model uses.
        unjudged: a product that nobody judged counts as grade 0, or is `left out` of the list.

    """

    model: str | ClickModel = "dbn"
    sessions: int = 1000
    k: int = 10
    seed: int = 0
    shopper: str = "navigational"
    unjudged: Unjudged = "irrelevant"


@dataclass(frozen=True)
class Setting:
    """A simulation whose parameters fit the judgments: its model's items are the grades to `top`.

    Attributes:
        notes: where the parameters come from, in sentences.

    """

    asked: Simulation
    model: ClickModel
    top: int
    notes: tuple[str, ...]


def simulate(
    rankings: Mapping[str, Sequence[str]],
    qrels: Grades,
    simulation: Simulation | None = None,
    *,
    confidence: float = 0.95,
) -> ClickReport:
    """Let shoppers search with every judged query and count what they click.

    A query's shoppers draw the same random numbers under every system and whatever other
    queries there are, so that two systems differ by their rankings alone.

    Args:
        rankings: query -> product ids, best first; a judged query that is missing is abandoned.
        qrels: query -> product -> grade.
        simulation: who searches; `Simulation()` where none is given.
        confidence: of the intervals, which resample queries.

    Raises:
        InputError: nothing is judged, a number is out of range, or no such model.

    """
    simulation = simulation or Simulation()
    setting = prepare(qrels, simulation)
    queries, leave_out = list(qrels), simulation.unjudged == "left out"
    shown = [
        grade_items(rankings.get(query, ()), qrels[query], simulation.k, setting.top, leave_out)
        for query in queries
    ]
    items = np.asarray([row for row, _ in shown])
    drawn = simulation.sessions > 0
    by_rank, first = _watch(setting, queries, items) if drawn else expect(setting.model, items)
    found = _measure(items, by_rank, first, confidence)
    products = int((items >= 0).sum())
    return ClickReport(
        model=setting.model.name,
        k=simulation.k,
        sessions=simulation.sessions,
        seed=simulation.seed,
        ctr=found[0] or _nothing(confidence),
        clicks_at_k=found[1] or _nothing(confidence),
        abandonment=found[2] or _nothing(confidence),
        first_click=found[3],
        ctr_by_rank=tuple(rank for rank in found[4:] if rank is not None),
        query_ctr=dict(zip(queries, first.sum(1).tolist(), strict=True)),
        query_clicks=dict(zip(queries, by_rank.sum(1).tolist(), strict=True)),
        unjudged=sum(count for _, count in shown) / products if products else 0.0,
        not_judged=len(set(rankings) - set(qrels)),
        without_results=int((~(items >= 0).any(1)).sum()),
        notes=setting.notes,
    )


def prepare(qrels: Grades, asked: Simulation) -> Setting:
    """Check what a simulation is asked to do and choose its parameters.

    Raises:
        InputError: nothing is judged, a number is out of range, or no such model.

    """
    if not qrels:
        raise InputError("there are no judgments to simulate clicks from")
    if asked.k < 1 or asked.sessions < 0:
        raise InputError(
            f"k must be 1 or more and sessions 0 or more, not {asked.k} and {asked.sessions}"
        )
    if asked.unjudged not in ("irrelevant", "left out"):
        raise InputError(f"unjudged must be 'irrelevant' or 'left out', not {asked.unjudged!r}")
    top = top_grade(qrels)
    if isinstance(asked.model, str):
        source = f"the {asked.shopper} shopper of Schuth et al., WSDM 2016"
        model = grade_model(asked.model, top=top, k=asked.k, shopper=asked.shopper)
    else:
        source, model = "given", asked.model
        if len(model.attractiveness) < top + 2:
            known = len(model.attractiveness) - 2
            raise InputError(f"the click model knows grades up to {known}, the judgments {top}")
    liked = ", ".join(f"{g}→{model.attractiveness[g]:.2f}" for g in range(top + 1))
    notes = (
        f"{model.name} click model, parameters: {source}; a click once examined, by grade: {liked}",
        "a product that nobody judged "
        + ("counts as grade 0" if asked.unjudged == "irrelevant" else "is left out of the list"),
    )
    return Setting(asked, model, top, notes)


def rng_of(seed: int, query: str) -> np.random.Generator:
    """Return the random numbers of one query, the same whatever else is simulated."""
    digest = blake2b(query.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


def _watch(setting: Setting, queries: Sequence[str], items: Ints) -> tuple[Floats, Floats]:
    """Return how often each rank, and each rank first, is clicked; (queries, k) each."""
    by_rank, first = np.zeros(items.shape), np.zeros(items.shape)
    for number, query in enumerate(queries):
        searches = np.broadcast_to(items[number], (setting.asked.sessions, setting.asked.k))
        clicks = setting.model.simulate(searches, rng_of(setting.asked.seed, query))
        by_rank[number], first[number] = clicks.mean(0), first_clicks(clicks).mean(0)
    return by_rank, first


def expect(model: ClickModel, items: Ints) -> tuple[Floats, Floats]:
    """Return P(click at r) and P(first click at r) exactly; (n, k) -> (n, k) each."""
    silent = Sessions(items, np.zeros(items.shape, dtype=bool), 0)
    hazard = model.conditional(silent)
    before = np.ones(items.shape)
    before[:, 1:] = np.cumprod(1 - hazard, 1)[:, :-1]
    return model.click_probabilities(items), hazard * before


def first_clicks(clicks: Bools) -> Bools:
    """Keep the first click of each search."""
    first: Bools = clicks & (np.cumsum(clicks, 1) == 1)
    return first


def _measure(
    items: Ints, by_rank: Floats, first: Floats, confidence: float
) -> list[Interval | None]:
    """Return ctr, clicks, abandonment, rank of the first click, then the CTR of each rank."""
    one = np.ones((len(items), 1))
    clicked = first.sum(1, keepdims=True)
    ranks = first @ np.arange(1.0, items.shape[1] + 1)[:, None]
    numerators = [clicked, by_rank.sum(1, keepdims=True), 1 - clicked, ranks, by_rank]
    denominators = [one, one, one, clicked, (items >= 0).astype(np.float64)]
    return ratio_intervals(np.hstack(numerators), np.hstack(denominators), confidence=confidence)


def _nothing(confidence: float) -> Interval:
    return Interval(0.0, 0.0, 0.0, confidence)

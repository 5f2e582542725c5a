"""Measures as values, computed by ir-measures and trec_eval's own code.

`nDCG @ 10` is a measure; it prints, compares and hashes as its name. Names are those of
ir_measures (https://ir-measur.es). Two are added by spelling: `condensed(measure)` leaves out
products that nobody judged, and `nDCG(dcg="exp-log2") @ 10` is computed here without perl.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import lcm

import ir_measures
from ir_measures import AP, RR, Judged, P, R, Success, nDCG
from ir_measures.measures import Measure

from ..errors import InputError
from .qrels import Qrels
from .run import Run

__all__ = [
    "AP",
    "DEFAULT_MEASURES",
    "RR",
    "Judged",
    "Measure",
    "P",
    "R",
    "Success",
    "condensed",
    "describe",
    "exponential",
    "is_condensed",
    "is_ndcg",
    "label",
    "measure_queries",
    "nDCG",
    "parse_measure",
    "parse_measures",
    "parse_measures_or_default",
]

Values = dict[str, float]


def condensed(measure: Measure) -> Measure:
    """Return the measure over the judged products alone (Sakai, SIGIR 2007).

    A system that finds what the judges never saw is punished by the plain measure and not by
    this one; read both, beside `Judged`.
    """
    return type(measure)(**{**measure.params, "judged_only": True})


def exponential(measure: Measure) -> Measure:
    """Return nDCG with the gain 2^grade - 1 (Burges et al., ICML 2005)."""
    return type(measure)(**{**measure.params, "dcg": "exp-log2"})


DEFAULT_MEASURES: tuple[Measure, ...] = (
    nDCG @ 10,
    condensed(nDCG @ 10),
    exponential(nDCG @ 10),
    P @ 1,
    Success @ 10,
    RR @ 10,
    R @ 100,
    AP @ 100,
    Judged @ 10,
)


def parse_measure(name: str) -> Measure:
    """Read a measure from its name, such as `nDCG@10` or `condensed nDCG@10`.

    Raises:
        InputError: no such measure, or it cannot be computed here.

    """
    text = name.strip()
    wraps = []
    for prefix, wrap in (("condensed ", condensed), ("exponential ", exponential)):
        if text.lower().startswith(prefix):
            wraps.append(wrap)
            text = text[len(prefix) :]
    try:
        measure = ir_measures.parse_measure(text)
        for wrap in wraps:
            measure = wrap(measure)
        measure.validate_params()  # type: ignore[no-untyped-call]
        if measure.params.get("cutoff", 1) < 1:
            raise ValueError("a cutoff counts from 1")
    except (AssertionError, NameError, SyntaxError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"measure {name!r} is not known; try nDCG@10, P@1, R@100, RR@10, AP@100, Success@1, "
            "Judged@10, 'condensed nDCG@10' or 'exponential nDCG@10'"
        ) from error
    return measure


def parse_measures(names: Iterable[str]) -> tuple[Measure, ...]:
    """Read measures from names; one text may hold several, parted by commas or spaces."""
    found: list[Measure] = []
    for name in names:
        for part in _split(name):
            measure = parse_measure(part)
            if measure not in found:
                found.append(measure)
    return tuple(found)


def parse_measures_or_default(
    names: Iterable[str], more: Iterable[Measure] = ()
) -> tuple[Measure, ...]:
    """Read measures, or take the default ones where no name is given; then add `more`."""
    chosen = parse_measures(names) or DEFAULT_MEASURES
    return tuple(dict.fromkeys((*chosen, *more)))


def _split(names: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth = [""], 0
    for letter in names:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def label(measure: Measure) -> str:
    """Return the name a table prints: `condensed nDCG@10` for `nDCG(judged_only=True)@10`."""
    params = dict(measure.params)
    words = []
    if params.pop("judged_only", False):
        words.append("condensed")
    if params.get("dcg") == "exp-log2":
        del params["dcg"]
        words.append("exponential")
    words.append(str(type(measure)(**params)))
    return " ".join(words)


def describe(measures: Sequence[Measure], qrels: Qrels) -> list[str]:
    """Say in words what the numbers mean: gains, discount, relevance level, condensing."""
    notes = []
    grades = sorted({grade for judged in qrels.grades.values() for grade in judged.values()})
    if any(is_ndcg(m) and not _is_exponential(m) for m in measures):
        gains = ", ".join(f"{grade}→{qrels.gain(grade):g}" for grade in grades)
        notes.append(f"nDCG: gain of each grade {gains}; discount 1/log2(rank+1)")
    if any(_is_exponential(m) for m in measures):
        gains = ", ".join(f"{grade}→{_exponential_gain(grade)}" for grade in grades)
        notes.append(f"exponential nDCG: gain 2^grade-1 ({gains}); discount 1/log2(rank+1)")
    levels = sorted({m["rel"] for m in measures if "rel" in m.SUPPORTED_PARAMS})
    if levels:
        level = ", ".join(str(level) for level in levels)
        notes.append(f"P, R, RR, AP, Success: a product is relevant from grade {level}")
    if any(is_condensed(m) for m in measures):
        notes.append(
            "condensed: products nobody judged are left out of the ranking first; what a system "
            "ranks deeper than was taken from it (--depth) cannot move up"
        )
    return notes


def measure_queries(
    qrels: Qrels, run: Run, measures: Iterable[Measure]
) -> dict[Measure, dict[str, float]]:
    """Compute each measure for every judged query, in the order of `qrels`.

    A query for which the run holds nothing scores zero; queries of the run that nobody judged
    are left out. Ties cannot arise: the order of the ranking is what counts.

    Raises:
        InputError: a measure cannot be computed from these judgments.

    """
    wanted = list(dict.fromkeys(measures))
    values: dict[Measure, Values] = {m: dict.fromkeys(qrels.grades, 0.0) for m in wanted}
    plain = [measure for measure in wanted if not is_condensed(measure)]
    short = [measure for measure in wanted if is_condensed(measure)]
    for some, ranked in ((plain, run), (short, _judged_only(qrels, run) if short else run)):
        for measure, query, value in _compute(qrels, ranked, some):
            values[measure][query] = value
    return values


def _compute(
    qrels: Qrels, run: Run, measures: Sequence[Measure]
) -> Iterator[tuple[Measure, str, float]]:
    """Yield (measure, query, value) of every query for which the run holds something."""
    back: dict[Measure, list[Measure]] = {}
    for measure in measures:
        back.setdefault(_computable(measure, qrels), []).append(measure)
    numbers, graded, scored = _to_integers(qrels, run)
    names = {number: query for query, number in numbers.items()}
    try:
        results = list(ir_measures.iter_calc(list(back), graded, scored)) if back and scored else []
    except (ValueError, RuntimeError) as error:
        raise InputError(f"these measures cannot be computed: {error}") from error
    for result in results:
        for measure in back[result.measure]:
            yield measure, names[result.query_id], float(result.value)


def is_condensed(measure: Measure) -> bool:
    """Tell whether a measure is over the judged products alone."""
    return bool(measure.params.get("judged_only"))


def _judged_only(qrels: Qrels, run: Run) -> Run:
    """Leave out what nobody judged. Not every provider of ir_measures does it for every measure.

    Queries that are judged whole keep all: what has no grade there is not relevant.
    """
    rankings = {
        query: [p for p in ranking if p in qrels.grades[query] or query in qrels.complete]
        for query, ranking in run.rankings.items()
        if query in qrels.grades
    }
    return Run(run.name, rankings)


def is_ndcg(measure: Measure) -> bool:
    """Tell whether a measure is a normalised discounted cumulative gain."""
    return bool(measure.NAME == "nDCG")


def _is_exponential(measure: Measure) -> bool:
    return is_ndcg(measure) and measure.params.get("dcg") == "exp-log2"


def _exponential_gain(grade: int) -> int:
    return int(2 ** max(0, grade) - 1)


def _computable(measure: Measure, qrels: Qrels) -> Measure:
    """Spell nDCG's gains out as integers, which is all that trec_eval takes.

    nDCG is a ratio, so gains may be scaled by any factor. Plain nDCG gets its gains spelt out
    too: ir_measures 0.4 computes an nDCG without gains by those of another nDCG beside it.
    """
    params = {key: value for key, value in measure.params.items() if key != "judged_only"}
    if not is_ndcg(measure) or "gains" in params:
        return type(measure)(**params)
    grades = sorted({grade for judged in qrels.grades.values() for grade in judged.values()})
    if _is_exponential(measure):
        gains = {grade: _exponential_gain(grade) for grade in grades}
    else:
        gains = _whole({grade: qrels.gain(grade) for grade in grades})
    params.pop("dcg", None)
    return type(measure)(**params, gains=gains)


def _whole(gains: Mapping[int, float]) -> dict[int, int]:
    """Scale gains to whole numbers with the same ratios."""
    exact = {grade: Fraction(str(gain)) for grade, gain in gains.items()}
    factor = reduce(lcm, (gain.denominator for gain in exact.values()), 1)
    return {grade: int(gain * factor) for grade, gain in exact.items()}


def _to_integers(
    qrels: Qrels, run: Run
) -> tuple[dict[str, str], dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Name queries and products by numbers, so that ids may hold spaces and any script.

    Negative grades become 0: trec_eval would take them for products nobody judged.
    """
    queries = {query: str(number) for number, query in enumerate(qrels.grades)}
    products: dict[str, str] = {}

    def number(product: str) -> str:
        return products.setdefault(product, str(len(products)))

    graded = {
        queries[query]: {number(product): max(0, grade) for product, grade in judged.items()}
        for query, judged in qrels.grades.items()
    }
    scored = {
        queries[query]: _by_rank([number(product) for product in ranking])
        for query, ranking in run.rankings.items()
        if query in queries and ranking
    }
    return queries, graded, scored


def _by_rank(ranking: Sequence[str]) -> dict[str, float]:
    """Score a ranking so that its order stays; a product shown twice counts where it is first."""
    scores: dict[str, float] = {}
    for rank, product in enumerate(ranking):
        scores.setdefault(product, -float(rank))
    return scores

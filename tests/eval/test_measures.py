from __future__ import annotations

from math import log2

import pytest
import pytrec_eval
from dsv3.errors import InputError
from dsv3.eval.measures import (
    AP,
    DEFAULT_MEASURES,
    RR,
    Judged,
    Measure,
    P,
    R,
    Success,
    condensed,
    describe,
    exponential,
    label,
    measure_queries,
    nDCG,
    parse_measure,
    parse_measures,
)
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.run import Run, from_scores
from hypothesis import given, settings
from hypothesis import strategies as st

TREC_NAMES = {
    nDCG @ 10: "ndcg_cut_10",
    nDCG @ 5: "ndcg_cut_5",
    P @ 1: "P_1",
    P @ 10: "P_10",
    R @ 100: "recall_100",
    AP @ 100: "map_cut_100",
    Success @ 1: "success_1",
    Success @ 10: "success_10",
}
# Ids with spaces, other scripts and look-alikes of numbers, none of which trec_eval's files take.
IDS = st.sampled_from(["a", "b c", "10", "9", "é", "键盘", "لوحة", "A", "z-1", "00", "ß", "x y z"])
QUERIES = st.sampled_from(["usb c cable", "键盘", "قلم", "q1", "Ünicode query"])
GRADES = st.integers(0, 3)
# Few different scores, so that ties are common.
SCORES = st.sampled_from([0.0, 1.0, 1.0 + 1e-9, 2.5, -3.0, 1e-3])
JUDGMENTS = st.dictionaries(
    QUERIES, st.dictionaries(IDS, GRADES, min_size=1), min_size=1, max_size=4
)
SCORED = st.dictionaries(QUERIES, st.dictionaries(IDS, SCORES), max_size=4)


def trec_eval(
    grades: dict[str, dict[str, int]], scored: dict[str, dict[str, float]], names: set[str]
) -> dict[str, dict[str, float]]:
    """Call trec_eval's own code; a query without results scores zero."""
    evaluator = pytrec_eval.RelevanceEvaluator(grades, names)
    found = evaluator.evaluate({query: docs for query, docs in scored.items() if docs})
    return {query: found.get(query, dict.fromkeys(names, 0.0)) for query in grades}


def assert_equals_trec_eval(
    grades: dict[str, dict[str, int]], scored: dict[str, dict[str, float]]
) -> None:
    ours = measure_queries(Qrels(grades), from_scores("x", scored), tuple(TREC_NAMES))
    theirs = trec_eval(grades, scored, set(TREC_NAMES.values()))
    for measure, name in TREC_NAMES.items():
        for query in grades:
            assert ours[measure][query] == pytest.approx(theirs[query][name], abs=5e-5), measure


@settings(max_examples=150, deadline=None)
@given(grades=JUDGMENTS, scored=SCORED)
def test_values_equal_those_of_trec_eval(
    grades: dict[str, dict[str, int]], scored: dict[str, dict[str, float]]
) -> None:
    assert_equals_trec_eval(grades, scored)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(grades=JUDGMENTS, scored=SCORED)
def test_values_equal_those_of_trec_eval_on_two_thousand_runs(
    grades: dict[str, dict[str, int]], scored: dict[str, dict[str, float]]
) -> None:
    assert_equals_trec_eval(grades, scored)


def dcg(gains: list[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def ndcg_by_hand(
    judged: dict[str, int], ranking: tuple[str, ...], k: int, gain: dict[int, float]
) -> float:
    ideal = dcg(sorted((gain[grade] for grade in judged.values()), reverse=True)[:k])
    shown = dcg([gain[judged[p]] if p in judged else 0.0 for p in ranking[:k]])
    return shown / ideal if ideal else 0.0


@settings(max_examples=150, deadline=None)
@given(grades=JUDGMENTS, scored=SCORED)
def test_gains_and_condensing_follow_their_definitions(
    grades: dict[str, dict[str, int]], scored: dict[str, dict[str, float]]
) -> None:
    run = from_scores("x", scored)
    measures = (nDCG @ 3, exponential(nDCG @ 3), condensed(nDCG @ 3), condensed(P @ 1))
    ours = measure_queries(Qrels(grades), run, measures)
    linear = {grade: float(grade) for grade in range(4)}
    powers = {grade: 2.0**grade - 1 for grade in range(4)}
    for query, judged in grades.items():
        ranking = tuple(run.rankings.get(query, ()))
        kept = tuple(product for product in ranking if product in judged)
        expected = {
            measures[0]: ndcg_by_hand(judged, ranking, 3, linear),
            measures[1]: ndcg_by_hand(judged, ranking, 3, powers),
            measures[2]: ndcg_by_hand(judged, kept, 3, linear),
            measures[3]: float(bool(kept) and judged[kept[0]] > 0),
        }
        for measure, value in expected.items():
            assert ours[measure][query] == pytest.approx(value), measure


@pytest.mark.parametrize("name", ["nDCG@10", "P@1", "R@100", "RR@10", "AP@100", "Success@1"])
def test_every_measure_can_be_condensed(name: str) -> None:
    qrels = collect([("q", "a", 1), ("q", "b", 0), ("q", "c", 2), ("r", "a", 1)])
    full = Run("x", {"q": ("z", "b", "y", "c", "a"), "r": ("z",)})
    kept = Run("x", {"q": ("b", "c", "a"), "r": ()})
    plain, short = parse_measure(name), parse_measure(f"condensed {name}")
    found = measure_queries(qrels, full, (plain, short))
    assert found[short] == measure_queries(qrels, kept, (plain,))[plain]
    assert found[plain] == measure_queries(qrels, full, (plain,))[plain]


def test_published_gains_are_used() -> None:
    gains = {3: 1.0, 2: 0.1, 1: 0.01, 0: 0.0}
    judged = {"e": 3, "s": 2, "c": 1, "i": 0}
    qrels = Qrels({"q": judged}, gains=gains)
    run = Run("x", {"q": ("i", "s", "e", "c")})
    value = measure_queries(qrels, run, (nDCG @ 10,))[nDCG @ 10]["q"]
    assert value == pytest.approx(ndcg_by_hand(judged, ("i", "s", "e", "c"), 10, gains))


def test_each_measure_is_the_same_alone_and_among_others() -> None:
    qrels = collect([("q", "a", 3), ("q", "b", 1), ("q", "c", 2), ("r", "a", 0)])
    run = Run("x", {"q": ("b", "zz", "a"), "r": ("a",)})
    together = measure_queries(qrels, run, DEFAULT_MEASURES)
    for measure in DEFAULT_MEASURES:
        assert measure_queries(qrels, run, (measure,))[measure] == together[measure]


def test_a_query_without_results_counts_as_zero_and_an_unjudged_one_for_nothing() -> None:
    qrels = collect([("q", "a", 1), ("r", "b", 1)])
    run = Run("x", {"q": ("a",), "unjudged": ("a",)})
    assert measure_queries(qrels, run, (nDCG @ 10, Judged @ 10)) == {
        nDCG @ 10: {"q": 1.0, "r": 0.0},
        Judged @ 10: {"q": 1.0, "r": 0.0},
    }
    assert measure_queries(qrels, Run("none", {}), (RR @ 10,)) == {RR @ 10: {"q": 0.0, "r": 0.0}}


def test_the_order_shown_counts_not_the_ids() -> None:
    qrels = collect([("q", "z", 1)])
    for ranking, value in ((("z", "a"), 1.0), (("a", "z"), 0.5)):
        run = Run("x", {"q": ranking}, {"q": (1.0, 1.0)})
        assert measure_queries(qrels, run, (RR @ 10,))[RR @ 10]["q"] == value


def test_a_product_shown_twice_counts_once_where_it_is_first() -> None:
    qrels = collect([("q", "a", 1)])
    run = Run("x", {"q": ("a", "b", "a")})
    values = measure_queries(qrels, run, (RR @ 10, P @ 3))
    assert values == {RR @ 10: {"q": 1.0}, P @ 3: {"q": pytest.approx(1 / 3)}}


def test_a_negative_grade_is_judged_and_gains_nothing() -> None:
    qrels = collect([("q", "junk", -2), ("q", "good", 2)])
    run = Run("x", {"q": ("junk", "good")})
    values = measure_queries(qrels, run, (nDCG @ 10, Judged @ 10))
    assert values[Judged @ 10]["q"] == 1.0
    assert values[nDCG @ 10]["q"] == pytest.approx(1 / log2(3))


@pytest.mark.parametrize(
    ("name", "measure", "printed"),
    [
        ("nDCG@10", nDCG @ 10, "nDCG@10"),
        ("condensed nDCG@10", condensed(nDCG @ 10), "condensed nDCG@10"),
        ("exponential nDCG@5", exponential(nDCG @ 5), "exponential nDCG@5"),
        ("nDCG(dcg='exp-log2')@5", exponential(nDCG @ 5), "exponential nDCG@5"),
        ("P(rel=2)@1", P(rel=2) @ 1, "P(rel=2)@1"),
    ],
)
def test_a_measure_is_read_from_its_name(name: str, measure: Measure, printed: str) -> None:
    assert parse_measure(name) == measure
    assert label(measure) == printed
    assert parse_measure(label(measure)) == measure


def test_several_measures_in_one_text() -> None:
    assert parse_measures(["nDCG@10, P(rel=2)@1", "nDCG@10"]) == (nDCG @ 10, P(rel=2) @ 1)


@pytest.mark.parametrize(
    "name", ["", "goodness@10", "nDCG@0", "nDCG@ten", "condensed Judged@10", "__import__('os')"]
)
def test_an_unknown_measure_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="measure"):
        parse_measure(name)


def test_gains_and_discount_are_told() -> None:
    qrels = collect([("q", "a", 3), ("q", "b", 0)])
    told = " ".join(describe(DEFAULT_MEASURES, qrels))
    assert "3→3" in told
    assert "3→7" in told
    assert "1/log2(rank+1)" in told

"""Verdicts know what nobody rated: they stand only where the unrated could not turn them."""

from __future__ import annotations

import random

import pytest
from dsv3.errors import InputError
from dsv3.eval.conditions import failures
from dsv3.eval.evaluation import evaluate
from dsv3.eval.holes import bounds, rated_by_rank, unrated, with_relevant
from dsv3.eval.measures import condensed, nDCG
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.run import Run

QUERIES = 40
MEASURE = nDCG @ 10


def truth(seed: int = 0) -> Qrels:
    """Grade sixty products for each query: ten good, ten fair."""
    chosen = random.Random(seed)  # noqa: S311
    judged = []
    for query in range(QUERIES):
        products = [f"p{number}" for number in range(60)]
        chosen.shuffle(products)
        grades = [3] * 10 + [1] * 10 + [0] * 40
        judged += [(f"q{query}", p, g) for p, g in zip(products, grades, strict=True)]
    return collect(judged)


def searched(qrels: Qrels, name: str, noise: float, seed: int) -> Run:
    chosen = random.Random(seed)  # noqa: S311
    rankings = {
        query: sorted(judged, key=lambda p: judged[p] + chosen.gauss(0, noise), reverse=True)
        for query, judged in sorted(qrels.grades.items())
    }
    return Run(name, rankings)


def seen_by(qrels: Qrels, run: Run, depth: int = 15) -> Qrels:
    """Keep the grades of what one engine showed, as a pool of its results would."""
    kept = {q: {p: judged[p] for p in run.top(q, depth)} for q, judged in qrels.grades.items()}
    return Qrels(kept)


def test_a_better_system_that_nobody_rated_is_not_called_worse() -> None:
    whole = truth()
    old, new = searched(whole, "old", 3, 1), searched(whole, "new", 1.5, 2)
    assert evaluate(whole, [old, new]).comparisons[0].verdict == "better"
    found = evaluate(seen_by(whole, old), [old, new])
    told = found.comparison()
    assert told is not None
    assert told.significant
    assert told.difference.mean < 0
    assert not told.worse
    pairs = unrated(seen_by(whole, old), [old, new], 10)
    assert told.verdict == f"the judgments have holes: rate these {len(pairs):,} pairs"
    assert failures(found, [], if_worse=True) == []


def test_a_verdict_stands_where_few_unrated_results_cannot_turn_it() -> None:
    whole = truth()
    old, new = searched(whole, "old", 3, 1), searched(whole, "new", 0.5, 2)
    first = new.top("q0", 1)[0]
    grades = {q: dict(judged) for q, judged in whole.grades.items()}
    del grades["q0"][first]
    holed = Qrels(grades)
    assert unrated(holed, [new], 10) == {("q0", first)}
    assert [c.verdict for c in evaluate(holed, [old, new]).comparisons[:1]] == ["better"]
    assert [c.verdict for c in evaluate(holed, [new, old]).comparisons[:1]] == ["worse"]


def lost(qrels: Qrels, share: float, run: Run | None = None) -> Qrels:
    """Lose this share of the grades at random; where a run is named, of its first results."""
    chosen = random.Random(7)  # noqa: S311
    kept = {
        query: {
            product: grade
            for product, grade in judged.items()
            if (run is not None and product not in run.top(query, 10)) or chosen.random() > share
        }
        for query, judged in sorted(qrels.grades.items())
    }
    return Qrels(kept)


def test_a_verdict_stands_where_both_lack_some_at_random() -> None:
    whole = truth()
    old, new = searched(whole, "old", 3, 1), searched(whole, "new", 1, 2)
    holed = lost(whole, 0.1)
    assert len(unrated(holed, [old, new], 10)) > 20
    assert [c.verdict for c in evaluate(holed, [old, new]).comparisons[:1]] == ["better"]


def test_a_verdict_stands_that_no_grades_could_turn_though_one_system_lacks_more() -> None:
    whole = truth()
    old, new = searched(whole, "old", 6, 1), searched(whole, "new", 0.5, 2)
    holed = lost(whole, 0.2, old)
    found = evaluate(holed, [old, new])
    shares = [sum(found.rated[name]) / 10 for name in ("old", "new")]
    assert shares[1] - shares[0] > 0.05
    assert found.comparisons[0].verdict == "better"


def test_equal_holes_that_are_too_many_doubt_a_verdict() -> None:
    whole = truth()
    old, new = searched(whole, "old", 3, 1), searched(whole, "new", 1, 2)
    told = evaluate(lost(whole, 0.7), [old, new]).comparisons[0]
    assert told.significant
    assert told.verdict.startswith("the judgments have holes")


def test_a_system_that_shows_nothing_is_compared() -> None:
    whole = truth()
    silent, new = Run("silent", {}), searched(whole, "new", 1, 2)
    assert evaluate(lost(whole, 0.1), [silent, new]).comparisons[0].verdict == "better"


def test_nothing_is_left_out_of_a_query_that_is_judged_whole() -> None:
    run = Run("one", {"q": ["x", "a"], "r": ["x", "a"]})
    qrels = collect([("q", "a", 1), ("q", "*", 0), ("r", "a", 1)])
    found = evaluate(qrels, [run], measures=(condensed(nDCG @ 10),)).scores["one"]
    values = found[condensed(nDCG @ 10)].values
    assert values["q"] < values["r"] == 1


def test_judgments_that_are_complete_have_no_holes() -> None:
    whole = truth()
    old, new = searched(whole, "old", 3, 1), searched(whole, "new", 1.5, 2)
    holed = seen_by(whole, old)
    complete = Qrels(holed.grades, complete=frozenset(holed.grades))
    assert evaluate(complete, [old, new]).comparisons[0].verdict == "worse"


def test_bounds_are_the_means_of_both_ends() -> None:
    qrels = collect([("q", "a", 3), ("q", "b", 0), ("r", "c", 2)])
    run = Run("one", {"q": ["x", "a"], "r": ["c"]})
    low, high = bounds(qrels, run, MEASURE, 10)
    plain = evaluate(qrels, [run]).scores["one"][MEASURE]
    assert low == pytest.approx(plain.mean.mean)
    assert high == pytest.approx(1.0)
    assert plain.bounds == (low, high)
    assert with_relevant(qrels, frozenset({("q", "x")})).grades["q"]["x"] == 3


def test_the_share_of_rated_results_is_told_by_rank() -> None:
    qrels = collect([("q", "a", 3), ("r", "c", 2)])
    run = Run("one", {"q": ["x", "a"], "r": ["c"]})
    assert rated_by_rank(qrels, run, 3) == (0.5, 1.0, 0.0)


def test_grades_tell_who_gave_them() -> None:
    qrels = collect([("q", "a", 3, "anna"), ("q", "b", 0, "model"), ("r", "c", 2, "model")])
    assert qrels.shares() == {"model": pytest.approx(2 / 3), "anna": pytest.approx(1 / 3)}
    human = qrels.by_raters(["anna"])
    assert human.grades == {"q": {"a": 3}, "r": {}}
    run = Run("one", {"q": ["a", "b"], "r": ["c"]})
    notes = evaluate(qrels, [run]).notes
    assert "grades by rater: 67% model, 33% anna" in notes
    with pytest.raises(InputError, match="no grade by ben; raters are model, anna"):
        qrels.by_raters(["ben"])

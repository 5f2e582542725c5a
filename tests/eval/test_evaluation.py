from __future__ import annotations

import pytest
from dsv3.errors import InputError
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.clicks import Simulation
from dsv3.eval.evaluation import evaluate, with_clicks
from dsv3.eval.measures import DEFAULT_MEASURES, P, nDCG
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.run import Run
from dsv3.eval.systems.base import RandomSystem
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25System


def test_bm25_beats_random_and_the_report_says_so(catalog: CatalogTexts, qrels: Qrels) -> None:
    runs = [
        RandomSystem(catalog.product_ids).rank(qrels.queries, 60),
        Bm25System(Bm25Fields(catalog)).rank(qrels.queries, 60),
    ]
    found = evaluate(qrels, runs, catalog=catalog)
    assert found.subject == "bm25"
    assert found.baseline == "random"
    comparison = found.comparison()
    assert comparison is not None
    assert comparison.verdict == "better"
    assert found.mean("nDCG@10") == found.scores["bm25"][nDCG @ 10].mean.mean
    assert found.mean("nDCG@10", "random") < found.mean("nDCG@10")
    assert {c.measure for c in found.comparisons} >= {"nDCG@10", "condensed nDCG@10", "P@1"}
    assert "Judged@10" not in {c.measure for c in found.comparisons}
    assert {r.system for r in found.slice_results} == {"random", "bm25"}
    assert [c.system for c in found.coverage] == ["random", "bm25"]
    assert any("1 of 11 queries have no relevant product" in note for note in found.notes)
    score = found.scores["bm25"][nDCG @ 10]
    assert score.answerable == pytest.approx(score.mean.mean * 11 / 10)


def test_clicks_say_how_far_they_order_systems_as_judgments_do(qrels: Qrels) -> None:
    best = {q: sorted(judged, key=lambda p: -judged[p]) for q, judged in qrels.grades.items()}
    runs = [
        Run("good", best),
        Run("half", {q: best[q] for q in list(best)[::2]}),
        Run("mute", {}),
    ]
    found = with_clicks(evaluate(qrels, runs), Simulation(sessions=0))
    assert any("orders the 3 systems as nDCG@10 does" in note for note in found.notes)
    assert any("Kendall's tau 1.00" in note for note in found.notes)
    pair = with_clicks(evaluate(qrels, runs[:2]), Simulation(sessions=0))
    assert not any("Kendall" in note for note in pair.notes)


def test_worst_and_most_changed_show_both_sides(catalog: CatalogTexts) -> None:
    qrels = collect([("q", "shoe-1", 3), ("q", "shoe-2", 1), ("r", "hat-1", 3), ("s", "x", 0)])
    before = Run("before", {"q": ["shoe-1"], "r": ["hat-1"]})
    after = Run("after", {"q": ["hat-9", "shoe-2"], "r": ["hat-1"]})
    found = evaluate(qrels, [before, after], catalog=catalog)
    worst = found.worst(1)[0]
    assert worst.query == "q"
    assert [shown.grade for shown in worst.shown["after"]] == [None, 1]
    assert [(m.product_id, m.grade, m.rank) for m in worst.missed] == [("shoe-1", 3, None)]
    assert worst.missed[0].title == "red shoe model 1"
    changed = found.changed()
    assert [view.query for view in changed] == ["q"]
    assert changed[0].change < 0
    assert set(changed[0].shown) == {"before", "after"}


def test_nothing_is_dropped_silently() -> None:
    qrels = collect([("q", "a", 1), ("r", "b", 1)])
    found = evaluate(qrels, [Run("x", {"q": ["a"], "other": ["b"]})], measures=[P @ 1])
    assert found.mean(P @ 1) == 0.5
    assert "x: 1 queries without results count as zero" in found.notes
    assert "x: 1 queries of the run are not judged and left out" in found.notes
    assert found.comparison() is None
    assert found.changed() == []
    with pytest.raises(InputError, match="nDCG@10 was not measured"):
        found.mean("nDCG@10")


@pytest.mark.parametrize(
    ("runs", "baseline", "message"),
    [
        ([], None, "nothing to evaluate"),
        ([Run("x", {"q": ["a"]})] * 2, None, "one name"),
        ([Run("x", {"q": ["a"]})], "y", "no system 'y'"),
        ([Run("x", {"1": ["a"]})], None, "none of its 1 queries is judged; it has '1'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    runs: list[Run], baseline: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(collect([("q", "a", 1)]), runs, baseline=baseline)


def test_the_same_seed_gives_the_same_numbers(catalog: CatalogTexts, qrels: Qrels) -> None:
    runs = [
        RandomSystem(catalog.product_ids, seed).rank(qrels.queries, 20).renamed(f"r{seed}")
        for seed in (0, 1)
    ]
    first, second = (evaluate(qrels, runs, measures=DEFAULT_MEASURES[:2]) for _ in range(2))
    assert first.comparisons == second.comparisons
    assert first.scores == second.scores

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from dsv3.errors import InputError
from dsv3.eval.judgments.load import load_qrels, load_run
from dsv3.eval.judgments.trec import write_trec_qrels, write_trec_run
from dsv3.eval.qrels import ALL_OTHERS, Qrels
from dsv3.eval.run import Run, from_scores
from hypothesis import given, settings
from hypothesis import strategies as st

IDS = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=8
).filter(lambda text: text == text.strip())
PRODUCTS = IDS.filter(lambda text: text != ALL_OTHERS)
GRADES = st.dictionaries(IDS, st.dictionaries(PRODUCTS, st.integers(-2, 3), min_size=1), min_size=1)
RANKINGS = st.dictionaries(IDS, st.lists(IDS, unique=True, min_size=1), min_size=1)


@settings(max_examples=100, deadline=None)
@given(grades=GRADES)
def test_qrels_come_back_as_they_were(grades: dict[str, dict[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.qrels"
        write_trec_qrels(Qrels(grades), file)
        assert load_qrels(file, "trec").grades == grades


@settings(max_examples=100, deadline=None)
@given(rankings=RANKINGS)
def test_runs_come_back_as_they_were(rankings: dict[str, list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.run"
        write_trec_run(Run("two words", rankings), file)
        run = load_run(file)
    assert {query: list(ranking) for query, ranking in run.rankings.items()} == rankings
    assert run.name == "two-words"


def test_a_long_ranking_keeps_its_order_in_single_precision(tmp_path: Path) -> None:
    ranking = [str(place) for place in range(5000)]
    write_trec_run(Run("x", {"q": ranking}), tmp_path / "x.run")
    assert list(load_run(tmp_path / "x.run").rankings["q"]) == ranking
    write_trec_run(Run("x", {"q": ranking}), tmp_path / "y.run", k=10)
    assert len(load_run(tmp_path / "y.run").rankings["q"]) == 10


def test_an_id_with_a_tab_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tab or line break"):
        write_trec_run(Run("x", {"q": ["a\tb"]}), tmp_path / "x.run")


def test_ties_are_broken_as_trec_eval_breaks_them() -> None:
    run = from_scores("x", {"q": {"a": 1.0, "c": 1.0, "b": 1.0 + 1e-9, "d": 2.0, "é": 1.0}})
    assert run.rankings["q"] == ("d", "é", "c", "b", "a")
    huge = from_scores("x", {"q": {"a": 1e300, "b": -1e300, "c": 0.0}})
    assert huge.rankings["q"] == ("a", "c", "b")

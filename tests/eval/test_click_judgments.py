"""Judgments from clicks: grades that debiased clicks give, only where there is evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.click_judgments import judge_clicks
from dsv3.eval.clicks import ClickLog, Search, collect_log, grade_model
from dsv3.eval.evaluation import evaluate
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.judgments.tables import write_judgments
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run

QUERIES, PRODUCTS, DEPTH = 12, 12, 8


@pytest.fixture(scope="module")
def rated() -> Qrels:
    chosen = np.random.default_rng(5)
    return Qrels(
        {
            f"q{query}": {
                f"p{product}": int(grade)
                for product, grade in enumerate(
                    chosen.permutation([0] * 5 + [1] * 3 + [2, 2, 3, 3])
                )
            }
            for query in range(QUERIES)
        }
    )


def clicked(rated: Qrels, searches: int, *, seed: int = 0, worst_first: bool = False) -> ClickLog:
    """Let shoppers who examine rank r with probability 1/r search a shop."""
    generator = np.random.default_rng(seed)
    model = grade_model("pbm", top=3, k=DEPTH)
    found = []
    for number in range(searches):
        query = f"q{number % QUERIES}"
        judged = rated.grades[query]
        noise = generator.normal(scale=2.0, size=PRODUCTS)
        sign = 1 if worst_first else -1
        ranked = sorted(judged, key=lambda p: sign * judged[p] + noise[int(p[1:])])
        shown = ranked[:DEPTH]
        items = np.asarray([[judged[product] for product in shown]])
        clicks = model.simulate(items, generator)[0]
        found.append(Search(f"s{number}", query, shown, clicks.tolist()))
    return collect_log(found)


@pytest.fixture(scope="module")
def many(rated: Qrels) -> ClickLog:
    """Show the worst products first."""
    return clicked(rated, 12_000, worst_first=True)


def test_grades_are_those_of_the_truth_whatever_the_ranks(rated: Qrels, many: ClickLog) -> None:
    found = judge_clicks(many, "pbm", rated)
    off = [abs(g.grade - rated.grades[g.query][g.product]) for g in found.grades]
    assert len(off) > 100
    assert np.mean(off) < 0.25
    assert max(off) <= 1
    assert found.agreement is not None
    assert found.agreement.grades.raters == ("clicks:pbm", "judgments")
    assert found.agreement.grades.kappa is not None
    assert found.agreement.grades.kappa.low > 0.8
    assert found.agreement.tau is not None
    assert found.agreement.tau.low > 0.7
    assert list(found.scale) == sorted(found.scale)


def test_what_was_shown_too_seldom_is_left_out_and_counted(rated: Qrels, many: ClickLog) -> None:
    log = clicked(rated, 240)
    few = judge_clicks(log, "pbm")
    assert len(few.grades) + few.left_out == len(log.pairs)
    assert few.left_out > judge_clicks(many, "pbm").left_out
    assert all(grade.attractiveness.low < grade.attractiveness.high for grade in few.grades)
    assert few.agreement is None


def test_clicks_that_know_nothing_of_relevance_do_not_agree(rated: Qrels, many: ClickLog) -> None:
    names = np.random.default_rng(0).permutation(PRODUCTS)
    mixed = Qrels(
        {
            q: {f"p{names[int(p[1:])]}": g for p, g in judged.items()}
            for q, judged in rated.grades.items()
        }
    )
    found = judge_clicks(many, "pbm", mixed)
    assert found.agreement is not None
    kappa = found.agreement.grades.kappa
    assert kappa is not None
    assert abs(kappa.value) < 0.3
    assert kappa.low < kappa.value < kappa.high


def test_a_file_of_them_tells_its_rater(rated: Qrels, tmp_path: Path) -> None:
    found = judge_clicks(clicked(rated, 2_400), "dbn", rated)
    write_judgments(found.qrels, tmp_path / "judgments.csv")
    read = load_qrels(tmp_path / "judgments.csv")
    assert read.pairs == len(found.grades)
    assert read.shares() == {"clicks:dbn": 1.0}
    run = Run("one", {query: list(judged) for query, judged in read.grades.items()})
    assert "grades by rater: 100% clicks:dbn" in evaluate(read, [run]).notes


def test_a_log_of_other_queries_says_so(rated: Qrels) -> None:
    with pytest.raises(InputError, match=r"none of its .* pairs was shown often enough"):
        judge_clicks(clicked(rated, 2), "pbm")
    other = Qrels({"elsewhere": {"p1": 3, "p2": 0}})
    with pytest.raises(InputError, match="rated products of fewer than two grades"):
        judge_clicks(clicked(rated, 240), "pbm", other)

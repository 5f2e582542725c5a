"""Judgments and clicks become training examples."""

from __future__ import annotations

import random

import pytest
from dsv3.eval.clicks.log import Search, collect_log
from dsv3.eval.examples.clicked import clicked_judgments
from dsv3.eval.examples.judged import graded_lists, judged_examples
from dsv3.eval.examples.pool import Pool
from dsv3.eval.qrels import Qrels


@pytest.fixture
def qrels(pool: Pool) -> Qrels:
    ids = [product.product_id for product in pool.products[:6]]
    return Qrels({"lamp": dict(zip(ids, (3, 1, 0, 0, 3, 0), strict=True)), "none": {ids[0]: 0}})


def test_relevant_products_are_trained_against_worse_ones(pool: Pool, qrels: Qrels) -> None:
    examples = list(judged_examples(qrels, pool, negatives=2))
    assert {example.query for example in examples} == {"lamp"}
    grades = {pool.texts[place]: grade for place, grade in enumerate((3, 1, 0, 0, 3, 0))}
    assert sorted(example.grade for example in examples) == [1 / 3, 1.0, 1.0]
    for example in examples:
        assert example.grade == grades[example.positive] / 3
        assert len(example.negatives) == 2
        assert all(grades[text] < grades[example.positive] for text in example.negatives)


def test_products_the_shop_lacks_are_passed_over(pool: Pool) -> None:
    assert list(judged_examples(Qrels({"lamp": {"gone": 3}}), pool)) == []
    assert graded_lists(Qrels({"lamp": {"gone": 3}}), pool) == []


def test_lists(pool: Pool, qrels: Qrels) -> None:
    (one,) = graded_lists(qrels, pool)
    assert one.query == "lamp"
    assert one.texts == tuple(pool.texts[:6])
    assert one.grades == (1.0, 1 / 3, 0.0, 0.0, 1.0, 0.0)


def test_clicks_are_debiased() -> None:
    """B is clicked less often than A, as it is mostly shown below; it is twice as attractive."""
    generator = random.Random(0)  # noqa: S311
    attractive, examined = {"A": 0.3, "B": 0.6, "C": 0.05}, (0.9, 0.3, 0.15)
    searches = []
    for number in range(6000):
        shown = ["A", "B", "C"] if generator.random() < 0.85 else ["B", "C", "A"]
        clicked = [
            generator.random() < attractive[product] * examined[rank]
            for rank, product in enumerate(shown)
        ]
        searches.append(Search(str(number), "lamp", shown, clicked))
    log = collect_log(searches)
    clicks = {
        product: sum(s.clicked[list(s.products).index(product)] for s in searches)
        for product in attractive
    }
    assert clicks["A"] > clicks["B"]
    grades = clicked_judgments(log).grades["lamp"]
    assert grades["B"] == 3
    assert grades["A"] in (1, 2)
    assert grades["C"] == 0


def test_pairs_that_were_hardly_seen_are_left_out() -> None:
    log = collect_log([Search("1", "lamp", ["A", "B"], [True, False])])
    assert clicked_judgments(log).grades.get("lamp", {}) == {}

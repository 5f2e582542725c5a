"""What is listed to be rated, in which order, and what the list gives away."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from math import log2
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3 import ECommRetriever
from dsv3.errors import InputError
from dsv3.eval.holes import unrated
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.measures import nDCG
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.rating.pool import draw_controls, make_pool, order_pairs, settling, weigh_pairs
from dsv3.eval.run import Run

JUDGMENTS = Path(__file__).parents[3] / "sample_data" / "judgments.csv"
Runner = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def shop(sample_shop: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(sample_shop) as opened:
        yield opened


def with_holes(share: float = 0.5) -> Qrels:
    """Return the judgments of some queries of the sample shop, of which a part was lost."""
    whole, chosen = load_qrels(JUDGMENTS), random.Random(0)  # noqa: S311
    kept = [
        (query, product, grade)
        for query, judged in list(whole.grades.items())[::6]
        for product, grade in judged.items()
        if chosen.random() < share
    ]
    return collect(kept)


def test_a_weight_is_how_far_apart_the_discounts_are() -> None:
    qrels = collect([("q", "a", 3), ("q", "b", 1)])
    one, two = Run("one", {"q": ["x", "a", "y"]}), Run("two", {"q": ["x", "y", "z"]})
    weights = weigh_pairs(qrels, one, two, 3)
    ideal = 3 / log2(2) + 1 / log2(3)
    assert weights["q", "x"] == 0
    assert weights["q", "y"] == pytest.approx(3 * (1 / log2(3) - 1 / log2(4)) / ideal)
    assert weights["q", "z"] == pytest.approx(3 * (1 / log2(4)) / ideal)
    assert weigh_pairs(qrels, one, two, 2)["q", "y"] == pytest.approx(3 / log2(3) / ideal)


def test_a_weight_is_the_most_that_a_grade_moves_the_difference() -> None:
    from dsv3.eval.measures import measure_queries

    qrels = collect([("q", "a", 3), ("q", "b", 3), ("q", "c", 3)])
    one, two = Run("one", {"q": ["n", "a", "b"]}), Run("two", {"q": ["b", "a", "n"]})
    rated = collect([("q", "a", 3), ("q", "b", 3), ("q", "c", 3), ("q", "n", 3)])

    def difference(world: Qrels) -> float:
        values = [measure_queries(world, run, [nDCG @ 3])[nDCG @ 3]["q"] for run in (one, two)]
        return values[0] - values[1]

    moved = difference(rated) - difference(qrels)
    assert weigh_pairs(qrels, one, two, 3)["q", "n"] == pytest.approx(moved)


def test_pairs_come_by_what_they_decide() -> None:
    qrels = collect([("q", "a", 3), ("r", "a", 3)])
    base = Run("base", {"q": ["s", "a"], "r": ["u", "v", "a", "deep"]})
    lane = Run("lane", {"q": ["s", "lane only"], "r": ["u", "v", "a", "deep"]})
    subject = Run("subject", {"q": ["s", "a"], "r": ["v", "a", "u", "deep"]})
    pairs = unrated(qrels, [base, lane, subject], 4)
    order = order_pairs(pairs, qrels, [base, lane, subject], "base", nDCG @ 3, 4)
    assert [product for _, product in order] == ["u", "v", "lane only", "s", "deep"]


def test_controls_are_of_every_grade_and_of_what_is_shown() -> None:
    judged = [("q", f"{grade}-{number}", grade) for grade in range(4) for number in range(20)]
    run = Run("run", {"q": [f"{grade}-{number}" for grade in range(4) for number in range(5)]})
    products = [product for _, product, _ in judged]
    drawn = draw_controls(collect(judged), [run], products, 16, random.Random(0))  # noqa: S311
    assert sorted(product[0] for _, product in drawn) == sorted("0123" * 4)
    assert {product for _, product in drawn} <= set(run.rankings["q"])
    all_of_them = draw_controls(collect(judged), [run], products, 999, random.Random(0))  # noqa: S311
    assert len(set(all_of_them)) == 80


def test_a_pool_gives_nothing_away(shop: ECommRetriever, tmp_path: Path) -> None:
    qrels = with_holes()
    found = make_pool(shop, qrels, bm25="default", depth=10, controls=0.2, deeper=7)
    found.write(tmp_path / "to-rate.jsonl")
    text = (tmp_path / "to-rate.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    known = [qrels.grade(line["query"], line["product_id"]) for line in lines]
    controls = [place for place, grade in enumerate(known) if grade is not None]
    assert len(controls) == found.controls == round(0.2 * found.unrated)
    assert (found.deeper, found.absent) == (7, 0)
    assert len(lines) == found.unrated + found.controls + found.deeper
    assert controls != list(range(controls[0], controls[0] + len(controls)))
    allowed = {
        *("query", "product_id", "title", "brand", "category", "price", "currency"),
        *("image_url", "url", "description", "attributes"),
    }
    assert all(set(line) <= allowed and line["title"] for line in lines)
    shown = [set(lines[place]) for place in controls]
    others = [set(line) for place, line in enumerate(lines) if place not in controls]
    assert all(fields in others for fields in shown)
    assert 0 < found.settling <= len(lines)
    again = make_pool(shop, qrels, bm25="default", depth=10, controls=0.2, deeper=7)
    assert again == found


def test_queries_that_are_judged_whole_are_left_out(shop: ECommRetriever) -> None:
    holes = with_holes()
    first, *rest = holes.grades
    qrels = Qrels(holes.grades, complete=frozenset(rest))
    found = make_pool(shop, qrels, bm25="none", deeper=0)
    assert {line["query"] for line in found.lines} == {first}
    whole = Qrels(holes.grades, complete=frozenset(holes.grades))
    with pytest.raises(InputError, match="nothing to rate: all that"):
        make_pool(shop, whole, bm25="none")


def test_products_of_another_engine_are_left_out_and_counted(shop: ECommRetriever) -> None:
    qrels = with_holes()
    query = next(iter(qrels.grades))
    run = Run("engine", {query: ["not ours", *qrels.grades[query]]})
    found = make_pool(shop, qrels, runs=[run], bm25="none", deeper=0)
    assert found.absent == 1
    assert found.compared == "nDCG@10 of hybrid against engine"
    assert "not ours" not in {line["product_id"] for line in found.lines}


def test_queries_that_have_ids_keep_them(shop: ECommRetriever) -> None:
    holes = with_holes()
    names = {query: f"id {number}" for number, query in enumerate(holes.grades)}
    grades = {names[query]: judged for query, judged in holes.grades.items()}
    qrels = Qrels(grades, {name: query for query, name in names.items()})
    found = make_pool(shop, qrels, bm25="none", deeper=0)
    assert all(names[line["query"]] == line["query_id"] for line in found.lines)


def test_as_many_as_are_told_settle_the_comparison() -> None:
    chosen = random.Random(1)  # noqa: S311
    products = [f"p{number}" for number in range(40)]
    truth = {(f"q{q}", p): chosen.choice([0, 0, 0, 3]) for q in range(30) for p in products}
    good = {f"q{q}": sorted(products, key=lambda p: -truth[f"q{q}", p]) for q in range(30)}
    poor = {query: ranked[::-1] for query, ranked in good.items()}
    rated = [(query, p, truth[query, p]) for query in poor for p in poor[query][:10]]
    qrels, good_run, poor_run = collect(rated), Run("good", good), Run("poor", poor)
    pairs = unrated(qrels, [good_run, poor_run], 10)
    order = order_pairs(pairs, qrels, [poor_run, good_run], "poor", nDCG @ 10, 10)
    needed = settling(order, qrels, good_run, poor_run, nDCG @ 10)
    assert 0 < needed < len(order)
    whole = collect([*rated, *((q, p, truth[q, p]) for q, p in pairs)])
    assert settling(order, whole, good_run, poor_run, nDCG @ 10) == 0


def test_the_command_tells_what_it_wrote(dsv3: Runner, sample_shop: Path, tmp_path: Path) -> None:
    from dsv3.eval.judgments.tables import write_judgments

    judgments, out = tmp_path / "j.csv", tmp_path / "new" / "to-rate.jsonl"
    write_judgments(with_holes(), judgments)
    common = ("eval", "pool", "--in", sample_shop, "-j", judgments, "--bm25", "default")
    done = dsv3(*common, "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{out}: {len(out.read_text(encoding='utf-8').splitlines()):,} pairs: " in done.stdout
    assert "would likely settle nDCG@10 of hybrid against bm25" in done.stdout
    wrong = dsv3(*common, "--out", out, "--raters", "nobody")
    assert wrong.returncode == 2
    assert "no grade by nobody" in wrong.stderr

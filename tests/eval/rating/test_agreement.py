"""Agreement, against formulas computed here, and what it lets into the judgments."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.judgments.collections import ESCI_GAINS
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.rating.agreement import agree, measure_agreement
from dsv3.eval.rating.merge import merge_ratings, read_grades, write_qrels
from dsv3.eval.rating.ratings import Rating

Runner = Callable[..., CompletedProcess[str]]
QUERIES, PRODUCTS = 12, 8


def judged(seed: int = 0) -> Qrels:
    chosen = random.Random(seed)  # noqa: S311
    pairs = [
        (f"q{q}", f"p{p}", chosen.randrange(4)) for q in range(QUERIES) for p in range(PRODUCTS)
    ]
    return collect([(*pair, "human") for pair in pairs])


def rated(qrels: Qrels, rater: str, noise: float, seed: int, products: int = 10) -> list[Rating]:
    """Rate what is judged, and two products more a query, with a share of random grades."""
    chosen = random.Random(seed)  # noqa: S311
    found = []
    for query in qrels.grades:
        for number in range(products):
            known = qrels.grade(query, f"p{number}")
            grade = chosen.randrange(4) if known is None or chosen.random() < noise else known
            found.append(Rating(query, query, f"p{number}", grade, rater))
    return found


def test_kappa_is_that_of_scikit_learn() -> None:
    kappa = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    qrels = judged()
    (found,) = measure_agreement(rated(qrels, "anna", 0.3, 1, PRODUCTS), qrels)
    ratings = rated(qrels, "anna", 0.3, 1, PRODUCTS)
    mine = [rating.grade for rating in ratings]
    theirs = [qrels.grades[rating.query][rating.product] for rating in ratings]
    assert found.raters == ("anna", "judgments")
    assert found.pairs == QUERIES * PRODUCTS
    assert found.same == pytest.approx(np.mean(np.equal(mine, theirs)))
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(kappa(mine, theirs, weights="quadratic"))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.alpha is not None
    assert 0.4 < found.alpha.value < 1


def test_alpha_is_that_of_the_published_example() -> None:
    # Krippendorff, Computing Krippendorff's alpha-reliability, 2011: ordinal, four observers.
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    grades = {
        f"rater {place}": {(f"q{unit}", "p"): grade for unit, grade in enumerate(row) if grade}
        for place, row in enumerate(table)
    }
    found = agree(grades)
    assert found.pairs == 11
    assert found.kappa is None
    assert found.alpha is not None
    assert found.alpha.value == pytest.approx(0.815, abs=5e-4)


def test_a_rater_is_not_compared_with_what_is_the_rater_s_own() -> None:
    qrels = judged()
    own = merge_ratings(
        qrels, rated(qrels, "anna", 1.0, 1), least_agreement=-1, overrule=True
    ).qrels
    assert measure_agreement(rated(qrels, "anna", 0, 1), own)[0].pairs == 0


def test_raters_are_compared_two_by_two_and_together() -> None:
    qrels = judged()
    ratings = [
        each for name in ("anna", "ben", "eva") for each in rated(qrels, name, 0.1, len(name))
    ]
    found = measure_agreement(ratings, qrels)
    assert [each.raters for each in found] == [
        *(("anna", "judgments"), ("ben", "judgments"), ("eva", "judgments")),
        *(("anna", "ben"), ("anna", "eva"), ("ben", "eva"), ("anna", "ben", "eva")),
    ]


def test_nothing_is_told_of_a_few_pairs_or_of_one_grade() -> None:
    few = agree(
        {"a": {("q", f"p{n}"): n % 4 for n in range(9)}, "b": {("q", f"p{n}"): 1 for n in range(9)}}
    )
    same = agree({name: {("q", f"p{n}"): 3 for n in range(50)} for name in "ab"})
    for found in (few, same):
        assert (found.kappa, found.alpha) == (None, None)
    assert same.same == 1
    with pytest.raises(InputError, match="no rating"):
        measure_agreement([])


def test_only_those_who_agree_enter() -> None:
    qrels = judged()
    good, bad = rated(qrels, "anna", 0.05, 1), rated(qrels, "guess", 1.0, 2)
    new = [Rating("q0", "q0", f"n{n}", 1, "newcomer") for n in range(20)]
    found = merge_ratings(qrels, [*good, *bad, *new])
    assert (found.added, found.overruled, found.kept) == (2 * QUERIES, 0, QUERIES * PRODUCTS)
    assert {each.rater: each.reason.split(" ")[0] for each in found.refused} == {
        "guess": "weighted",
        "newcomer": "agreement",
    }
    assert found.qrels.rater("q0", "p8") == "anna"
    assert found.qrels.rater("q0", "p0") == "human"
    assert all(found.qrels.grades[q]["p0"] == qrels.grades[q]["p0"] for q in qrels.grades)
    everyone = merge_ratings(qrels, [*good, *bad, *new], least_agreement=-1)
    assert everyone.refused == ()
    assert everyone.qrels.rater("q0", "p8") == "anna+guess"


def test_several_grades_are_joined_by_their_median() -> None:
    qrels = collect([("q", "old", 1, "human")])
    said = {"old": (3, 3, 3), "even": (0, 3), "odd": (0, 2, 3)}
    ratings = [
        Rating("q", "q", product, grade, f"r{place}")
        for product, grades in said.items()
        for place, grade in enumerate(grades)
    ]
    found = merge_ratings(qrels, ratings, least_agreement=-1)
    assert found.qrels.grades == {"q": {"old": 1, "even": 0, "odd": 2}}
    assert found.qrels.rater("q", "odd") == "r0+r1+r2"
    over = merge_ratings(qrels, ratings, least_agreement=-1, overrule=True)
    assert over.qrels.grades["q"]["old"] == 3
    assert over.overruled == 1


@pytest.mark.parametrize("name", ["j.csv", "j.tsv", "j.jsonl", "j.json", "j.parquet", "j.csv.gz"])
def test_tables_keep_raters_texts_and_what_is_complete(tmp_path: Path, name: str) -> None:
    known = Qrels(
        {"7": {"a,b": 3, "c": -1}, "8": {"d": 0}},
        {"7": 'hat, "blue"', "8": "7"},
        raters={"7": {"a,b": "anna+ben"}},
        complete=frozenset({"8"}),
    )
    write_qrels(known, tmp_path / name)
    read = load_qrels(tmp_path / name)
    assert (read.grades, read.texts, read.complete) == (known.grades, known.texts, known.complete)
    assert read.raters == known.raters


def test_trec_keeps_raters_and_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    known = Qrels({"q": {"a": 3}}, raters={"q": {"a": "anna"}})
    write_qrels(known, tmp_path / "j.qrels")
    assert load_qrels(tmp_path / "j.qrels").raters == known.raters
    with pytest.raises(InputError, match="TREC qrels hold neither"):
        write_qrels(Qrels({"1": {"a": 3}}, {"1": "hat"}), tmp_path / "j.qrels")


def test_published_layouts_keep_gains_and_raters(tmp_path: Path) -> None:
    known = Qrels({"1": {"a": 3, "b": 1}}, {"1": "hat"}, ESCI_GAINS, raters={"1": {"b": "anna"}})
    write_qrels(known, tmp_path / "j.csv")
    read = load_qrels(tmp_path / "j.csv")
    assert (read.gains, read.grades, read.raters) == (ESCI_GAINS, known.grades, known.raters)
    (tmp_path / "beir" / "qrels").mkdir(parents=True)
    (tmp_path / "beir" / "queries.jsonl").write_text('{"_id":"1","text":"hat"}\n', encoding="utf-8")
    (tmp_path / "beir" / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\trater\n1\ta\t2\tanna\n1\t*\t0\t\n", encoding="utf-8"
    )
    beir = load_qrels(tmp_path / "beir")
    assert (beir.raters, beir.complete) == ({"1": {"a": "anna"}}, frozenset({"1"}))
    (tmp_path / "wands").mkdir()
    (tmp_path / "wands" / "query.csv").write_text("query_id\tquery\n1\that\n", encoding="utf-8")
    (tmp_path / "wands" / "label.csv").write_text(
        "id\tquery_id\tproduct_id\tlabel\trater\n0\t1\ta\tExact\tanna\n", encoding="utf-8"
    )
    assert load_qrels(tmp_path / "wands").raters == {"1": {"a": "anna"}}


def write_ratings(ratings: list[Rating], path: Path) -> Path:
    lines = [
        json.dumps({"query": r.query, "product_id": r.product, "grade": r.grade, "rater": r.rater})
        for r in ratings
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_commands(dsv3: Runner, tmp_path: Path) -> None:
    qrels = judged()
    judgments, out = tmp_path / "j.csv", tmp_path / "whole.csv"
    write_qrels(qrels, judgments)
    anna = write_ratings(rated(qrels, "anna", 0.05, 1), tmp_path / "anna.jsonl")
    guess = write_ratings(rated(qrels, "guess", 1.0, 2), tmp_path / "guess.jsonl")
    shown = dsv3("eval", "agreement", anna, guess, "-j", judgments)
    assert shown.returncode == 0, shown.stderr
    assert "anna / judgments" in shown.stdout
    found = json.loads(dsv3("eval", "agreement", anna, "-j", judgments, "--json").stdout)
    assert found[0]["kappa"]["value"] > 0.8
    assert "one rater alone" in dsv3("eval", "agreement", anna).stdout
    done = dsv3("eval", "merge", judgments, anna, guess, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "dsv3: guess: 120 grades stay out: weighted kappa" in done.stderr
    assert "24 added, 0 overruled, 96 rated anew" in done.stdout
    assert load_qrels(out).shares() == {"human": 0.8, "anna": 0.2}
    none = dsv3("eval", "merge", judgments, guess, "--out", tmp_path / "none.csv")
    assert none.returncode == 2
    assert "no rating may enter" in none.stderr
    assert not (tmp_path / "none.csv").exists()


def test_tables_of_grades_are_merged_as_ratings_are(dsv3: Runner, tmp_path: Path) -> None:
    qrels = judged()
    write_qrels(qrels, tmp_path / "j.csv")
    ratings = rated(qrels, "anna", 0.05, 1)
    anna = tmp_path / "anna.csv"
    anna.write_text(
        "query,product_id,grade,rater\n"
        + "".join(f"{r.query},{r.product},{r.grade},anna\n" for r in ratings),
        encoding="utf-8",
    )
    done = dsv3("eval", "merge", tmp_path / "j.csv", anna, "--out", tmp_path / "whole.csv")
    assert done.returncode == 0, done.stderr
    assert "24 added, 0 overruled, 96 rated anew" in done.stdout
    assert load_qrels(tmp_path / "whole.csv").shares() == {"human": 0.8, "anna": 0.2}
    assert sorted(read_grades(anna), key=str) == sorted(ratings, key=str)


@pytest.mark.parametrize("name", ["second go.tsv", "second go.qrels"])
def test_a_file_speaks_for_raters_it_does_not_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table = name.endswith("tsv")
    path.write_text("query\tproduct_id\tgrade\nhat\tp\t2\n" if table else "hat 0 p 2\n", "utf-8")
    assert read_grades(path) == [Rating("hat", "hat", "p", 2, "second-go")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("query,product_id,grade\nhat,p,7\n", "grade 7 of 'hat' and 'p' is none of 0 to 3"),
        ("query,product_id,grade\nhat,p,2\nhat,*,0\n", "judges whole queries"),
        ("query,product_id,esci_label\nhat,p,E\n", "gains of their own"),
    ],
)
def test_tables_that_are_no_ratings_are_refused(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_grades(path)

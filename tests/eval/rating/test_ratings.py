"""Files of ratings: durable, resumed, and never read wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3.errors import InputError, RecordError
from dsv3.eval.rating.ratings import (
    Rating,
    Ratings,
    check_name,
    name_of_model,
    read_items,
    read_ratings,
)


def test_the_last_word_counts_and_undone_ones_do_not(to_rate: Path, tmp_path: Path) -> None:
    items, path = read_items(to_rate), tmp_path / "r.jsonl"
    ratings = Ratings(path)
    ratings.add([(items[0], 3), (items[1], 1)], "anna")
    ratings.add([(items[0], 2)], "anna")
    ratings.add([(items[1], None)], "anna")
    ratings.add([(items[1], 0)], "ben")
    expected = {("anna", "r0"): 2, ("ben", "r1"): 0}
    assert {(r.rater, r.product): r.grade for r in read_ratings(path)} == expected
    again = Ratings(path)
    assert (again.by("anna"), again.counts(items)) == (
        {("red shoe", "r0"): 2},
        {"anna": 1, "ben": 1},
    )
    assert len(path.read_text(encoding="utf-8").splitlines()) == 5


def test_an_unfinished_line_costs_itself_alone(to_rate: Path, tmp_path: Path) -> None:
    items, path = read_items(to_rate), tmp_path / "r.jsonl"
    Ratings(path).add([(items[0], 3)], "anna")
    with path.open("ab") as file:
        file.write(b'{"query":"red shoe","product_id":"r1","gra')
    assert [rating.product for rating in read_ratings(path)] == ["r0"]
    Ratings(path).add([(items[2], 1)], "anna")
    assert [rating.product for rating in read_ratings(path)] == ["r0", "r2"]


def test_two_writers_share_a_file(to_rate: Path, tmp_path: Path) -> None:
    items, path = read_items(to_rate), tmp_path / "r.jsonl"
    one, two = Ratings(path), Ratings(path)
    for item in items:
        one.add([(item, 1)], "anna")
        two.add([(item, 2)], "ben")
    assert len(read_ratings(path)) == 2 * len(items)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", "expected an object"),
        ("{", "not JSON"),
        ('{"query":"q","product_id":"p","grade":1}', "no query, product_id or rater"),
        ('{"query":"q","product_id":"p","grade":7,"rater":"a"}', "grade 7 is none of 0 to 3"),
        ('{"query":"q","product_id":"p","grade":true,"rater":"a"}', "grade True"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(RecordError, match=message) as told:
        read_ratings(path)
    assert "line 2" in str(told.value)


def test_ids_of_queries_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "to-rate.jsonl"
    path.write_text('{"query_id":"7","query":"hat","product_id":"p"}\n' * 2, encoding="utf-8")
    (item,) = read_items(path)
    Ratings(tmp_path / "r.jsonl").add([(item, 3)], "anna")
    assert read_ratings(tmp_path / "r.jsonl") == [Rating("7", "hat", "p", 3, "anna")]


def test_pairs_that_lack_what_names_them_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "to-rate.jsonl"
    path.write_text('{"query":"hat"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1: no query or no product_id"):
        read_items(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="no pair to rate"):
        read_items(path)
    with pytest.raises(InputError, match="cannot be written"):
        Ratings(tmp_path)


def test_names_are_such_as_every_format_holds() -> None:
    assert check_name("Łucja.K-2") == "Łucja.K-2"
    assert name_of_model("Qwen/Qwen3 8B (q4)") == "Qwen/Qwen3-8B-q4-"
    for wrong in ("", "anna b", "a+b", "Q0", "x" * 101, "a\n"):
        with pytest.raises(InputError, match="rater"):
            check_name(wrong)


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [
        ("starlette.applications", "serve", ("rate", "TO_RATE", "--out", "OUT", "--no-open")),
        ("uvicorn", "serve", ("rate", "TO_RATE", "--out", "OUT", "--no-open")),
        (
            "httpx",
            "rate",
            ("rate", "TO_RATE", "--out", "OUT", "--rater", "http://x", "--model", "m"),
        ),
        ("krippendorff", "rate", ("agreement", "TO_RATE")),
    ],
)
def test_a_missing_extra_is_told_with_the_line_that_installs_it(
    dsv3: Callable[..., CompletedProcess[str]],
    to_rate: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    extra: str,
    arguments: tuple[str, ...],
) -> None:
    for name in ("page", "model", "agreement"):
        monkeypatch.delitem(sys.modules, f"dsv3.eval.rating.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    out = to_rate.with_name("r.jsonl")
    paths = {"TO_RATE": str(to_rate), "OUT": str(out)}
    done = dsv3("eval", *(paths.get(each, each) for each in arguments))
    assert done.returncode == 1
    assert f"pip install 'dsv3[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()

from __future__ import annotations

import pytest
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.longtail import measure_slices, slice_by_log, slice_by_signs
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.run import Run


def test_the_log_cuts_by_share_of_searches() -> None:
    qrels = collect([(q, "p", 1) for q in ("Shoes", "hat", "lamp", "never searched")])
    log = {"shoes": 50, "  SHOES ": 10, "hat": 25, "lamp": 10, "cable": 5}
    parts = slice_by_log(qrels, log).parts
    assert parts == {"head": ["Shoes"], "torso": ["hat"], "tail": ["lamp", "never searched"]}


def test_signs_cut_where_there_is_no_log(catalog: CatalogTexts) -> None:
    texts = ("red", "red shoe model", "zeppelin", "zeppelin in a hat", "red usb")
    parts = slice_by_signs(collect([(q, "p", 1) for q in texts]), catalog).parts
    assert parts["head"] == ["red"]
    assert parts["torso"] == ["red shoe model", "red usb"]
    assert parts["tail"] == ["zeppelin", "zeppelin in a hat"]
    assert parts["rare word"] == ["zeppelin", "zeppelin in a hat"]
    assert parts["3+ words"] == ["red shoe model", "zeppelin in a hat"]
    assert parts["no title has all words"] == ["zeppelin", "zeppelin in a hat", "red usb"]


def test_every_query_is_in_one_part(catalog: CatalogTexts, qrels: Qrels) -> None:
    parts = slice_by_signs(qrels, catalog).parts
    parted = sorted(q for name in ("head", "torso", "tail") for q in parts[name])
    assert parted == sorted(qrels.grades)


def test_each_slice_is_measured_by_hand() -> None:
    qrels = collect([("a", "p", 1), ("b", "p", 1), ("c", "p", 0), ("d", "p", 1)])
    slices = slice_by_log(qrels, {"a": 9, "b": 1})
    run = Run("x", {"a": ["p"], "b": ["z", "p"], "c": ["p"]})
    found = {r.slice: r for r in measure_slices(qrels, run, slices, k=1)}
    assert set(found) == {"head", "tail"}
    assert (found["head"].success, found["head"].ndcg, found["head"].zero_results) == (1, 1, 0)
    tail = found["tail"]
    assert (tail.queries, tail.answerable, tail.success) == (3, 2, 0.0)
    assert tail.zero_results == pytest.approx(1 / 3)

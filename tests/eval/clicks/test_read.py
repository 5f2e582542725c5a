from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.clicks import ClickLog, Search, collect_log, read_click_log

ROWS: list[dict[str, object]] = [
    {"session_id": "1", "query": "red shoes", "position": 1, "product_id": "a", "clicked": 0},
    {"session_id": "1", "query": "red shoes", "position": 2, "product_id": "b", "clicked": 1},
    {"session_id": "2", "query": "红鞋 女", "position": 1, "product_id": "b", "clicked": 1},
    {"session_id": "2", "query": "red shoes", "position": 2, "product_id": "a", "clicked": 0},
    {"session_id": "2", "query": "red shoes", "position": 1, "product_id": "c", "clicked": 0},
]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    if ".jsonl" in path.name:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ".tsv" in path.name else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def shown(log: ClickLog, row: int) -> list[tuple[str, str, bool]]:
    places = zip(log.items[row], log.clicks[row], strict=True)
    return [(*log.pairs[item], bool(click)) for item, click in places if item >= 0]


@pytest.mark.parametrize("file", ["log.csv", "log.tsv", "log.jsonl", "log.jsonl.gz"])
def test_table_of_any_kind(tmp_path: Path, file: str) -> None:
    log = read_click_log(write(tmp_path / file, ROWS))
    assert len(log) == 3
    assert log.queries == ("red shoes", "红鞋 女")
    assert shown(log, 0) == [("red shoes", "a", False), ("red shoes", "b", True)]
    assert shown(log, 1) == [("红鞋 女", "b", True)]
    assert shown(log, 2) == [("red shoes", "c", False), ("red shoes", "a", False)]
    assert log.propensities is None
    assert log.rejected.total == 0


def test_other_names_counts_from_zero_and_words(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"Session": "s", "search_term": "tv", "rank": 0, "sku": 7, "Is Click": "True"},
        {"Session": "s", "search_term": "tv", "rank": 1, "sku": 8, "Is Click": "no"},
    ]
    log = read_click_log(write(tmp_path / "log.csv", rows))
    assert shown(log, 0) == [("tv", "7", True), ("tv", "8", False)]


def test_bad_lines_are_rejected_with_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", ROWS)
    bad: list[object] = [
        {**ROWS[0], "position": "first"},
        {**ROWS[0], "position": 1.5},
        {**ROWS[0], "clicked": "perhaps"},
        {**ROWS[0], "clicked": float("nan")},
        {**ROWS[0], "query": " "},
        {**ROWS[0], "product_id": None},
        {**ROWS[0], "session_id": "gap", "position": 3},
        {**ROWS[0], "session_id": "two"},
        {**ROWS[0], "session_id": "two", "product_id": "other"},
        {**ROWS[0], "session_id": "twice"},
        {**ROWS[0], "session_id": "twice", "position": 2},
        ["not", "an", "object"],
    ]
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in bad)
        file.write("{broken\n\n")
    log = read_click_log(path)
    assert len(log) == 3
    assert log.rejected.counts == {
        "position is not a whole number": 2,
        "clicked is neither a count nor true or false": 1,
        "no query": 1,
        "no product_id": 1,
        "positions do not run from the first": 1,
        "two products at one position": 1,
        "one product at two positions": 1,
        "not an object with named fields": 1,
        "not JSON": 2,
    }
    assert log.rejected.examples[0] == (f"{path}, line 6: position is not a whole number: 'first'")


def test_product_logged_twice_is_clicked_if_either_row_says_so(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[0], "clicked": 1}, {**ROWS[0], "clicked": 0}]
    log = read_click_log(write(tmp_path / "log.csv", rows))
    assert shown(log, 0) == [("red shoes", "a", True)]


def test_propensities(tmp_path: Path) -> None:
    rows = [{**row, "propensity": 0.5} for row in ROWS[:2]]
    more = [{**row, "propensity": p} for row, p in zip(ROWS[3:], (0, 2), strict=True)]
    some = [{**ROWS[0], "session_id": "some", "propensity": 0.2}]
    some += [{**ROWS[1], "session_id": "some", "propensity": ""}]
    log = read_click_log(write(tmp_path / "log.csv", rows + more + some))
    assert log.propensities is not None
    assert log.propensities.tolist() == [[0.5, 0.5]]
    assert log.rejected.counts == {
        "propensity is not in (0, 1]": 2,
        "some propensities missing": 1,
    }


def test_propensities_for_a_part_of_the_searches_are_refused() -> None:
    searches = [Search("1", "q", ["a"], [True], [0.5]), Search("2", "q", ["a"], [True])]
    with pytest.raises(InputError, match="1 of 2 products shown have no propensity"):
        collect_log(searches)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", [{"query": "x", "product_id": "a"}])
    with pytest.raises(InputError, match="no column for session_id, position, clicked among"):
        read_click_log(path)


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_click_log(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no such file"):
        read_click_log(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="no search can be used"):
        read_click_log(write(tmp_path / "bad.csv", [{**ROWS[0], "position": "x"}]))
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"not gzip")
    with pytest.raises(InputError, match="cannot be read as JSONL"):
        read_click_log(broken)


def event(
    query: str | None, action: str, product: str | None, ordinal: int = 1
) -> dict[str, object]:
    attributes = {"object": {"object_id": product}, "position": {"ordinal": ordinal}}
    return {"action_name": action, "query_id": query, "event_attributes": attributes}


def write_ubi(
    folder: Path, queries: list[dict[str, object]], events: list[dict[str, object]]
) -> Path:
    write(folder / "ubi_queries.jsonl", queries)
    write(folder / "ubi_events.jsonl", [{"_source": event} for event in events])
    return folder


def test_user_behavior_insights(tmp_path: Path) -> None:
    hits = {"query_id": "u1", "user_query": "laptop", "query_response_hit_ids": ["a", "b", 3]}
    queries: list[dict[str, object]] = [
        {**hits, "client_id": "c"},
        {"query_id": "u2", "user_query": "laptop", "query_response_hit_ids": None},
        {"query_id": "u3", "user_query": "mouse", "query_response_hit_ids": []},
        {"query_id": "u1", "user_query": "again", "query_response_hit_ids": ["a"]},
        {"query_id": "u4", "user_query": ""},
    ]
    events: list[dict[str, object]] = [
        event("u1", "click", "b", 2),
        event("u1", "click_through", "3", 3),
        event("u1", "add_to_cart", "a"),
        event("u1", "click", "stranger"),
        event("u2", "impression", "x", 0),
        event("u2", "impression", "y", 1),
        event("u2", "click", "y", 1),
        event("elsewhere", "click", "y"),
        event(None, "click", "y"),
        event("u1", "click", None),
        {"action_name": "click", "query_id": "u1", "event_attributes": "oops"},
    ]
    folder = write_ubi(tmp_path, queries, events)
    log = read_click_log(folder)
    assert shown(log, 0) == [
        ("laptop", "a", False),
        ("laptop", "b", True),
        ("laptop", "3", True),
    ]
    assert shown(log, 1) == [("laptop", "x", False), ("laptop", "y", True)]
    assert len(log) == 2
    assert log.rejected.counts == {
        "event without query_id": 1,
        "event without object_id": 2,
        "click on a product that was not shown": 1,
        "search that showed nothing": 1,
        "query_id seen before": 1,
        "query without user_query": 1,
        "events of a search that is not used": 1,
    }
    assert shown(read_click_log(folder / "ubi_events.jsonl"), 0) == shown(log, 0)
    carts = read_click_log(folder, actions=["add_to_cart"])
    assert [click for *_, click in shown(carts, 0)] == [True, False, False]


def test_half_of_user_behavior_insights_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "ubi_queries.jsonl", [{"query_id": "u1"}])
    with pytest.raises(InputError, match=r"there is no ubi_events\.jsonl"):
        read_click_log(tmp_path)
    with pytest.raises(InputError, match="given as the folder"):
        read_click_log(write(tmp_path / "other.jsonl", [{"action_name": "click"}]))


def test_split_cut_and_recode() -> None:
    searches = [
        Search(str(n), "q", ["a", "b", "c"], [True, False, False], [0.5] * 3) for n in range(10)
    ]
    log = collect_log(searches)
    fit, test = log.split(0.3, seed=1)
    assert (len(fit), len(test)) == (7, 3)
    assert fit.pairs == log.pairs
    again = log.split(0.3, seed=1)[1]
    assert (again.items == test.items).all()
    with pytest.raises(InputError, match="both parts need some"):
        log.split(0.01)
    short = log.cut(2)
    assert short.depth == 2
    assert short.propensities is not None
    assert short.propensities.shape == (10, 2)
    recoded = log.with_pairs([("q", "c"), ("q", "a")])
    assert recoded.items[0].tolist() == [1, 2, 0]
    assert recoded.sessions.count == 2
    assert np.isin(-1, collect_log([*searches, Search("x", "r", ["a"], [True], [1.0])]).items)

"""The sample shop is whole, consistent, and what its generator writes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "sample_data"


@pytest.fixture(scope="module")
def products() -> list[dict[str, Any]]:
    lines = (FOLDER / "catalogue.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def grades() -> dict[str, dict[str, int]]:
    """Return query -> product id -> grade."""
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    with (FOLDER / "judgments.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["product_id"] == "*":  # every other product: it is no answer
                assert row["grade"] == "0"
                continue
            assert row["product_id"] not in judged[row["query"]], row
            judged[row["query"]][row["product_id"]] = int(row["grade"])
    return dict(judged)


@pytest.fixture(scope="module")
def queries() -> list[dict[str, Any]]:
    text = (FOLDER / "queries.toml").read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = tomllib.loads(text)["query"]
    return listed


def found(
    products: list[dict[str, Any]], grades: dict[str, int], at_least: int = 3
) -> list[dict[str, Any]]:
    return [one for one in products if grades.get(one["id"], 0) >= at_least]


@pytest.mark.parametrize("name", ["catalogue.jsonl", "judgments.csv"])
def test_the_generator_writes_the_files_byte_for_byte(name: str, tmp_path: Path) -> None:
    script = FOLDER / "make_catalogue.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_shop_is_large_and_broad(products: list[dict[str, Any]]) -> None:
    departments = Counter(one["category"].split(" > ")[0] for one in products)
    assert len(products) >= 480
    assert len(departments) >= 10
    assert min(departments.values()) >= 20


@pytest.mark.parametrize("field", ["id", "gtin", "mpn", "url", "title"])
def test_no_two_products_share(field: str, products: list[dict[str, Any]]) -> None:
    twice = [value for value, n in Counter(one[field] for one in products).items() if n > 1]
    assert twice == []


def test_descriptions_are_shared_by_variants_only(products: list[dict[str, Any]]) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for one in products:
        owners[one["description"]].add(one.get("item_group_id", one["id"]))
    assert [text for text, groups in owners.items() if len(groups) > 1] == []


def test_gtins_are_in_store_numbers_with_a_valid_check_digit(
    products: list[dict[str, Any]],
) -> None:
    for one in products:
        digits = [int(digit) for digit in one["gtin"]]
        assert len(digits) == 13
        assert digits[0] == 2
        assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0, one["gtin"]


def test_every_product_is_complete(products: list[dict[str, Any]]) -> None:
    for one in products:
        assert "{" not in one["title"]
        assert len(one["description"]) > 25, one["title"]
        assert one["brand"]
        assert one["price"] > 0
        assert one["currency"] == "EUR"
        assert isinstance(one["in_stock"], bool)
        assert one["url"].startswith("https://shop.example.com/p/")


def test_an_attribute_has_one_type(products: list[dict[str, Any]]) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for one in products:
        for key, value in one.items():
            kind = "number" if type(value) in (int, float) else type(value).__name__
            kinds[key].add(kind)
    assert {key: kind for key, kind in kinds.items() if len(kind) > 1} == {}
    assert {"number", "str", "bool", "list"} == set().union(*kinds.values())


def test_variants_differ_and_share_their_brand_and_category(
    products: list[dict[str, Any]],
) -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in products:
        if "item_group_id" in one:
            groups[one["item_group_id"]].append(one)
    assert len(groups) >= 60
    for group, variants in groups.items():
        assert len(variants) > 1, group
        assert len({(one["brand"], one["category"]) for one in variants}) == 1, group


def test_every_judgment_names_a_product_and_a_grade(
    products: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    ids = {one["id"] for one in products}
    for query, judged in grades.items():
        assert set(judged) <= ids, query
        assert set(judged.values()) <= {0, 1, 2, 3}, query


def test_every_query_is_judged_deeply_enough(
    queries: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    assert [query["text"] for query in queries] == list(grades)
    assert len(queries) >= 60
    for query in queries:
        judged = grades[query["text"]]
        assert query["wants"]
        assert len(judged) >= 8, query["text"]
        assert 0 in judged.values(), query["text"]


def test_only_queries_said_to_have_no_answer_have_none(
    queries: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    without = {query for query, judged in grades.items() if max(judged.values()) < 2}
    assert without == {query["text"] for query in queries if query["kind"] == "no answer"}


def test_the_demo_has_a_wireless_mouse(
    products: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    mice = found(products, grades["wireless mouse"])
    assert len(mice) >= 5
    for one in mice:
        assert one["category"] == "Electronics > Computer Accessories > Mice"
        assert one["wireless"] is True


def test_the_demo_has_a_warm_hiking_jacket_below_200(
    products: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    jackets = found(products, grades["warm jacket for hiking"])
    assert len(jackets) >= 3
    for one in jackets:
        assert one["category"].endswith("Jackets")
        assert one["insulated"] is True
        assert one["price"] < 200


def test_the_readme_gives_the_true_counts(
    products: list[dict[str, Any]], grades: dict[str, dict[str, int]]
) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    judged = sum(map(len, grades.values()))
    assert f"{len(products)} products" in readme
    assert f"{len(grades)} queries" in readme
    assert f"{judged:,} graded judgments" in readme

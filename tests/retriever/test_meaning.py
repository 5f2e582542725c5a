"""What a query says of amounts, prices, values and what is not wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3 import ECommRetriever
from dsv3.indexer.columns.base import NumberColumn
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.retriever.results import Results
from dsv3.retriever.understanding.base import Understanding
from dsv3.retriever.understanding.understand import understand

Open = Callable[..., ECommRetriever]


@pytest.fixture
def open_shop(tmp_path: Path, request: pytest.FixtureRequest) -> Open:
    """Return a function that makes a shop of records and opens it."""

    def make(records: Sequence[dict[str, Any]], **settings: Any) -> ECommRetriever:
        source = tmp_path / "products.jsonl"
        lines = [{"id": str(n), **record} for n, record in enumerate(records)]
        source.write_text("\n".join(json.dumps(line) for line in lines))
        changes = {"encoder": "hashing", **settings}
        index_shop(tmp_path / "shop.dsv3", Reading([str(source)]), changes=changes, workers=1)
        shop = ECommRetriever.open(tmp_path / "shop.dsv3")
        request.addfinalizer(shop.close)
        return shop

    return make


def titled(*titles: str) -> list[dict[str, Any]]:
    return [{"title": title} for title in titles]


def titles(results: Results) -> list[str]:
    return [hit.product.title for hit in results]


def understood(shop: ECommRetriever, text: str, **how: Any) -> Understanding:
    return understand(text, shop.snapshot(), **how)


# -- quantities ----------------------------------------------------------------------------


OILS = titled(
    "Olive oil 500 ml",
    "Olive oil 0.75 l",
    "Olive oil 75 cl, green",
    "Olive oil 750ml",
    "Olive oil 1,5l",
    "Olive oil in a jar",
)


@pytest.mark.parametrize("query", ["olive oil 750 ml", "olive oil 0,75l", "olive oil 75cl"])
def test_an_amount_is_found_in_whatever_unit_it_is_said(open_shop: Open, query: str) -> None:
    found = titles(open_shop(OILS).retrieve(query))
    assert set(found[:3]) == {"Olive oil 0.75 l", "Olive oil 75 cl, green", "Olive oil 750ml"}
    assert found.index("Olive oil in a jar") < found.index("Olive oil 1,5l")


def test_a_number_with_a_point_is_one_amount(open_shop: Open) -> None:
    shop = open_shop(titled("Juice 1.5 l", "Juice 1 l", "Juice 5 l", "Juice 150 cl", "Juice 0.5 l"))
    found = titles(shop.retrieve("juice 1.5 l"))
    assert set(found[:2]) == {"Juice 1.5 l", "Juice 150 cl"}
    (amount,) = understood(shop, "juice 1.5 l").amounts
    assert amount.low < 1.5 < amount.high


@pytest.mark.parametrize(
    "query", ['garden hose 25" long', "garden hose 25 inch", "garden hose 63.5 cm"]
)
def test_inches_are_centimetres(open_shop: Open, query: str) -> None:
    shop = open_shop(
        titled("Garden hose 20 inch", 'Garden hose 25"', "Garden hose 635 mm", "Garden hose 25 m")
    )
    found = titles(shop.retrieve(query))
    assert set(found[:2]) == {'Garden hose 25"', "Garden hose 635 mm"}


def test_a_title_says_more_of_a_size_than_an_attribute(open_shop: Open) -> None:
    shop = open_shop(
        [
            {"title": "Picture frame 40 cm", "box_width_cm": 60},
            {"title": "Picture frame 60 cm", "box_width_cm": 70},
            {"title": "Picture frame", "box_width_cm": 60},
            {"title": "Picture frame", "box_width_cm": 20},
        ]
    )
    hits = shop.retrieve("picture frame 60 cm", explain=True)
    said = {
        hit.product_id: hit.explanation.evidence["quantities"] for hit in hits if hit.explanation
    }
    assert said["1"] > said["2"] > 0 > said["3"]
    assert said["0"] == said["3"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("dumbbell under 4 kg", {"Dumbbell 2 kg", "Dumbbell 3000 g"}),
        ("dumbbell at least 10 kg", {"Dumbbell 10 kg", "Dumbbell 12.5 kg"}),
        ("dumbbell 2-3 kg", {"Dumbbell 2 kg", "Dumbbell 3000 g"}),
        ("dumbbell between 6 and 9 kg", {"Dumbbell 8 kg"}),
        ("dumbbell ab 10 kg", {"Dumbbell 10 kg", "Dumbbell 12.5 kg"}),
        ("dumbbell de 6 à 9 kg", {"Dumbbell 8 kg"}),
    ],
)
def test_bounds_of_an_amount(open_shop: Open, query: str, first: set[str]) -> None:
    shop = open_shop(
        titled(
            "Dumbbell 2 kg",
            "Dumbbell 3000 g",
            "Dumbbell 8 kg",
            "Dumbbell 10 kg",
            "Dumbbell 12.5 kg",
        )
    )
    assert set(titles(shop.retrieve(query))[: len(first)]) == first


@pytest.mark.parametrize("query", ["phone pro max 256gb", "lamp for 2 in 1", "4k", "50 % off lamp"])
def test_what_is_no_bound_or_no_amount(open_shop: Open, query: str) -> None:
    shop = open_shop(titled("Phone Pro Max 256 GB", "Lamp 2 in 1"))
    for amount in understood(shop, query).amounts:
        assert amount.field == "data_gb"
        assert amount.low == pytest.approx(256, rel=0.05)
        assert amount.high == pytest.approx(256, rel=0.05)


def test_an_unfinished_unit_is_no_amount_yet(open_shop: Open) -> None:
    shop = open_shop(OILS)
    assert not understood(shop, "olive oil 750 m", prefix=True).amounts
    assert understood(shop, "750 ml olive", prefix=True).amounts


def test_a_stage_that_is_left_out_says_nothing(open_shop: Open) -> None:
    shop = open_shop(OILS)
    ranking = replace(shop.settings.ranking, without=("quantities",))
    results = shop.retrieve("olive oil 750 ml", explain=True, ranking=ranking)
    assert "quantities" not in results.plan
    assert all(hit.explanation and not hit.explanation.evidence for hit in results)


def test_what_belongs_to_rows_is_found_in_any_order() -> None:
    rows = np.array([5, 2, 9, 2, 7], np.int64)
    column = NumberColumn(rows, np.arange(5.0))
    which, places = column.places(np.array([2, 3, 5], np.int64))
    assert sorted(zip(which.tolist(), places.tolist(), strict=True)) == [(0, 1), (0, 3), (2, 0)]
    ordered = NumberColumn(np.sort(rows), np.arange(5.0))
    which, places = ordered.places(np.array([9, 2], np.int64))
    assert sorted(zip(which.tolist(), places.tolist(), strict=True)) == [(0, 4), (1, 0), (1, 1)]

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


def test_an_amount_is_a_condition_on_request(open_shop: Open) -> None:
    shop = open_shop(OILS)
    strict = replace(shop.settings.ranking, strict=True)
    found = titles(shop.retrieve("olive oil 750 ml", ranking=strict))
    assert set(found) == {"Olive oil 0.75 l", "Olive oil 75 cl, green", "Olive oil 750ml"}
    assert len(shop.retrieve("olive oil 9 l", ranking=strict)) == len(OILS)


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


# -- what is not wanted --------------------------------------------------------------------


SOAPS = [
    {"title": "Hand soap lavender", "description": "Contains palm oil and perfume."},
    {"title": "Hand soap plain", "description": "Perfume-free."},
    {"title": "Hand soap olive", "description": "Made by hand."},
    {"title": "Hand soap Mandel, ohne Parfum", "description": "Mild."},
    {"title": "Hand soap rose", "description": "With parfum."},
]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("hand soap without perfume", "Hand soap plain", "Hand soap lavender"),
        ("hand soap no perfume", "Hand soap plain", "Hand soap lavender"),
        ("perfume-free hand soap", "Hand soap plain", "Hand soap lavender"),
        ("perfumefree hand soap", "Hand soap plain", "Hand soap lavender"),
        ("hand soap free of perfume", "Hand soap plain", "Hand soap lavender"),
        ("hand soap ohne parfum", "Hand soap Mandel, ohne Parfum", "Hand soap rose"),
        ("parfumfreie hand soap", "Hand soap Mandel, ohne Parfum", "Hand soap rose"),
        ("hand soap zonder parfum", "Hand soap Mandel, ohne Parfum", "Hand soap rose"),
        ("hand soap senza parfum", "Hand soap Mandel, ohne Parfum", "Hand soap rose"),
    ],
)
def test_what_is_not_wanted_sinks_and_its_lack_rises(
    open_shop: Open, query: str, first: str, last: str
) -> None:
    found = titles(open_shop(SOAPS).retrieve(query))
    assert found[0] == first
    assert last not in found or found.index(last) == len(found) - 1


def test_a_minus_leaves_out_what_has_the_thing_and_not_what_lacks_it(open_shop: Open) -> None:
    shop = open_shop(SOAPS)
    results = shop.retrieve("hand soap -perfume", k=50, facets=["title"])
    assert "Hand soap lavender" not in titles(results)
    assert {"Hand soap plain", "Hand soap rose"} <= set(titles(results))
    assert results.total == len(results)
    assert sum(value.count for value in results.facets["title"]) == len(results)


@pytest.mark.parametrize(
    "query",
    [
        "wireless mouse", "usb-c cable", "free shipping mug", "comic sans mug", "chanel no 5",
        "no. 5 mug", "sin city mug", "mug - red", "jeffrey mug", "carefree", "one free mug",
    ],
)  # fmt: skip
def test_what_is_against_nothing(open_shop: Open, query: str) -> None:
    shop = open_shop(titled("Comic mug", "Red mug", "Wireless mouse", "City mug", "USB-C cable"))
    assert not understood(shop, query).unwanted
    assert understood(shop, query).only is None


def test_what_a_thing_is_called_is_found_by_it(open_shop: Open) -> None:
    shop = open_shop(
        titled("Non-slip bath mat", "Slip dress", "Bath mat", "Nonslip bath mat, blue")
    )
    found = titles(shop.retrieve("non slip bath mat"))
    assert set(found[:2]) == {"Non-slip bath mat", "Nonslip bath mat, blue"}


def test_several_things_are_not_wanted(open_shop: Open) -> None:
    shop = open_shop(
        [
            {"title": "Muesli berry", "description": "With nuts."},
            {"title": "Muesli plain", "description": "No nuts, no raisins."},
            {"title": "Muesli fruit", "description": "With raisins."},
        ]
    )
    assert [each.text for each in understood(shop, "muesli without nuts or raisins").unwanted] == [
        "nuts",
        "raisins",
    ]
    assert titles(shop.retrieve("muesli without nuts or raisins"))[0] == "Muesli plain"
    assert titles(shop.retrieve("muesli ohne raisins und nuts"))[0] == "Muesli plain"


def test_a_share_of_nothing_is_a_lack_and_five_percent_is_none(open_shop: Open) -> None:
    shop = open_shop(
        [
            {"title": "Cider dry", "description": "5.0 % alcohol."},
            {"title": "Cider light", "description": "0 % alcohol."},
        ]
    )
    assert titles(shop.retrieve("cider without alcohol"))[0] == "Cider light"
    (unwanted,) = understood(shop, "cider without alcohol").unwanted
    assert len(unwanted.lacking) == 1


# -- phrases -------------------------------------------------------------------------------


TRAYS = titled("Silver tea tray", "Tea silver spoon, tray", "Tea tray", "Silver tray")


@pytest.mark.parametrize("query", ['"tea tray"', "„tea tray“", "«tea tray»", '  "Tea  tray" '])
def test_quoted_words_stand_side_by_side(open_shop: Open, query: str) -> None:
    results = open_shop(TRAYS).retrieve(query, facets=["title"])
    assert set(titles(results)) == {"Silver tea tray", "Tea tray"}
    assert results.total == 2


def test_a_phrase_that_no_product_says_is_looked_for_by_its_words(open_shop: Open) -> None:
    results = open_shop(TRAYS).retrieve('"tray tea"', explain=True)
    assert "Tea tray" in titles(results)
    assert "no product says" in results.plan["phrases"]


@pytest.mark.parametrize(
    "query", ['tray 24" tea 27"', "tray 5' 3\"", 'tea"tray"', '"', '""', '"tea']
)
def test_marks_that_quote_nothing(open_shop: Open, query: str) -> None:
    assert understood(open_shop(TRAYS), query).only is None


def test_a_phrase_and_a_filter_hold_together(open_shop: Open) -> None:
    results = open_shop(TRAYS).retrieve('"tea tray"', where="title = 'Tea tray'")
    assert titles(results) == ["Tea tray"]


@pytest.mark.parametrize("query", ["no ", "-nuts ", "without a-", "without a ", "nut free "])
def test_of_many_wishes_the_first_count(open_shop: Open, query: str) -> None:
    shop = open_shop(titled("Muesli no nuts", "Muesli with nuts", "A bar"))
    assert len(understood(shop, "muesli " + query * 5000).unwanted) <= 8
    shop.retrieve("muesli " + query * 5000)
    (unwanted,) = understood(shop, "muesli without any added nuts").unwanted
    assert unwanted.text == "nuts"


def test_queries_with_and_without_a_phrase_are_asked_together(open_shop: Open) -> None:
    shop = open_shop(TRAYS)
    asked = ["tray", '"tea tray"', "spoon"]
    together = shop.retrieve_many(asked)
    assert [titles(each) for each in together] == [titles(shop.retrieve(each)) for each in asked]


# -- prices --------------------------------------------------------------------------------


LAMPS = [
    {"title": "Desk lamp oak", "price": "80 EUR", "category": "Lamps"},
    {"title": "Desk lamp steel", "price": "45 EUR", "category": "Lamps"},
    {"title": "Desk lamp paper", "price": "15 EUR", "category": "Lamps"},
    {"title": "Desk lamp glass", "price": "1200 EUR", "category": "Lamps"},
]


@pytest.mark.parametrize(
    ("query", "low", "high"),
    [
        ("desk lamp under 50 euro", None, 50),
        ("desk lamp below $20", None, 20),
        ("desk lamp less than 50", None, 50),
        ("desk lamp up to 50€", None, 50),
        ("desk lamp max. 50 EUR", None, 50),
        ("lamp unter 50 Euro", None, 50),
        ("lampe moins de 50 €", None, 50),
        ("lamp under £1,000", None, 1000),
        ("lamp unter 1.000 €", None, 1000),
        ("lamp under 1k euro", None, 1000),
        ("lamp 50 euro or less", None, 50),
        ("desk lamp over 50 euro", 50, None),
        ("desk lamp ab 50 €", 50, None),
        ("desk lamp between 20 and 50", 20, 50),
        ("desk lamp 20-50 €", 20, 50),
        ("desk lamp €20 to €50", 20, 50),
        ("lamp zwischen 20 und 50 Euro", 20, 50),
        ("lámpara hasta 50 euros", None, 50),
        ("lamp onder de 50 euro", None, 50),
        ("lampada fino a 49,90 euro", None, 49.9),
    ],
)
def test_what_it_may_cost(
    open_shop: Open, query: str, low: float | None, high: float | None
) -> None:
    read = understood(open_shop(LAMPS), query)
    assert read.price is not None
    assert read.price.low == (-np.inf if low is None else low)
    assert read.price.high == (np.inf if high is None else high)
    assert not any(character.isdigit() for character in read.text)


@pytest.mark.parametrize(
    "query",
    [
        "under desk drawer", "toys for kids under 12", "films under 18", "over ear headphones",
        "lamp under 2 kg", "501 jeans", "iphone 12", "canon 20-50", "4-6 players", "lamp 50 euro",
        "shoes size under 42", "between us", "5 in 1 under cabinet", "rtx 3060 over 12",
    ],
)  # fmt: skip
def test_what_is_no_price(open_shop: Open, query: str) -> None:
    read = understood(open_shop(LAMPS), query)
    assert read.price is None
    assert not read.cheap


def test_a_price_is_a_preference_and_on_request_a_condition(open_shop: Open) -> None:
    shop = open_shop(LAMPS)
    results = shop.retrieve("desk lamp under 50 euro")
    assert set(titles(results)[:2]) == {"Desk lamp steel", "Desk lamp paper"}
    assert len(results) == 4
    strict = replace(shop.settings.ranking, strict=True)
    results = shop.retrieve("desk lamp under 50 euro", ranking=strict, facets=["title"])
    assert set(titles(results)) == {"Desk lamp steel", "Desk lamp paper"}
    assert results.total == 2
    results = shop.retrieve("desk lamp under 5 euro", ranking=strict, explain=True)
    assert len(results) == 4
    assert "no product costs" in results.plan["prices"]


@pytest.mark.parametrize("query", ["cheap desk lamp", "günstige desk lamp", "desk lamp pas cher"])
def test_the_cheap_ones_first(open_shop: Open, query: str) -> None:
    shop = open_shop(LAMPS)
    hits = shop.retrieve(query, explain=True)
    assert understood(shop, query).text == "desk lamp"
    said = {h.product.title: h.explanation.evidence["prices"] for h in hits if h.explanation}
    ordered = sorted(said, key=lambda title: -said[title])
    assert [title.split()[-1] for title in ordered] == ["paper", "steel", "oak", "glass"]


def test_prices_in_another_currency_say_nothing(open_shop: Open) -> None:
    shop = open_shop(
        [
            {"title": "Rug red", "price": "100 USD"},
            {"title": "Rug blue", "price": "100 EUR"},
            {"title": "Rug green", "price": "900 EUR"},
        ]
    )
    hits = shop.retrieve("rug under 200 euro", explain=True)
    said = {h.product.title: h.explanation.evidence.get("prices", 0) for h in hits if h.explanation}
    assert said["Rug blue"] > said["Rug red"] == 0 > said["Rug green"]


# -- values --------------------------------------------------------------------------------


def _coats() -> list[dict[str, Any]]:
    return [
        {
            "title": f"Rain coat {number}",
            "brand": ("Ostwind", "Blue Fjord")[number % 2],
            "colour": ("red", "dark blue", "blue", "Black/Red")[number % 4],
            "size": ("S", "M", "XL")[number % 3],
        }
        for number in range(24)
    ]


@pytest.mark.parametrize(
    ("query", "field", "wanted"),
    [
        ("red rain coat", "colour", {"red", "Black/Red"}),
        ("dark blue rain coat", "colour", {"dark blue"}),
        ("rain coat Ostwind", "brand", {"Ostwind"}),
        ("blue fjord rain coat", "brand", {"Blue Fjord"}),
        ("rain coat xl", "size", {"XL"}),
        ("rain coat size m", "size", {"M"}),
    ],
)
def test_values_of_the_shop_are_recognised(
    open_shop: Open, query: str, field: str, wanted: set[str]
) -> None:
    shop = open_shop(_coats())
    hits = shop.retrieve(query, k=30, explain=True)
    assert len(hits) >= 12
    for hit in hits:
        product = hit.product
        value = product.brand if field == "brand" else product.attributes[field]
        assert hit.explanation is not None
        assert (hit.explanation.evidence.get("values", 0) > 0) == (value in wanted)
    strict = replace(shop.settings.ranking, strict=True)
    kept = shop.retrieve(query, k=30, ranking=strict)
    assert {
        hit.product.brand if field == "brand" else hit.product.attributes[field] for hit in kept
    } == wanted
    assert kept.total == len(kept)


@pytest.mark.parametrize("query", ["red", "rain coat for ostwind", "rain coat m", "rain coat"])
def test_what_is_no_value(open_shop: Open, query: str) -> None:
    assert not understood(open_shop(_coats()), query).values


def test_a_brand_that_is_a_word_in_other_titles_is_none(open_shop: Open) -> None:
    shop = open_shop(
        [
            *({"title": f"Oak table {number}", "brand": "Nordic"} for number in range(6)),
            {"title": "Lamp", "brand": "Oak"},
        ]
    )
    assert not understood(shop, "oak table").values
    assert understood(shop, "nordic table").values


def test_values_that_no_product_has_together_stay_a_preference(open_shop: Open) -> None:
    shop = open_shop(
        [
            {"title": "Rug", "colour": "red", "size": "XL"},
            {"title": "Rug", "colour": "green", "size": "XS"},
        ]
    )
    strict = replace(shop.settings.ranking, strict=True)
    assert len(shop.retrieve("red rug xs", ranking=strict)) == 1

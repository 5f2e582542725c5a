"""Searching by words as shoppers write them: signs, slips, joined and split words, codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dsv3 import ECommRetriever
from dsv3.errors import InputError
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

MakeShop = Callable[..., ECommRetriever]


@pytest.fixture
def make_shop(tmp_path: Path) -> MakeShop:
    def make(products: Sequence[Mapping[str, Any]], language: str = "english") -> ECommRetriever:
        source = tmp_path / "products.jsonl"
        source.write_text("\n".join(json.dumps(product) for product in products))
        changes = {"encoder": "hashing", "language": language}
        index_shop(tmp_path / "shop.dsv3", Reading([str(source)]), changes=changes, workers=1)
        return ECommRetriever.open(tmp_path / "shop.dsv3")

    return make


def titled(*titles: str) -> list[dict[str, str]]:
    return [{"id": f"p{place}", "title": title} for place, title in enumerate(titles)]


def found(shop: ECommRetriever, query: str, **options: Any) -> list[str]:
    return [hit.product.title for hit in shop.retrieve(query, **options)]


def test_a_product_with_the_mark_comes_first(make_shop: MakeShop) -> None:
    with make_shop(
        titled(
            "TuneCast voucher", "TuneCast+ voucher, 1 year", "F# for the curious", "F for fun",
            "Mug with a fox 🦊 on it, 300 ml", "Mug, plain", ".ORG domain for a year", "Org chart",
        )
    ) as shop:  # fmt: skip
        assert found(shop, "tunecast+")[0] == "TuneCast+ voucher, 1 year"
        assert found(shop, "tunecast")[0] == "TuneCast voucher"
        assert found(shop, "f#")[0] == "F# for the curious"
        assert found(shop, "mug 🦊")[0].startswith("Mug with a fox")
        assert found(shop, "🦊", mode="lexical") == ["Mug with a fox 🦊 on it, 300 ml"]
        assert found(shop, ".org")[0] == ".ORG domain for a year"
        only = shop.retrieve("🦊", mode="lexical", facets=["brand"])
        assert only.total == shop.retrieve("🦊", mode="lexical").total == 1
        off = replace(shop.settings.ranking, without=("signs",))
        assert found(shop, "🦊", mode="lexical", ranking=off) == []


def test_a_joined_word_finds_what_is_written_apart_and_the_reverse(make_shop: MakeShop) -> None:
    with make_shop(
        titled(
            "Rain coat, yellow", "Rain barrel", "Coat hanger", "Bookshelf, pine",
            "Book about birds", "Shelf, oak",
        )
    ) as shop:  # fmt: skip
        assert found(shop, "raincoat")[0] == "Rain coat, yellow"
        results = shop.retrieve("book shelf", explain=True)
        assert results[0].product.title == "Bookshelf, pine"
        assert results.plan["joining"] == "also read as bookshelf"
        assert "rain coat" in shop.retrieve("raincoat", explain=True).plan["splitting"]
        for query in ("raincoat", "book shelf"):
            counted = shop.retrieve(query, facets=["title"])
            listed = [hit.product.title for hit in shop.retrieve(query, k=100)]
            assert counted.total == shop.retrieve(query).total == len(listed)
            assert {value.value for value in counted.facets["title"]} == set(listed)


def test_compounds_come_after_the_word_alone_and_before_all_else(make_shop: MakeShop) -> None:
    with make_shop(
        titled(
            "Pfannenwender", "Grillpfanne aus Gusseisen", "Pfanne, 28 cm", "Bratpfannen, 2 Stück",
            "Topf, Edelstahl",
        ),
        "german",
    ) as shop:  # fmt: skip
        ranked = found(shop, "Pfanne")
        assert ranked[0] == "Pfanne, 28 cm"
        assert set(ranked[1:3]) == {"Grillpfanne aus Gusseisen", "Bratpfannen, 2 Stück"}
        counted = shop.retrieve("Pfannen", mode="lexical", facets=["title"])
        assert counted.total == shop.retrieve("Pfannen", mode="lexical").total == 3
        off = replace(shop.settings.ranking, without=("compounds",))
        assert found(shop, "Pfanne", mode="lexical", ranking=off) == ["Pfanne, 28 cm"]


CODED = [
    {"id": "1", "title": "Ink, compatible", "description": "Replaces WX-310.", "mpn": "OT-310"},
    {"id": "2", "title": "Wexlar ink, black", "mpn": "WX-310"},
    {"id": "KX77-RED", "title": "Pump insert"},
    {"id": "KX-77-BLUE", "title": "Pump housing"},
    {"id": "q9", "title": "Valve", "mpn": "AB12"},
    {"id": "q8", "title": "Seal", "mpn": "ab-12"},
    {"id": "q7", "title": "Bolt", "mpn": "AB-12"},
    {"id": "q6", "title": "Kettle, 12 l"},
]


def ids(shop: ECommRetriever, query: str, **options: Any) -> list[str]:
    return [hit.product_id for hit in shop.retrieve(query, **options)]


def test_codes_lead_whole_begun_and_within_a_query(make_shop: MakeShop) -> None:
    with make_shop(CODED) as shop:
        assert ids(shop, "KX-77")[:2] == ["KX77-RED", "KX-77-BLUE"]
        assert ids(shop, "kx77b")[0] == "KX-77-BLUE"
        assert ids(shop, "wexlar wx 310 ink")[0] == "2"
        assert ids(shop, "pump kx 77 blue")[0] == "KX-77-BLUE"
        assert ids(shop, "AB-12")[:3] == ["q7", "q8", "q9"]
        assert ids(shop, "AB12")[0] == "q9"
        assert ids(shop, "KX-77", where="title = 'Pump housing'") == ["KX-77-BLUE"]
        results = shop.retrieve("KX-77", explain=True)
        assert "2 whose code begins so" in results.plan["code"]
        assert not any(hit.explanation and hit.explanation.exact_code for hit in results)
        assert results.total == shop.retrieve("KX-77", facets=["title"]).total
        off = replace(shop.settings.ranking, without=("codes",))
        assert ids(shop, "KX-77", mode="lexical", ranking=off) == []


def test_text_that_looks_odd_is_understood_without_harm(make_shop: MakeShop) -> None:
    with make_shop([*CODED, *titled("Carpet", "Car pet cover")]) as shop:
        for query in ("+", "#", "++ ##", "🦊🦊", ".", "a+", "\u0301", "１２", "x" * 3000, "9" * 70):
            shop.retrieve(query, facets=["brand"], explain=True)
        assert found(shop, "carpet")[0] == "Carpet"
        with pytest.raises(InputError, match="splitting"):
            shop.retrieve("x", ranking=replace(shop.settings.ranking, without=("no stage",)))

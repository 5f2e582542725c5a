"""What shops, databases and pages wrap around products in JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.indexer.product import Product
from dsv3.indexer.sources import json_ld
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.products import read_items
from dsv3.indexer.sources.records import RawRecord, ReadOptions, Rejected, SourceProgress

MUG = {"sku": "T-1", "name": "Tarn mug"}
JUG = {"sku": "T-2", "name": "Tarn jug"}
GROUP = {
    "@type": "ProductGroup",
    "@id": "#mugs",
    "productGroupID": "MUGS",
    "name": "Tarn mug",
    "sku": "MUGS-ALL",
    "description": "Thrown by hand",
    "brand": {"@type": "Brand", "name": "Tarn"},
    "image": "https://t.example/m.jpg",
}
SMALL = {"@type": "Product", "@id": "#s", "sku": "M-S", "name": "Tarn mug, small", "size": "S"}
LARGE = {"@type": "Product", "@id": "#l", "sku": "M-L", "size": "L", "description": ""}


def fields_of(write: Any, content: Any, **options: Any) -> list[dict[str, object]]:
    text = content if isinstance(content, str) else json.dumps(content)
    found = list(read_records(write("feed", text), ReadOptions(**options)))
    assert all(isinstance(item, RawRecord) for item in found), found
    return [dict(item.fields) for item in found if isinstance(item, RawRecord)]


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.mark.parametrize(
    "document",
    [
        {"products": [MUG, JUG]},
        {
            "hits": {
                "total": 2,
                "hits": [{"_id": "a", "_source": MUG}, {"_id": "b", "_source": JUG}],
            }
        },
        {"data": {"products": {"edges": [{"node": MUG}, {"cursor": "x", "node": JUG}]}}},
        {"data": {"shop": {"products": {"nodes": [MUG, JUG]}}}},
        {"name": "Tarn", "id": 5, "products": [MUG, JUG]},
        {"categories": [{"id": 1, "name": "Mugs"}], "products": [MUG, JUG]},
        [{"_id": "a", "_index": "p", "_source": MUG}, {"_id": "b", "_index": "p", "_source": JUG}],
    ],
)
def test_the_list_of_products_is_found(write: Any, document: Any) -> None:
    assert fields_of(write, document) == [MUG, JUG]


def test_one_product_keeps_its_own_lists(write: Any) -> None:
    one = {**MUG, "parts": [{"name": "lid"}], "more": {"links": [{"a": 1}]}}
    assert fields_of(write, one) == [one]


def test_a_path_given_by_hand_counts(write: Any) -> None:
    document = {"a": [{"things": [MUG, JUG]}, {"things": []}], "products": [{"id": 1}]}
    assert fields_of(write, document, items="a/things") == [MUG, JUG]
    assert fields_of(write, [{"p": MUG}, {"p": JUG}], items="p") == [MUG, JUG]
    with pytest.raises(InputError, match="nothing stands at --items a/b"):
        fields_of(write, document, items="a/b")


def test_lines_of_elasticsearch(write: Any) -> None:
    bulk = lines(
        {"index": {"_index": "p", "_id": "1"}}, {"title": "Tarn mug"},
        {"delete": {"_id": "7"}},
        {"create": {}}, MUG,
        {"update": {"_id": "3"}}, {"doc": {"title": "Tarn jug"}},
    )  # fmt: skip
    progress = SourceProgress()
    found = list(read_records(write("feed", bulk), progress=progress))
    assert [item.fields for item in found if isinstance(item, RawRecord)] == [
        {"_id": "1", "title": "Tarn mug"},
        MUG,
        {"_id": "3", "title": "Tarn jug"},
    ]
    assert progress.skipped == {"orders to delete": 1}
    dump = lines(
        {"_index": "p", "_id": "1", "_source": {"title": "x"}}, {"_id": "2", "_source": MUG}
    )
    assert fields_of(write, dump) == [{"_id": "1", "title": "x"}, MUG]


@pytest.mark.parametrize("as_array", [False, True])
def test_extended_json_of_mongodb_is_plain(write: Any, as_array: bool) -> None:
    record = {
        "_id": {"$oid": "65f0c0ffee65f0c0ffee65f0"},
        "title": "Tarn mug",
        "price": {"$numberDecimal": "14.50"},
        "sold": {"$numberLong": "12"},
        "weight": {"$numberDouble": "0.5"},
        "worst": {"$numberDecimal": "NaN"},
        "since": {"$date": "2026-03-01T00:00:00Z"},
        "seen": {"$date": {"$numberLong": "0"}},
        "sizes": [{"n": {"$numberInt": "3"}}],
        "blob": {"$binary": {"base64": "AA==", "subType": "00"}},
    }
    content = [record, record] if as_array else lines(record, record)
    assert fields_of(write, content)[1] == {
        "_id": "65f0c0ffee65f0c0ffee65f0",
        "title": "Tarn mug",
        "price": Decimal("14.50"),
        "sold": 12,
        "weight": 0.5,
        "worst": None,
        "since": "2026-03-01T00:00:00Z",
        "seen": "1970-01-01T00:00:00+00:00",
        "sizes": [{"n": 3}],
        "blob": None,
    }


@pytest.mark.parametrize(
    "document",
    [
        {**GROUP, "hasVariant": [SMALL, LARGE]},
        {"hasVariant": [SMALL, LARGE], **GROUP},
        {"@graph": [{"@type": "WebSite"}, {**GROUP, "hasVariant": [SMALL, LARGE]}]},
        {"@graph": [{**GROUP, "hasVariant": [{"@id": "#s"}, {"@id": "#l"}]}, SMALL, LARGE]},
        {"@graph": [SMALL, LARGE, {**GROUP, "hasVariant": [{"@id": "#s"}, {"@id": "#l"}]}]},
        [{"@context": "x", "@graph": [{**SMALL, "isVariantOf": {"@id": "#mugs"}}]},
         {**LARGE, "inProductGroupWithID": "MUGS"}, GROUP],
        [{**SMALL, "isVariantOf": GROUP}, {**LARGE, "isVariantOf": [GROUP]}],
        {"@type": "WebPage", "mainEntity": {**GROUP, "hasVariant": [SMALL, LARGE]}},
        {"@type": "ItemList", "itemListElement": [
            {"@type": "ListItem", "item": {**GROUP, "hasVariant": [SMALL, LARGE]}}]},
    ],
)  # fmt: skip
def test_variants_inherit_what_their_group_says(write: Any, document: Any) -> None:
    small, large = fields_of(write, document)
    inherited = {"brand": GROUP["brand"], "image": GROUP["image"], "inProductGroupWithID": "MUGS"}
    assert small == {**SMALL, "description": GROUP["description"], **inherited}
    wanted = {**LARGE, "name": "Tarn mug", "description": GROUP["description"], **inherited}
    assert large == wanted


def test_a_group_of_which_no_variant_is_there_is_a_product(write: Any) -> None:
    [alone] = fields_of(write, {"@graph": [GROUP]})
    assert alone == GROUP


def test_a_brand_that_is_named_elsewhere_is_looked_up(write: Any) -> None:
    brand = {"@type": "Brand", "@id": "#b", "name": "Tarn"}
    [mug] = fields_of(write, {"@graph": [{**SMALL, "brand": {"@id": "#b"}}, brand]})
    assert mug["brand"] == brand


def test_nodes_are_held_back_in_windows(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_ld, "WINDOW", 3)
    nodes = [{"@type": "Product", "sku": str(n), "inProductGroupWithID": "MUGS"} for n in range(10)]
    found = fields_of(write, {"@graph": [GROUP, *nodes]})
    assert [each["sku"] for each in found] == [str(n) for n in range(10)]
    assert {each.get("description") for each in found} == {"Thrown by hand"}


def page(*blocks: str, kind: str = "application/ld+json") -> str:
    scripts = "".join(f'<script type="{kind}">{block}</script>' for block in blocks)
    return f"<!DOCTYPE html><html><head><title>Tarn</title>{scripts}</head><body>x</body></html>"


def test_pages_hold_products_in_their_scripts(write: Any) -> None:
    content = page(
        json.dumps({"@type": "Organization", "name": "Tarn"}),
        f"<!-- {json.dumps(GROUP)} -->",
        json.dumps([{**SMALL, "isVariantOf": {"@id": "#mugs"}}]),
        '//<![CDATA[\n{"@type": "Product", "sku": "T-9", "name": "two\nlines"}\n//]]>',
    )
    small, other = fields_of(write, content)
    assert small["brand"] == GROUP["brand"]
    assert other["name"] == "two\nlines"
    assert fields_of(write, "\n<html>" + content)[0] == small


def test_pages_without_products_and_with_broken_scripts(write: Any) -> None:
    with pytest.raises(InputError, match="is an HTML page without products"):
        fields_of(write, page("{}", kind="text/javascript"))
    first, second = read_records(write("p", page('{"@type": ', json.dumps(SMALL))))
    assert isinstance(first, Rejected)
    assert first.ends
    assert isinstance(second, RawRecord)


def test_lines_are_told_though_the_first_is_broken(write: Any) -> None:
    content = "oops\n" + lines(MUG, JUG)
    bad, *good = read_records(write("feed.txt", content))
    assert isinstance(bad, Rejected)
    assert [item.fields for item in good if isinstance(item, RawRecord)] == [MUG, JUG]


@pytest.mark.parametrize("between", ["", "\n"])
def test_objects_one_after_another_over_several_lines(write: Any, between: str) -> None:
    objects = [
        {
            "_id": {"$oid": f"{n:024x}"},
            "images": [{"src": "a"}, {"src": "b"}],
            "name": f"Tarn mug {n}",
        }
        for n in range(3)
    ]
    text = between.join(json.dumps(each, indent=2) + "\n" for each in objects)
    found = [each for each in read_records(write("a.json", text)) if isinstance(each, RawRecord)]
    assert [each.fields["name"] for each in found] == ["Tarn mug 0", "Tarn mug 1", "Tarn mug 2"]


def _products(write: Any, nodes: list[dict[str, Any]]) -> list[Product]:
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "Product", **n} for n in nodes]}
    items = read_items([write("a.json", json.dumps(graph))])
    return [item.to_product() for item in items if not isinstance(item, Rejected)]


def test_linked_products_are_known_by_what_each_has(write: Any) -> None:
    nodes = [
        {"name": "Mug", "sku": "M-1", "productID": "77"},
        {"name": "Jug", "productID": "78"},
        {"name": "Pot", "gtin13": "4006381333931"},
        {"name": "Pan", "@id": "https://tarn.example/pan"},
        {"name": "Lid", "@id": "#product", "url": "https://tarn.example/lid"},
        {"name": "Cup", "sku": "M-2"},
    ]
    assert [each.product_id for each in _products(write, nodes)] == [
        "M-1", "78", "4006381333931", "https://tarn.example/pan", "https://tarn.example/lid", "M-2",
    ]  # fmt: skip


def test_one_of_several_offers_counts(write: Any) -> None:
    def offer(price: str, stock: str, **more: Any) -> dict[str, Any]:
        return {"@type": "Offer", "price": price, "priceCurrency": "EUR", "availability": stock,
                **more}  # fmt: skip

    nodes: list[dict[str, Any]] = [
        {"name": "A", "sku": "1", "offers": [
            offer("9", "OutOfStock", url="https://tarn.example/a"), offer("12", "InStock")]},
        {"name": "B", "sku": "2", "offers": [offer("9", "OutOfStock"), offer("8", "SoldOut")]},
        {"name": "C", "sku": "3", "offers": [offer("9", "InStock", sku="3-S"),
                                             offer("8", "InStock", sku="3-M")]},
        {"name": "D", "sku": "4", "offers": {"offers": [offer("5", "InStock"),
                                                        offer("4", "InStock")]}},
        {"name": "E", "sku": "5", "offers": [offer("9", "InStock"),
                                             offer("8", "InStock", priceCurrency="PLN")]},
    ]  # fmt: skip
    found = _products(write, nodes)
    assert [(each.price, each.in_stock) for each in found] == [
        (12.0, True), (8.0, False), (8.0, True), (4.0, True), (9.0, True),
    ]  # fmt: skip
    assert found[2].codes == ("3-S", "3-M")
    assert found[0].url == "https://tarn.example/a"


def test_units_stay_and_what_is_of_others_does_not(write: Any) -> None:
    [found] = _products(
        write,
        [
            {
                "name": "Oil",
                "sku": "1",
                "additionalProperty": [{"name": "Volume", "value": 750, "unitText": "ml"}],
                "isRelatedTo": [{"@type": "Product", "name": "Vinegar", "sku": "2"}],
                "isSimilarTo": {"@type": "Product", "name": "Fat"},
                "review": [{"reviewBody": "Fine"}],
            }
        ],
    )
    assert found.attributes == {"volume": "750 ml"}

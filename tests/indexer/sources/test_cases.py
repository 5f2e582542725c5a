"""What real shops met: small files that reproduce public reports, read as they should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dsv3.indexer.product import Product
from dsv3.indexer.sources.products import read_items
from dsv3.indexer.sources.records import Rejected, SourceProgress

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here"),
]


@dataclass
class Read:
    """What became of one file."""

    products: dict[str, Product] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    met: SourceProgress = field(default_factory=SourceProgress)


def read(name: str) -> Read:
    found = Read()
    for item in read_items([str(CASES / name)], progress=found.met):
        if isinstance(item, Rejected):
            found.rejected.append(item)
        else:
            product = item.to_product()
            found.products[product.product_id] = product
    return found


@pytest.mark.parametrize(
    ("name", "prices"),
    [
        ("01-gmc-rss/feed.xml", {"BF-1001": 39.9, "BF-1002": 29.0}),
        ("03-gmc-tsv/feed.tsv", {"T1": 89.9, "T2": 89.9}),
        ("03-gmc-tsv/feed.txt", {"T1": 89.9, "T2": 89.9}),
        (
            "04-shopify-new-template/products.csv",
            {"HF-M-RED": 49.9, "HF-L-RED": 49.9, "corvo-beanie": 15.0},
        ),
        ("06-magento/products.csv", {"HJ-M-Blue": 45.0, "HJ-L-Blue": 45.0, "HJ": None}),
        (
            "09-bigcommerce/products.csv",
            {"HM-0": 12.0, "HM-RED": 12.0, "HM-BLU": 12.0, "HB-1": 18.0},
        ),
        ("11-amazon-flat/flatfile.txt", {"OR-K17": 39.9, "OR-T2": 29.9}),
        ("11-amazon-flat/flatfile.tsv", {"OR-K17": 39.9, "OR-T2": 29.9}),
        ("11-amazon-flat/without-top-rows.tsv", {"OR-K17": 39.9, "OR-T2": 29.9}),
        (
            "13-jsonld-graph/page.json",
            {"OR-K17": 39.9, "OR-T2": 29.9, "HJ-M": 45.0, "HJ-L": 45.0},
        ),
        ("13-jsonld-graph/one-group.json", {"HJ-M": 45.0, "HJ-L": 45.0}),
        ("16-sep-line/products.csv", {"1": 39.9, "2": 29.0}),
        ("20-odd-csv/cr-only.csv", {"1": 39.9, "2": 29.9}),
        ("20-odd-csv/german.csv", {"A-1": 39.9}),
        ("20-odd-csv/french.csv", {"A-1": 39.9}),
        ("20-odd-csv/spanish.csv", {"A-1": 39.9}),
        ("20-odd-csv/dutch.csv", {"A-1": 39.9}),
        ("20-odd-csv/total-row.csv", {"1": 39.9}),
        ("20-odd-csv/leading-zero-id.csv", {"007": 39.9, "7": 29.9}),
        ("23-stray-quote/feed-open.tsv", {"1": 1.0, "3": 3.0, "4": 4.0}),
        ("24-woo-rest/products.json", {"hal-tee": 20.0}),
        ("25-unpublished/shopify.csv", {"CS-1": 18.0}),
        ("25-unpublished/woo.csv", {"CS-1": 18.0}),
    ],
)
def test_products_and_prices(name: str, prices: dict[str, float | None]) -> None:
    assert {key: one.price for key, one in read(name).products.items()} == prices


def test_variants_inherit_and_share_a_group() -> None:
    shopify = read("04-shopify-new-template/products.csv").products
    assert {shopify[key].group_id for key in ("HF-M-RED", "HF-L-RED")} == {"halder-fleece"}
    assert shopify["HF-L-RED"].title == "Halder fleece"
    assert shopify["HF-L-RED"].attributes["size"] == "L"
    woo = read("05-woocommerce/products.csv").products
    parent, variant = woo["hal-tee"], woo["hal-tee-green-l"]
    assert parent.group_id == variant.group_id is not None
    assert (variant.brand, variant.category) == ("Halder", "Clothing > Shirts")
    assert (parent.attributes["colour"], variant.attributes["colour"]) == (
        ("Blue", "Green"),
        "Green",
    )
    assert woo["cor-cap"].attributes["weight_kg"] == 0.2
    magento = read("06-magento/products.csv").products
    assert {one.group_id for one in magento.values()} == {"HJ"}
    assert magento["HJ-M-Blue"].category == "Men > Tops > Jackets"
    assert magento["HJ-M-Blue"].attributes["style_general"] == "Full Zip, hooded"
    mugs = read("09-bigcommerce/products.csv").products
    assert mugs["HM-RED"].attributes["colour"] == "Red"
    assert mugs["HM-0"].codes == ("4006381333931",)
    for name in ("page.json", "one-group.json"):
        jackets = read(f"13-jsonld-graph/{name}").products
        assert {jackets[key].group_id for key in ("HJ-M", "HJ-L")} == {"HJ"}
        assert jackets["HJ-M"].brand == "Halder"


def test_prices_as_shops_write_them() -> None:
    found = read("17-eu-prices/prices.csv")
    prices = {int(key): one.price for key, one in found.products.items()}
    expected = [
        *(1299, 1299, 1299, 19.9, 19.9, 19.9, 1299, 1299, 1299, 4.2, 49, 49.9, 1299, 123456.78),
        *(1299, 1299.5, 1299.9, None, 0, 2.49, 19.9, 12800, 1299, 1299000, 1299, 12.5),
    ]
    assert prices == dict(enumerate(expected, 1))
    assert found.met.no_price == {"on request": 1}


@pytest.mark.parametrize("name", ["mid.csv", "mid-nocomma.csv", "feed-open.tsv"])
def test_a_stray_quote_costs_one_row(name: str) -> None:
    found = read(f"23-stray-quote/{name}")
    assert len(found.rejected) == 1
    lines = (CASES / "23-stray-quote" / name).read_text().count("\n")
    assert len(found.products) == lines - 2


def test_what_is_not_for_sale_is_counted() -> None:
    assert read("25-unpublished/shopify.csv").met.unpublished == Counter(draft=1, archived=1)
    assert read("25-unpublished/woo.csv").met.unpublished.total() == 3
    assert read("24-woo-rest/products.json").products["hal-tee"].attributes["colour"] == (
        "Blue",
        "Green",
    )
    huge = read("20-odd-csv/huge.csv.gz")
    assert (len(huge.products), huge.met.cut) == (2, {"description": 1})

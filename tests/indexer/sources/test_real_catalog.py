"""The real catalog, read whole and looked at product by product."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from dsv3.indexer.product import Product
from dsv3.indexer.sources.fields import FieldMap

from .conftest import SourceProduct, read_products

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def spec(icecat: Path) -> str:
    return str(icecat / "products.jsonl.gz")


@pytest.fixture(scope="module")
def products(spec: str) -> dict[str, Product]:
    items = list(read_products([spec], price_unit="cents"))
    assert all(isinstance(item, SourceProduct) for item in items)
    assert len(items) == 19_406
    return {i.product.product_id: i.product for i in items if isinstance(i, SourceProduct)}


@pytest.fixture(scope="module")
def records(spec: str) -> dict[str, dict[str, Any]]:
    with gzip.open(spec) as lines:
        rows = [orjson.loads(line) for line in lines]
    return {row["id"]: row for row in rows}


def test_all_are_taken_in(products: dict[str, Product]) -> None:
    assert len(products) == 19_406


def test_fields_recognised(spec: str) -> None:
    maps: list[FieldMap] = []
    next(read_products([spec], on_recognised=lambda _, fields: maps.append(fields)))
    assert dict(maps[0].columns) == {
        "product_id": ("id",),
        "title": ("title",),
        "description": ("short_description",),
        "brand": ("supplier",),
        "price": ("price",),
        "image_url": ("img_high",),
        "codes": ("ean",),
    }


@pytest.mark.parametrize("product_id", ["1399", "639018", "2124021"])
def test_plain_products_field_by_field(
    products: dict[str, Product], records: dict[str, dict[str, Any]], product_id: str
) -> None:
    product, record = products[product_id], records[product_id]
    assert product.title == record["title"]
    assert product.brand == record["supplier"]
    assert product.description == record["short_description"]
    assert product.price == record["price"] / 100
    assert product.image_url == record["img_high"]
    assert product.codes[: len(record["ean"])] == tuple(record["ean"])
    assert (product.category, product.currency, product.in_stock) == (None, None, None)
    assert product.attributes["name"] == record["name"]
    kept = {key for key in record if key.startswith("attr_")}
    assert len(product.attributes) == len(kept) + 2  # name and date_released


def test_every_number_and_truth_is_kept(
    products: dict[str, Product], records: dict[str, dict[str, Any]]
) -> None:
    for product_id, record in records.items():
        numbers = sorted(v for k, v in record.items() if k.startswith("attr_n_"))
        truths = sum(k.startswith("attr_b_") for k in record)
        values = products[product_id].attributes.values()
        assert sorted(v for v in values if isinstance(v, float)) == numbers
        assert sum(isinstance(v, bool) for v in values) == truths


def test_part_number_in_the_name_becomes_a_code(products: dict[str, Product]) -> None:
    toner = products["1365844"]
    assert toner.title == "Brother TN-2110 toner cartridge Original Black 1 pc(s)"
    assert (toner.brand, toner.price) == ("Brother", 61.95)
    assert toner.codes == ("4977766654180", "TN-2110")
    assert "name" not in toner.attributes


def test_markup_in_a_description_is_gone(products: dict[str, Product]) -> None:
    assert products["41035"].description == (
        "Intel® Pentium® 4 Processor 745 supporting HT Technology "
        "(512K Cache, 3.00 GHz, 800 MHz FSB)"
    )


def test_texts_are_clean(products: dict[str, Product]) -> None:
    for product in products.values():
        texts = [product.title, product.description]
        texts += [value for value in product.attributes.values() if isinstance(value, str)]
        for text in texts:
            assert "<br" not in text
            assert "&amp;" not in text
            assert text == " ".join(text.split())

from __future__ import annotations

from collections.abc import Sequence

import pytest
from dsv3.indexer.sources.header import find_header, is_product_header

ROWS: list[list[object]] = [["K-1", "Tarn mug", 4.5], ["K-2", "Tarn jug", 14.0]]


@pytest.mark.parametrize(
    ("head", "header"),
    [
        ([["id", "title", "price"]], 0),
        ([["Kennung", "Was", "Kosten"]], 0),
        ([[], [None, " "], ["sku", "name", "price"]], 2),
        ([["Tarn pottery, autumn list", None, None], [], ["SKU", "Name", "Price"]], 2),
        ([["Tarn pottery", "", ""], ["Kennung", "Was", "Kosten"]], 1),
        ([["valid until", "2026-12-31", ""], ["currency", "EUR", ""], ["id", "title", "price"]], 2),
        (
            [
                ["TemplateType=home", "Version=2", "Keep the top rows"],
                ["Seller SKU", "Product Name", "Your Price"],
                ["item_sku", "item_name", "standard_price"],
            ],
            2,
        ),
        ([["Seller SKU", "Product Name", "Price"]], 0),
        ([], 0),
    ],
)
def test_the_header_is_found_below_titles_and_labels(
    head: Sequence[Sequence[object]], header: int
) -> None:
    assert find_header([*head, *ROWS]) == header


def test_rows_of_data_are_no_header() -> None:
    assert find_header(ROWS) == 0
    assert find_header([["id"], ["1"], ["2"]]) == 0
    assert find_header([["colour_name", "x"], ["brand", "title"], ["label", "image"]]) == 1
    assert not is_product_header(["K-1", "Tarn mug", 4.5])
    assert not is_product_header([])
    assert is_product_header(["EAN", "Name"])

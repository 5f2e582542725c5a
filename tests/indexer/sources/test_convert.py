from __future__ import annotations

from typing import Any

import pytest
from dsv3.errors import InputError, RecordError
from dsv3.indexer.product import Product
from dsv3.indexer.sources.attribute_names import attribute_name
from dsv3.indexer.sources.convert import to_product
from dsv3.indexer.sources.fields import FieldMap
from dsv3.indexer.sources.flatten import flatten
from dsv3.indexer.sources.products import record_digest
from dsv3.indexer.sources.records import RawRecord, SourceProgress
from dsv3.indexer.sources.values import as_stock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BASE = {"id": "1", "title": "x"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "", "title": "x"}, "no product id (column id is empty)"),
        ({"id": None, "title": "x"}, "no product id (column id is empty)"),
        ({"title": "x"}, "no product id (column id is empty)"),
        ({"id": "2", "title": "<p> </p>"}, "no title (column title is empty)"),
        ({"id": "2"}, "no title (column title is empty)"),
    ],
)
def test_bad_records_say_why(row: dict[str, Any], reason: str) -> None:
    fields = FieldMap.recognise([RawRecord("shop.csv", 1, {**BASE, "price": "1"})], {})
    with pytest.raises(RecordError) as caught:
        to_product(RawRecord("shop.csv", 9, row), fields, price_unit="units")
    assert (caught.value.reason, caught.value.source, caught.value.line) == (reason, "shop.csv", 9)
    assert getattr(caught.value, "record", None) == row


def test_a_price_that_says_no_amount_leaves_the_product_and_is_counted() -> None:
    prices = ["abc", -3, "auf Anfrage", "TBD", "", None, "9.90 EUR", "$5"]
    records = [
        RawRecord("shop.csv", n, {"id": n, "title": "x", "price": price})
        for n, price in enumerate(prices, start=1)
    ]
    fields = FieldMap.recognise(records, {})
    progress = SourceProgress()
    products = [to_product(record, fields, progress=progress) for record in records]
    assert [product.price for product in products] == [None] * 6 + [9.9, 5.0]
    assert progress.no_price == {
        "unreadable": 1, "negative": 1, "on request": 1, "none given": 1,
    }  # fmt: skip
    assert progress.currencies == {"EUR": 1, "$": 1}


def test_prices_are_read_by_their_own_column(convert: Any) -> None:
    rows: list[dict[str, Any]] = [
        {"price": "1.299", "sale_price": "1.199,00 €"},
        {"price": "12,50", "sale_price": "9,90 €"},
        {"price": "UVP 59,90 € 49,90 €", "sale_price": ""},
    ]
    products = convert(*({"id": n, "title": "x", **row} for n, row in enumerate(rows)))
    assert [product.price for product in products] == [1299.0, 12.5, 49.9]
    assert [product.currency for product in products] == [None, None, "EUR"]
    assert [product.attributes.get("sale_price") for product in products] == [1199.0, 9.9, None]
    assert products[2].attributes["list_price"] == 59.9


def test_a_column_of_programs_is_read_as_it_stands(convert: Any) -> None:
    rows = [{**BASE, "price": price} for price in ("39.9", "1299.00", "1.299", 12.345)]
    assert [product.price for product in convert(*rows)] == [39.9, 1299.0, 1.299, 12.345]


def test_the_name_of_a_price_column_gives_the_currency() -> None:
    rows = [{**BASE, "cost (CHF)": "5"}, {**BASE, "cost (CHF)": "6 EUR"}, BASE]
    records = [RawRecord("s", n, row) for n, row in enumerate(rows)]
    fields = FieldMap.recognise(records, {"price": "cost (CHF)"})
    products = [to_product(record, fields) for record in records]
    assert [product.currency for product in products] == ["CHF", "EUR", None]


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("EAN", [4006381333931, 4006381333948.0], ["4006381333931", "4006381333948"]),
        ("Artikel-EAN", [96385074, "0012345678905"], ["96385074", "0012345678905"]),
        ("variant_id", [12, 13], ["12", "13"]),
        ("Nummer", ["4006381333931"] * 3, ["4006381333931"] * 3),
        ("ref", [4006381333931, 4006381333932], ["4006381333931", "4006381333932"]),
        ("ref", ["96385074", "96385075", "96385076"], [96385074.0, 96385075.0, 96385076.0]),
        ("created_at", [1700000000000], [1700000000000.0]),
        ("watts", [800, "900"], [800.0, 900.0]),
    ],
)
def test_codes_never_become_numbers(
    convert: Any, column: str, cells: list[Any], expected: list[Any]
) -> None:
    rows = [{"id": n, "title": "x", column: cell} for n, cell in enumerate(cells)]
    for product, value in zip(convert(*rows), expected, strict=True):
        if column == "EAN":
            assert product.codes == (value,)
        else:
            [found] = product.attributes.values()
            assert found == value


def test_a_code_met_late_stays_text() -> None:
    fields = FieldMap.recognise([RawRecord("shop", 1, BASE)], {})
    product = to_product(RawRecord("shop", 300, {**BASE, "upc": 12345678905.0}), fields)
    assert product.attributes == {"upc": "12345678905"}
    assert product.codes == ("12345678905",)


def test_codes_that_a_spreadsheet_destroyed_are_not_taken_and_counted() -> None:
    cells = ["4.00638E+12", "4,00638e+12", "0012345678905", "4.006381333931E+12", "AB+12E"]
    records = [
        RawRecord("s", n, {"sku": f"k{n}", "title": "x", "ean": cell})
        for n, cell in enumerate(cells)
    ]
    fields = FieldMap.recognise(records, {"product_id": "sku"})
    progress = SourceProgress()
    codes = [to_product(record, fields, progress=progress).codes for record in records]
    assert codes == [(), (), ("0012345678905",), ("4006381333931",), ("AB+12E",)]
    assert progress.lost_codes == {"ean": 2}


@pytest.mark.parametrize(
    ("given_id", "expected"), [(7, "7"), (7.0, "7"), ("007", "007"), (" a ", "a")]
)
def test_ids_stay_as_written(convert: Any, given_id: object, expected: str) -> None:
    assert convert({"id": given_id, "title": "x"})[0].product_id == expected


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("A > B > C", "A > B > C"), ("A>B", "A > B"), ("A|B", "A > B"), ("A / B", "A > B"),
        ("A/B/C", "A > B > C"), ("/A/B", "A > B"), ("Audio/Video", "Audio/Video"),
        (["A", "B"], "A > B"), ([["A", "B"], ["C"]], "A > B"), (["A > B", "C > D"], "A > B"),
        ([{"name": "A"}, {"name": "B"}], "A > B"), ("Home &amp; Garden", "Home & Garden"),
        ("", None), (" > ", None),
    ],
)  # fmt: skip
def test_categories_become_paths(convert: Any, category: object, expected: str | None) -> None:
    rows = [{**BASE, "category": category}, {**BASE, "category": None}]
    assert convert(*rows)[0].category == expected


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["0882780756328", "0088698629123"], ("0882780756328", "0088698629123")),
        ("0882780756328; 0088698629123", ("0882780756328", "0088698629123")),
        ("a-1|a-1|b 2", ("a-1", "b 2")), (123456789012, ("123456789012",)),
        (123456789012.0, ("123456789012",)), ("'0123", ("0123",)), ("n/a", ()), ("--", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_codes(convert: Any, codes: object, expected: tuple[str, ...]) -> None:
    assert convert({**BASE, "ean": codes})[0].codes == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["1.5", "2", "", "-3"], [1.5, 2.0, None, -3.0]),
        ([".2", "-.5", "3"], [0.2, -0.5, 3.0]),
        (["007", "123"], ["007", "123"]),
        (["12345678901234567890"], ["12345678901234567890"]),
        (["1", "two"], ["1", "two"]),
        (["1"] * 30 + ["n/a", "about 2"], [1.0] * 30 + [None, "about 2"]),
        (["true", "False"], [True, False]),
        (["yes", "no"], [True, False]),
        (["yes", "no", "maybe"], ["yes", "no", "maybe"]),
        (["yes"], ["yes"]),
        ([1, "2", "x"], ["1", "2", "x"]),
        ([1, 2.5, True], [1.0, 2.5, True]),
        ([["a", "<b>b</b>", ""], []], [("a", "b"), None]),
        (["1e5"], ["1e5"]),
        (["https://x.y/z"], [None]),
    ],
)
def test_kinds_of_attributes(convert: Any, column: list[Any], values: list[Any]) -> None:
    products = convert(*({"id": n, "title": "x", "extra": cell} for n, cell in enumerate(column)))
    assert [product.attributes.get("extra") for product in products] == values


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("Ink Type", "ink_type"), ("inkType", "ink_type"), ("  Größe (cm) ", "größe_cm"),
        ("颜色", "颜色"), ("रंग", "रंग"), ("2 in 1", "_2_in_1"), ("brand", "brand_attribute"),
        ("--", "attribute"), ("attributes.Ink", "ink"), ("attr_n_x", "x"), ("a.b", "a_b"),
        ("Temperature (T-T)", "temperature"), ("m²", "m2"), ("drop table;", "drop_table"),
    ],
)  # fmt: skip
def test_names_of_attributes(column: str, name: str) -> None:
    assert attribute_name(column)[0] == name


def test_columns_of_one_name_are_told_apart_whatever_their_order(convert: Any) -> None:
    row = {**BASE, "Colour": "red", "colour ": "blue", "COLOUR": "green"}
    backwards = dict(reversed(row.items()))
    (first,), (second,) = convert(row), convert(backwards)
    assert first.attributes == second.attributes
    assert first.attributes == {"colour": "green", "colour_2": "red", "colour_3": "blue"}


def test_columns_of_one_name_met_late_are_told_apart_in_the_record() -> None:
    fields = FieldMap.recognise([RawRecord("shop", 1, BASE)], {})
    late = {**BASE, "attr_t_size": "big", "attr_n_size": 3}
    product = to_product(RawRecord("shop", 300, late), fields)
    assert product.attributes == {"size": 3.0, "size_text": "big"}


def test_flat_records_are_returned_as_they_are() -> None:
    row = {"a": 1, "b": ["x"], "c": None}
    assert flatten(row) is row


def test_nested_records_are_flattened() -> None:
    row = {
        "offer": {"price": {"amount": 5}}, "sizes": [{"v": "S", "n": 1}, {"v": "M"}, "odd"],
        "specs": [{"name": "Weight", "value": 3}], "@type": "Product",
    }  # fmt: skip
    assert flatten(row) == {
        "offer.price.amount": 5, "sizes.v": ["S", "M"], "sizes.n": [1], "sizes": ["odd"],
        "specs.Weight": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "flat"),
    [
        (
            {
                "attributes": [
                    {"id": 1, "name": "Colour", "position": 0, "options": ["Red", "Sand"]}
                ]
            },
            {"attributes.Colour": ["Red", "Sand"]},
        ),
        ({"attributes": [{"name": "Size", "option": "M"}]}, {"attributes.Size": "M"}),
        (
            {"options": [{"name": "Size", "values": ["S", "M"]}, {"name": "Fit", "values": ["A"]}]},
            {"options.Size": ["S", "M"], "options.Fit": ["A"]},
        ),
        (
            {"o": [{"name": "Size", "option_values": [{"id": 1, "label": "S"}, {"label": "M"}]}]},
            {"o.Size": ["S", "M"]},
        ),
        (
            {"specs": [{"name": "Colour", "value": "red"}, {"name": "Colour", "value": "blue"}]},
            {"specs.Colour": ["red", "blue"]},
        ),
        ({"c": [[{"name": "A"}], [{"name": "B"}]]}, {"c.name": ["A", "B"]}),
        ({"v": [{"tags": ["a", "b"]}, {"tags": ["c"]}]}, {"v.tags": [["a", "b"], ["c"]]}),
        ({"v": [{"n": n} for n in range(300)]}, {"v.n": list(range(300))}),
    ],
)
def test_lists_inside_lists_keep_all_they_hold(row: dict[str, Any], flat: dict[str, Any]) -> None:
    assert flatten(row) == flat


def test_texts_of_nested_lists_are_all_kept(convert: Any) -> None:
    row = {**BASE, "colours": [["red", ["blue"]], "green"], "tags": [{"name": "a"}, {"name": "b"}]}
    assert convert(row)[0].attributes == {
        "colours": ("red", "blue", "green"), "tags_name": ("a", "b"),
    }  # fmt: skip


names = st.sampled_from(
    ["id", "title", "name", "price", "offers", "brand", "category", "ean", "image", "availability",
     "description", "tags", "attr_n_x", "attr_t_x", "@type", "", "a.b", "sku", "link"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=6,
)
objects = st.dictionaries(names | st.text(max_size=8), values, max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(objects, min_size=1, max_size=4), objects)
def test_any_json_object_gives_a_product_or_a_record_error(
    sample: list[dict[str, Any]], late: dict[str, Any]
) -> None:
    records = [RawRecord("shop", line, row) for line, row in enumerate([BASE, *sample], start=1)]
    try:
        fields = FieldMap.recognise(records, {})
    except InputError:
        pytest.fail("the first record has an id and a title")
    fields.describe()
    reasons: list[str] = []
    for record in [*records, RawRecord("shop", 300, late)]:
        assert len(record_digest(record, fields)) == 16
        try:
            product = to_product(record, fields)
        except RecordError as error:
            reasons.append(error.reason)
            continue
        check(product)
    assert all(reasons)


def check(product: Product) -> None:
    assert product.product_id
    assert product.title == product.title.strip() != ""
    assert product.price is None or product.price >= 0
    for name, value in product.attributes.items():
        assert name.isidentifier()
        assert value not in ("", ())
        assert isinstance(value, str | float | bool | tuple)
    assert len(set(product.codes)) == len(product.codes)


@pytest.mark.parametrize(
    "phrase",
    [
        "Slut i lager", "Tillf\xe4lligt slut", "Ej i lager just nu", "Rupture de stock temporaire",
        "Nicht auf Lager (Nachschub unterwegs)", "Zurzeit ausverkauft", "Tijdelijk uitverkocht",
        "Non disponibile al momento", "Agotado temporalmente", "Currently unavailable.",
        "Out of stock until May", "Sur commande", "In arrivo",
    ],
)  # fmt: skip
def test_phrases_that_begin_with_out_of_stock(phrase: str) -> None:
    assert as_stock(phrase) is False


@pytest.mark.parametrize("phrase", ["Slovakia", "Delivery in 3 days", "Brakes"])
def test_other_phrases_say_nothing_of_stock(phrase: str) -> None:
    assert as_stock(phrase) is None

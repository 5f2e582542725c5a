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
from dsv3.indexer.sources.records import RawRecord
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
        ({"id": "2", "title": "x", "price": "abc"}, "price 'abc' is not a number"),
        ({"id": "2", "title": "x", "price": -3}, "price '-3' is negative"),
    ],
)
def test_bad_records_say_why(row: dict[str, Any], reason: str) -> None:
    fields = FieldMap.recognise([RawRecord("shop.csv", 1, {**BASE, "price": "1"})], {})
    with pytest.raises(RecordError) as caught:
        to_product(RawRecord("shop.csv", 9, row), fields, price_unit="units")
    assert (caught.value.reason, caught.value.source, caught.value.line) == (reason, "shop.csv", 9)
    assert getattr(caught.value, "record", None) == row


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
        "offer.price.amount": 5, "sizes.v": ["S", "M"], "sizes.n": [1], "specs.Weight": 3,
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

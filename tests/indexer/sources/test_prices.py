from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dsv3.indexer.sources.prices import (
    PriceStyle,
    ReadPrice,
    currency_of_header,
    is_plain_price,
    parse_price,
    style_of,
)
from hypothesis import given
from hypothesis import strategies as st

TABLE: list[tuple[Any, float, str | None]] = [
    ("15.00 USD", 15.0, "USD"),
    ("15.00USD", 15.0, "USD"),
    ("€1.299,00", 1299.0, "EUR"),
    ("1,299.00", 1299.0, None),
    ("49€90", 49.9, "EUR"),
    ("1 249€90", 1249.9, "EUR"),
    ("£7.50", 7.5, "GBP"),
    ("de 10€ à 20€", 10.0, "EUR"),
    ("1.299,00 €", 1299.0, "EUR"),
    ("1 299,00 zł", 1299.0, "PLN"),
    ("1'299.50 CHF", 1299.5, "CHF"),
    ("12,99", 12.99, None),
    ("$12.99", 12.99, "$"),
    ("£5", 5.0, "GBP"),
    ("USD 15", 15.0, "USD"),
    ("1299", 1299.0, None),
    (" 7.5 ", 7.5, None),
    ("0", 0.0, None),
    (15, 15.0, None),
    (15.5, 15.5, None),
    (Decimal("3.20"), 3.2, None),
    (["9.00 EUR", "8.00 EUR"], 9.0, "EUR"),
    ("1 299,00", 1299.0, None),
    ("1\u00a0299,00 €", 1299.0, "EUR"),
    ("1\u202f299,00 €", 1299.0, "EUR"),
    ("CHF 2'450.00", 2450.0, "CHF"),
    ("2’450.–", 2450.0, None),
    ("₹1,23,456.78", 123456.78, "INR"),
    ("1 299:-", 1299.0, None),
    ("29:90 kr", 29.9, "KR"),
    ("49,- €", 49.0, "EUR"),
    ("CHF 5.-", 5.0, "CHF"),
    ("R$ 1.299,90", 1299.9, "BRL"),
    ("1.299,50 kr.", 1299.5, "KR"),
    ("￥12,800", 12800.0, "¥"),
    ("１２，８００円", 12800.0, "JPY"),
    ("19.90 eur", 19.9, "EUR"),
    ("EUR19.90", 19.9, "EUR"),
    ("$1,299.00 CAD", 1299.0, "CAD"),
    ("Rs.1,299.00", 1299.0, "RS"),
    ("2.450.000,00 COP", 2450000.0, "COP"),
    ("19⁹⁹ €", 19.99, "EUR"),
    (".99", 0.99, None),
    # A range: its lower end.
    ("19,90 € - 49,90 €", 19.9, "EUR"),
    ("19.90–49.90 EUR", 19.9, "EUR"),
    ("$10.00 to $20.00", 10.0, "$"),
    ("Price range: $10.00 through $20.00", 10.0, "$"),
    ("de 10,00 € à 20,00 €", 10.0, "EUR"),
    ("5,- - 7,-", 5.0, None),
    ("19.90 | 24.90 | 17.90", 17.9, None),
    ("10 - 20", 10.0, None),
    ("ab 19,90", 19.9, None),
    ("from €19.90", 19.9, "EUR"),
    ("à partir de 19,90 €", 19.9, "EUR"),
    ("vanaf 19,90", 19.9, None),
    ("desde 19,90 €", 19.9, "EUR"),
    ("från 199 kr", 199.0, "KR"),
    # What stands beside the price and is none.
    ("2,49 € / 100 g", 2.49, "EUR"),
    ("12,90 € (1,29 €/100g)", 12.9, "EUR"),
    ("3,20 € pro Stück", 3.2, "EUR"),
    ("inkl. 19% MwSt. 49,90 €", 49.9, "EUR"),
    ("10€ + 5€ Versand", 10.0, "EUR"),
    ("2 for $10", 10.0, "$"),
]


@pytest.mark.parametrize(("value", "amount", "currency"), TABLE)
def test_table_of_prices(value: Any, amount: float, currency: str | None) -> None:
    assert parse_price(value, "units") == ReadPrice(amount, currency)


@pytest.mark.parametrize(
    ("text", "amount", "list_price", "currency"),
    [
        ("UVP 59,90 € 49,90 €", 49.9, 59.9, "EUR"),
        ("49,90 € statt 59,90 €", 49.9, 59.9, "EUR"),
        ("59,90 € 49,90 € Sie sparen 10,00 €", 49.9, 59.9, "EUR"),
        ("59,90 € / 49,90 €", 49.9, 59.9, "EUR"),
        ("Original price was: $59.90. Current price is: $49.90.", 49.9, 59.9, "$"),
        ("RRP £60 - £45", 45.0, 60.0, "GBP"),
    ],
)
def test_of_a_list_price_and_a_price_both_are_kept(
    text: str, amount: float, list_price: float, currency: str
) -> None:
    assert parse_price(text, "units") == ReadPrice(amount, currency, list_price)


@pytest.mark.parametrize("value", [12595, "12595", 12595.0])
def test_cents_become_units(value: Any) -> None:
    assert parse_price(value, "cents") == ReadPrice(125.95)


@pytest.mark.parametrize("value", [None, "", "  ", "n/a", "NaN", float("nan"), []])
def test_missing_prices_are_fine(value: Any) -> None:
    assert parse_price(value, "units") == ReadPrice()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("abc", "unreadable"), ("1e5", "unreadable"), (True, "unreadable"),
        ({"a": 1}, "unreadable"), (float("inf"), "unreadable"), ("x" * 500, "unreadable"),
        ("1 2 3 4", "unreadable"), ("5 € or 6 $", "unreadable"),
        ("Preis auf Anfrage", "on request"), ("call us", "on request"), ("POA", "on request"),
        ("Prix sur demande", "on request"), ("-", "none given"), ("TBD", "none given"),
        (-1, "negative"), (-0.5, "negative"), ("-5", "negative"), ("-5.00 EUR", "negative"),
        ("EUR -5", "negative"), ("$-3", "negative"), ("(4.00)", "negative"),
    ],
)  # fmt: skip
def test_what_says_no_amount_says_why(value: Any, why: str) -> None:
    assert parse_price(value, "units") == ReadPrice(missing=why)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "style"),
    [
        (["4,20", "12,5", "1.299"], PriceStyle(",")),
        (["1.299,00 €", "1.299"], PriceStyle(",")),
        (["39.9", "1299.00", "1.299"], PriceStyle(".")),
        (["1,299.00", "1,299"], PriceStyle(".")),
        (["1.299", "2.450"], PriceStyle()),
        (["1,299"], PriceStyle()),
        (["4,20", "4.20"], PriceStyle()),
        (["4,20", "5,30", "$4.20"], PriceStyle(",")),
        (["0,999", "1,459", "1,389"], PriceStyle(",", thousandths=True)),
        ([39.9, 1299], PriceStyle()),
        ([], PriceStyle()),
    ],
)
def test_a_column_tells_its_decimal_mark(column: list[Any], style: PriceStyle) -> None:
    assert style_of(column) == style


@pytest.mark.parametrize(
    ("text", "style", "amount"),
    [
        ("1.299", PriceStyle(","), 1299.0), ("1.299 €", PriceStyle(","), 1299.0),
        ("1,299", PriceStyle(","), 1299.0), ("12.99", PriceStyle(","), 12.99),
        ("1299.00", PriceStyle(","), 1299.0), ("1,299", PriceStyle(",", thousandths=True), 1.299),
        ("1,299", PriceStyle("."), 1299.0), ("1.299", PriceStyle("."), 1.299),
        ("0.500", PriceStyle(","), 0.5), ("1.299", PriceStyle(), 1.299),
        ("€1.299", PriceStyle(), 1299.0), ("12345.678", PriceStyle(","), 12345.678),
    ],
)  # fmt: skip
def test_three_digits_are_read_as_the_column_is(
    text: str, style: PriceStyle, amount: float
) -> None:
    assert parse_price(text, "units", style).amount == amount


@pytest.mark.parametrize(
    ("values", "style"),
    [
        (["1.299", "2.450"], PriceStyle(",")), (["1.290", "899"], PriceStyle(",")),
        (["1.290", "2.450"], PriceStyle()), (["1.299"], PriceStyle()),
        (["1.299", "2.45"], PriceStyle(".")), (["0.299", "2.451"], PriceStyle(".")),
    ],
)  # fmt: skip
def test_whole_prices_where_a_comma_is_the_decimal_mark(
    values: list[str], style: PriceStyle
) -> None:
    assert style_of(values, comma=True) == style
    assert style_of(values).mark != ","


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("24.00 EUR", True), ("24,00 €", True), ("1 299:-", True), ("12", True), ("£5", True),
        ("Group 2", False), ("ab 5 €", False), ("-5", False), ("5 - 6", False), ("red", False),
    ],
)  # fmt: skip
def test_a_plain_price_is_an_amount_and_a_currency(text: str, plain: bool) -> None:
    assert is_plain_price(text) == plain


@pytest.mark.parametrize(
    ("header", "currency"),
    [
        ("Price (EUR)", "EUR"), ("price_eur", "EUR"), ("Preis in €", "EUR"), ("priceUSD", "USD"),
        ("Price [CHF]", "CHF"), ("PRICE_SEK", "SEK"), ("price_all", None), ("Price", None),
        ("price_per_unit", None), ("EUR", None), ("", None),
    ],
)  # fmt: skip
def test_a_header_names_a_currency(header: str, currency: str | None) -> None:
    assert currency_of_header(header) == currency


@given(st.floats(0, 1e9), st.sampled_from(["", " EUR", " USD"]))
def test_written_numbers_are_read_back(amount: float, currency: str) -> None:
    read = parse_price(f"{amount:.2f}{currency}", "units")
    assert read == ReadPrice(round(amount, 2), currency.strip() or None)


marks = st.text(st.sampled_from("0123456789.,'’ :-–/€$%|()²⁹abeurkrEUR\u00a0"), max_size=30)


@given(st.one_of(marks, st.text(), st.floats(), st.integers(), st.binary(), st.lists(st.text())))
def test_any_value_gives_an_amount_or_a_reason(value: object) -> None:
    for style in (PriceStyle(), PriceStyle(","), PriceStyle("."), style_of([value])):
        read = parse_price(value, "units", style)
        assert read.amount is None or (read.amount >= 0 and read.missing is None)
        assert read.list_price is None or read.list_price > (read.amount or 0)

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dsv3.errors import RecordError
from dsv3.indexer.sources.prices import parse_price
from hypothesis import given
from hypothesis import strategies as st

TABLE: list[tuple[Any, float, str | None]] = [
    ("15.00 USD", 15.0, "USD"),
    ("15.00USD", 15.0, "USD"),
    ("€1.299,00", 1299.0, "EUR"),
    ("1,299.00", 1299.0, None),
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
]


@pytest.mark.parametrize(("value", "amount", "currency"), TABLE)
def test_table_of_prices(value: Any, amount: float, currency: str | None) -> None:
    assert parse_price(value, "units") == (amount, currency)


@pytest.mark.parametrize("value", [12595, "12595", 12595.0])
def test_cents_become_units(value: Any) -> None:
    assert parse_price(value, "cents") == (125.95, None)


@pytest.mark.parametrize("value", [None, "", "  ", "n/a", "NaN", float("nan"), []])
def test_missing_prices_are_fine(value: Any) -> None:
    assert parse_price(value, "units") == (None, None)


@pytest.mark.parametrize("value", ["abc", "10 - 20", "call us", True, {"a": 1}, float("inf")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(RecordError, match="is not a number"):
        parse_price(value, "units")


@pytest.mark.parametrize("value", [-1, -0.5, "-5", "-5.00 EUR", "EUR -5", "$-3", "(4.00)"])
def test_negative_prices_are_refused(value: Any) -> None:
    with pytest.raises(RecordError, match="is negative"):
        parse_price(value, "units")


def test_reason_quotes_the_price() -> None:
    with pytest.raises(RecordError, match=r"^price 'abc' is not a number$"):
        parse_price("abc", "units")
    with pytest.raises(RecordError) as caught:
        parse_price("x" * 500, "units")
    assert len(caught.value.reason) < 80


@given(st.floats(0, 1e9), st.sampled_from(["", " EUR", " USD"]))
def test_written_numbers_are_read_back(amount: float, currency: str) -> None:
    found, code = parse_price(f"{amount:.2f}{currency}", "units")
    assert found == round(amount, 2)
    assert code == (currency.strip() or None)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.lists(st.text())))
def test_any_value_gives_a_price_or_a_record_error(value: object) -> None:
    try:
        amount, _ = parse_price(value, "units")
    except RecordError:
        return
    assert amount is None or amount >= 0

"""Prices as shops write them: 12595 cents, "15.00 USD", "€1.299,00"."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal

from price_parser import Price

from ...errors import RecordError

PriceUnit = Literal["units", "cents"]

_MACHINE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?)(?:\s*([A-Z]{3}))?")
_NUMBER_GROUP = re.compile(r"[0-9](?:[0-9.,'’\s]*[0-9])?")
_NEGATIVE = re.compile(r"^[^0-9]*[-−–]\s*[^0-9]{0,3}[0-9]|^\s*\([^0-9]*[0-9][^)]*\)\s*$")
_SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "zł": "PLN"}


def parse_price(value: object, unit: PriceUnit) -> tuple[float | None, str | None]:
    """Return an amount in units and the currency written beside it; None for what is missing.

    A text of digits with a dot, alone or before a currency code, is read as programs write it;
    anything else by the habits of people ("1.299" alone is 1.299, "€1.299" is 1299).

    Raises:
        RecordError: the value is no number, or it is negative.

    """
    if isinstance(value, list | tuple):
        value = next((item for item in value if item not in (None, "")), None)
    if value is None:
        return None, None
    currency = None
    if isinstance(value, str):
        amount, currency = _parse_text(value)
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _unreadable(value)
    else:
        amount = _as_float(value)
    if amount is None:
        return None, currency
    if amount < 0:
        raise RecordError(f"price {_shown(value)} is negative")
    return (amount / 100 if unit == "cents" else amount), currency


def _parse_text(text: str) -> tuple[float | None, str | None]:
    text = text.strip()
    machine = _MACHINE.fullmatch(text)
    if machine:
        return float(machine[1]), machine[2]
    if text.casefold() in ("", "nan", "null", "none", "n/a", "-"):
        return None, None
    if _NEGATIVE.search(text):
        raise RecordError(f"price {_shown(text)} is negative")
    groups = _NUMBER_GROUP.findall(text)
    price = Price.fromstring(text) if len(text) <= 100 and len(groups) == 1 else None
    if price is None or price.amount is None:
        raise _unreadable(text)
    return _as_float(price.amount), currency_code(price.currency)


def currency_code(text: str | None) -> str | None:
    """Return a currency as an ISO code where the sign is of one currency, else as written."""
    text = (text or "").strip()
    return _SYMBOLS.get(text, text.upper()) or None


def _as_float(value: float | Decimal) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        raise _unreadable(value) from None
    if math.isinf(number):
        raise _unreadable(value)
    return None if math.isnan(number) else number


def _unreadable(value: object) -> RecordError:
    return RecordError(f"price {_shown(value)} is not a number")


def _shown(value: object) -> str:
    text = " ".join(str(value)[:60].split())
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"

"""What it may cost: "under 50 euro", "between 20 and 30 $", "cheap"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray, NumberColumn, TextColumn
from ...indexer.columns.read import Columns
from ...indexer.snapshot import Snapshot
from .base import Amount, Understanding
from .bounds import AND, BETWEEN, BOUND, NUMBER, number

_CURRENCIES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "us$": "USD",
    "dollar": "USD", "dollars": "USD", "bucks": "USD", "dólares": "USD", "£": "GBP", "gbp": "GBP",
    "quid": "GBP", "chf": "CHF", "franken": "CHF", "sfr": "CHF", "kr": "", "kronor": "SEK",
    "kroner": "", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "pln": "PLN", "zł": "PLN", "zl": "PLN",
    "czk": "CZK", "kč": "CZK", "₹": "INR", "inr": "INR", "rupees": "INR", "rs": "INR", "¥": "",
    "yen": "JPY", "jpy": "JPY", "cad": "CAD", "aud": "AUD",
}  # fmt: skip
"""What stands for a currency beside a number, and which it is; several share some."""
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD"})
_CURRENCY = "|".join(re.escape(word) for word in sorted(_CURRENCIES, key=len, reverse=True))


def _amount(name: str) -> str:
    return (
        rf"(?:(?P<{name}before>{_CURRENCY})\.?\s?)?(?P<{name}>{NUMBER})(?P<{name}k>\s?k(?!\w))?"
        rf"(?:\s?(?P<{name}behind>{_CURRENCY})(?!\w))?"
    )


_DIGIT = re.compile("[0-9]")
_RANGE = re.compile(
    rf"(?<![\w.,-]){BETWEEN}{_amount('low')}{AND}{_amount('high')}(?![\w%\"'/])", re.IGNORECASE
)
_BOUND = re.compile(rf"(?<![\w-]){BOUND}{_amount('one')}(?![\w%\"'/])", re.IGNORECASE)
_BEHIND = re.compile(
    rf"(?<![\w.,-]){_amount('one')}\s(?:(?P<most>or less|or under|or below|max\.?|maximum|maximal"
    r"|oder weniger|ou moins|o menos|o meno|of minder)|(?P<least>or more|and up|and over|or over"
    r"|oder mehr|und mehr|ou plus|et plus|o más|y más|o più|of meer))(?!\w)",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"under|below|less than|cheaper than|unter|weniger als|moins de|menos de|meno di|sotto|onder"
    r"|minder dan|<|between|zwischen|entre|tra|tussen",
    re.IGNORECASE,
)
"""Words before a number that make it a price though no currency is named, at a query's end."""
_LEAST_PLAIN = 20.0  # "under 18", "under 5" are ages
_AGES = re.compile(
    r"(?:\bfor|\bkids?|\bchild(?:ren)?|\bboys?|\bgirls?|\baged?|\bages|\bkinder|\bpeople|\bpersons?"
    r"|\bpersonen|\benfants?|\bniños|\bweight|\bsize)\W*$",
    re.IGNORECASE,
)
_CHEAP = re.compile(
    r"(?<![\w-])(?:cheap(?:est|er)?|inexpensive|affordable|low[- ]cost|low[- ]priced?|budget"
    r"|günstig(?:e[rnsm]?|ste[rnsm]?)?|guenstig(?:e[rnsm]?)?|billig(?:e[rnsm]?|a|t|ste[rnsm]?)?"
    r"|preiswert(?:e[rnsm]?)?|pas chère?s?|pas cher|bon marché|barat[oa]s?|económic[oa]s?"
    r"|economic[oaie]|goedkoo?pe?|goedkoopste|a buon mercato|tani[ae]?)(?![\w-])",
    re.IGNORECASE,
)
_FEWEST = 2  # products among which cheap means something


def prices(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Read what the thing may cost; the words for it leave the text."""
    text = query.open
    price, span = None, (0, 0)
    if _DIGIT.search(text):
        price, span = _price(text, prefix=query.prefix)
    if price is None:
        if (cheap := _CHEAP.search(text)) is None:
            return query
        query = replace(query, cheap=True).without([cheap.span()])
        return query.telling("prices", "the cheaper of a category rise")
    query = replace(query, price=price).without([span])
    told = f"{_said(price)}: those that cost so rise"
    if query.strict:
        mask = _affordable(price, snapshot.columns)
        told = f"only what costs {_said(price)}"
        if mask.any():
            query = query.narrowed(mask)
        else:
            told = f"no product costs {_said(price)}"
    return query.telling("prices", told)


def _price(text: str, *, prefix: bool) -> tuple[Amount | None, tuple[int, int]]:
    """Return the price that a text names, and where; an unfinished one does not count."""
    for match, low, high in _bounds(text):
        currency = _currency(match)
        plain = currency is None
        if plain and (prefix or not _is_plain_price(text, match, low, high)):
            continue
        return Amount("price", low, high, currency or None), match.span()
    return None, (0, 0)


def _bounds(text: str) -> Iterator[tuple[re.Match[str], float, float]]:
    """Yield what may be a price, with its least and its most."""
    for match in _RANGE.finditer(text):
        low, high = _value(match, "low"), _value(match, "high")
        if low < high:
            yield match, low, high
    for pattern in (_BOUND, _BEHIND):
        for match in pattern.finditer(text):
            value = _value(match, "one")
            yield (match, -math.inf, value) if match["most"] else (match, value, math.inf)


def _value(match: re.Match[str], name: str) -> float:
    return number(match[name]) * (1000 if match[f"{name}k"] else 1)


def _currency(match: re.Match[str]) -> str | None:
    """Return the currency beside a number, "" where several have that sign; None without one."""
    for name, found in match.groupdict().items():
        if found and name.endswith(("before", "behind")):
            return _CURRENCIES[found.lower()]
    return None


def _is_plain_price(text: str, match: re.Match[str], low: float, high: float) -> bool:
    return (
        match.end() == len(text.rstrip())
        and _PLAIN.match(match[0]) is not None
        and (high if math.isinf(low) else low) >= _LEAST_PLAIN
        and _AGES.search(text[: match.start()]) is None
    )


def _said(price: Amount) -> str:
    currency = f" {price.currency}" if price.currency else ""
    if math.isinf(price.low):
        return f"up to {price.high:g}{currency}"
    if math.isinf(price.high):
        return f"from {price.low:g}{currency}"
    return f"{price.low:g} to {price.high:g}{currency}"


def _affordable(price: Amount, columns: Columns) -> BoolArray:
    """Return by row whether a product costs as much as is wanted."""
    mask = columns.mask(np.empty(0, np.int64))
    column = columns.column("price", "number")
    if isinstance(column, NumberColumn):
        agree = (price.low <= column.values) & (column.values <= price.high)
        mask[column.rows[agree]] = True
        mask[mask] = _comparable(price, columns, np.flatnonzero(mask))
    return mask


def _comparable(price: Amount, columns: Columns, rows: RowArray) -> BoolArray:
    """Tell which products' prices are in the currency of the one wanted.

    In a shop of one currency all are: whoever names another means this shop's prices.
    """
    same = np.ones(len(rows), np.bool_)
    column = columns.column("currency", "text")
    if price.currency is None or not isinstance(column, TextColumn) or len(column.texts) < 2:
        return same
    wanted = _DOLLARS if price.currency == "USD" else {price.currency}
    if not wanted & set(column.texts):
        return same
    codes = [code for code, text in enumerate(column.texts) if text in wanted]
    which, places = column.places(rows)
    same[which[~np.isin(column.codes[places], codes)]] = False
    return same


# -- what speaks for and against -----------------------------------------------------------


def affordability(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Tell whether products cost what is wanted; of what is cheap, where in its category."""
    if query.price is None and not query.cheap:
        return None
    columns = snapshot.columns
    values = np.zeros(len(rows), np.float32)
    column = columns.column("price", "number")
    if not isinstance(column, NumberColumn):
        return values
    which, places = column.places(rows)
    costs = column.values[places]
    if query.price is None:
        return _cheapness(which, costs, _categories(columns, rows))
    agree = (query.price.low <= costs) & (costs <= query.price.high)
    values[which] = np.where(agree, 1.0, -1.0)
    values[~_comparable(query.price, columns, rows)] = 0.0
    return values


def _categories(columns: Columns, rows: RowArray) -> npt.NDArray[np.int64]:
    """Return a number for the category of each row; those without one share -1."""
    found = np.full(len(rows), -1, np.int64)
    column = columns.column("category", "text")
    if isinstance(column, TextColumn):
        which, places = column.places(rows)
        found[which] = column.codes[places]
    return found


def _cheapness(
    which: RowArray, costs: npt.NDArray[np.float64], categories: npt.NDArray[np.int64]
) -> FloatVector:
    """Return from 1 for the cheapest of a category's candidates to -1 for the dearest."""
    values = np.zeros(len(categories), np.float32)
    of = categories[which]
    for category in np.unique(of):
        among = of == category
        if np.count_nonzero(among) >= _FEWEST:
            place = np.argsort(np.argsort(costs[among], kind="stable"), kind="stable")
            values[which[among]] = 1 - 2 * place / (len(place) - 1)
    return values

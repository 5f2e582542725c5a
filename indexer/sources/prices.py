"""Prices as shops write them: 12595 cents, "15.00 USD", "€1.299,00", "UVP 59,90 € 49,90 €"."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from price_parser import Price

PriceUnit = Literal["units", "cents"]
Missing = Literal["on request", "none given", "negative", "unreadable"]


@dataclass(frozen=True, slots=True)
class PriceStyle:
    """How the prices of one column are written.

    Attributes:
        mark: the decimal mark; None where the column does not tell.
        thousandths: three digits after the mark are decimals, as in prices of fuel.

    """

    mark: Literal[".", ","] | None = None
    thousandths: bool = False


@dataclass(frozen=True, slots=True)
class ReadPrice:
    """What a price says.

    Attributes:
        amount: in units; of a range its lower end, of a list price and a price the price.
        currency: as an ISO code where that is certain, else as written beside the amount.
        list_price: the higher price that is struck out, in units.
        missing: why there is no amount though something was written.

    """

    amount: float | None = None
    currency: str | None = None
    list_price: float | None = None
    missing: Missing | None = None


UNKNOWN = PriceStyle()
_NOTHING = ReadPrice()
_LONGEST = 200
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_MACHINE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?)(?:\s*([A-Z]{3}))?")
_NUMBER = re.compile(
    r"(?<![0-9])(?:[0-9]{1,3}(?:[ '’][0-9]{3})+(?![0-9])(?:[.,][0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)*(?::[0-9]{2}(?![0-9]))?|(?<!\w)[.,][0-9]{1,2}(?![0-9]))"
)
_NEGATIVE = re.compile(
    r"^[^0-9]*(?<![.,:])[-−–]\s*[^0-9\s]{0,3}\s?[0-9]|^\s*\([^0-9]*[0-9][^)]*\)\s*$"
)
_GROUPED = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_RANGE = re.compile(
    r"\s*(?:[-–—−~|;…]|\.{2,3}|\b(?:to|through|until|bis|à|a|al|au|tot|till|hasta|do|and|und)\b)\s*",
    re.IGNORECASE,
)
_LIST_PRICE = re.compile(
    r"\b(?:uvp|rrp|msrp|srp|pvp|ppc|list|was|old|statt|bisher|vorher|before|instead|regular|"
    r"original|barr[ée]|conseillé|adviesprijs|antes|listino|ord|rek)\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_NOT_THE_PRICE = re.compile(
    # A share, what is saved, what sending costs.
    r"[-–−+]?\s?[0-9]+(?:[.,][0-9]+)?\s?%"
    r"|\b(?:you save|save|sie sparen|spare[nt]?|ersparnis|rabatt|discount|économisez|ahorr[ae]s?|"
    r"risparmi[ao]?|bespaar|spara|zzgl\.?|plus|shipping|versand|porto|pfand|deposit)\b[^0-9]{0,16}"
    r"[0-9][0-9.,]*"
    r"|\+\s?[^0-9]{0,5}[0-9][0-9.,]*",
    re.IGNORECASE,
)
_PER_UNIT = re.compile(
    r"(?:/|\b(?:per|pro|je|por|par|pr)\b\.?)\s*(?:[0-9]+(?:[.,][0-9]+)?\s*)?([^\W\d_]+)",
    re.IGNORECASE,
)
_ON_REQUEST = re.compile(
    r"anfrage|request|\bcall\b|\bask\b|inquir|enquir|contact|kontakt|quote|\bpoa\b|\bp\.o\.a|"
    r"devis|demande|aanvraag|consultar|consulta|richiesta|förfrågan|forespørsel|zapytanie|telef",
    re.IGNORECASE,
)
_NONE_GIVEN = frozenset(
    {"-", "--", "---", "–", "—", "n/a", "na", "#n/a", "tbd", "tba", "?", ".", "none", "null", "nan"}
)
_EMPTY = frozenset({"", "nan", "null", "none", "n/a"})
_SIGN_BETWEEN = re.compile(r"(?<=[0-9])([€£])([0-9]{2})(?![0-9.,€£])")
"""The sign of the currency stands for the decimal mark, as in 49€90."""
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]{2}(?![⁰¹²³⁴⁵⁶⁷⁸⁹])")

_ISO_4217 = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS "
    "KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
    "MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF "
    "SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD "
    "TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
"""The currencies of ISO 4217."""
_CODES = frozenset(_ISO_4217.split())

_COMMA_CODES = "EUR DKK NOK SEK ISK PLN CZK HUF RON BGN RSD BRL ARS CLP COP TRY"
COMMA_CURRENCIES = frozenset(_COMMA_CODES.split())
"""Currencies of countries that write a comma before the decimals, most of them at least."""

_WORD_CODES = "ALL AMD ANG BAM BOB COP CUP GEL LAK MAD MOP PEN RON SOS SHP TOP TRY MUR NAD DOP SAR"
"""Codes that are words as well, and so taken for codes in capitals only."""
_ALSO_WORDS = frozenset(_WORD_CODES.split())

_SYMBOLS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "zł": "PLN", "Zł": "PLN",
    "R$": "BRL", "Kč": "CZK", "KČ": "CZK", "Ft": "HUF", "₺": "TRY", "₴": "UAH", "฿": "THB",
    "₫": "VND", "₪": "ILS", "₱": "PHP", "₦": "NGN", "₸": "KZT", "円": "JPY", "元": "CNY",
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD",
    "S$": "SGD", "NT$": "TWD", "MX$": "MXN", "EURO": "EUR", "EUROS": "EUR", "SFR": "CHF",
    "лв": "BGN", "руб": "RUB", "грн": "UAH", "lei": "RON", "￥": "¥",
}  # fmt: skip
"""Signs of one currency alone; "$", "kr" and "¥" are of several and stay as written."""

_DOLLARS = "USD CAD AUD NZD SGD HKD TWD MXN ARS CLP COP UYU BRL"
_SHARED = {
    "$": frozenset(_DOLLARS.split()),
    "¥": frozenset(("JPY", "CNY")),
    "KR": frozenset(("SEK", "NOK", "DKK", "ISK")),
}
"""Signs of several currencies, and the codes that may stand beside them."""

_HEADER_WORDS = re.compile(r"[A-Z]{3}(?![A-Za-z])|[A-Z]?[a-z]+|[€£₹₽₩₺₴]|zł|Kč")


def parse_price(value: object, unit: PriceUnit, style: PriceStyle = UNKNOWN) -> ReadPrice:
    """Return what a price says; nothing of what is missing.

    A text of digits with a dot, alone or before a currency code, is read as programs write it;
    anything else by the habits of people ("€1.299" is 1299), and where the column tells which
    decimal mark it uses, by that: beside "4,20" also "1.299" alone is 1299.
    """
    if isinstance(value, list | tuple):
        value = next((item for item in value if item not in (None, "")), None)
    if value is None:
        return _NOTHING
    if isinstance(value, str):
        found = _parse_text(value.strip(), style)
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ReadPrice(missing="unreadable")
    else:
        found = _of_number(value)
    if unit == "cents" and found.amount is not None:
        list_price = None if found.list_price is None else found.list_price / 100
        return ReadPrice(found.amount / 100, found.currency, list_price)
    return found


def _of_number(value: float | Decimal) -> ReadPrice:
    try:
        number = float(value)
    except OverflowError:
        return ReadPrice(missing="unreadable")
    if math.isnan(number):
        return _NOTHING
    if number < 0:
        return ReadPrice(missing="negative")
    return ReadPrice(missing="unreadable") if math.isinf(number) else ReadPrice(number)


def _parse_text(text: str, style: PriceStyle) -> ReadPrice:
    machine = _MACHINE.fullmatch(text)
    if machine and (style.mark != "," or "." not in machine[1]):
        return ReadPrice(float(machine[1]), machine[2])
    if text.casefold() in _EMPTY:
        return _NOTHING
    if len(text) > _LONGEST:
        return ReadPrice(missing="unreadable")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _SUPERSCRIPT.sub(r".\g<0>", text))
    text = " ".join(text.split())
    text = _SIGN_BETWEEN.sub(r".\2 \1", text)
    if _NEGATIVE.search(text):
        return ReadPrice(missing="negative")
    return _read_people(text, style)


def _read_people(text: str, style: PriceStyle) -> ReadPrice:
    """Read a price as people write it."""
    rest = _ASIDE.sub(" ", text)
    if not _NUMBER.search(rest):
        rest = text
    rest = _PER_UNIT.sub(_unless_currency, _NOT_THE_PRICE.sub(" ", rest))
    found = list(_NUMBER.finditer(rest))
    if not found:
        return ReadPrice(missing=_why_missing(text))
    between = [rest[one.end() : two.start()] for one, two in pairwise(found)]
    currencies = _currencies(_without_numbers(rest, found))
    spans = all(_RANGE.fullmatch(_without_currency(gap)) for gap in between)
    if len(found) > 1 and not spans:
        found = _beside_currency(rest, found) or found
    several = len(found) > 1 and not spans
    if (several and (len(found) > 2 or not between[0].strip(_LETTERS))) or len(currencies) > 1:
        return ReadPrice(missing="unreadable")
    amounts = [_amount(each[0], style) for each in found]
    if any(math.isinf(amount) for amount in amounts):
        return ReadPrice(missing="unreadable")
    lowest, highest = min(amounts), max(amounts)
    struck = lowest < highest and (not spans or _LIST_PRICE.search(rest) is not None)
    return ReadPrice(lowest, currencies[0] if currencies else None, highest if struck else None)


def _unless_currency(match: re.Match[str]) -> str:
    """Take away "/ 100 g", and leave "/ 49.90 EUR"."""
    return match[0] if match[1].upper() in _CODES or match[1] in _SYMBOLS else " "


def _why_missing(text: str) -> Missing:
    if text.casefold().rstrip(".") in _NONE_GIVEN or text.casefold() in _NONE_GIVEN:
        return "none given"
    return "on request" if _ON_REQUEST.search(text) else "unreadable"


def _without_numbers(text: str, found: Iterable[re.Match[str]]) -> str:
    parts, end = [], 0
    for match in found:
        parts.append(text[end : match.start()])
        end = match.end()
    return " ".join([*parts, text[end:]])


def _without_currency(gap: str) -> str:
    """Return what stands between two amounts besides their currencies and "from"."""
    words = gap.replace(",-", " ").replace(":-", " ").split()
    return " ".join(word for word in words if not _is_currency(word.strip(".")))


def _beside_currency(text: str, found: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the numbers that have a currency beside them."""
    beside = []
    for match in found:
        before = text[: match.start()].rstrip().rpartition(" ")[2]
        after = text[match.end() :].lstrip(" ,:-–").partition(" ")[0]
        before = re.split(r"[0-9]", before)[-1]
        after = re.split(r"[0-9]", after)[0]
        if _is_currency(before.strip(".:")) or _is_currency(after.strip(".,;")):
            beside.append(match)
    return beside


@lru_cache(maxsize=4096)
def _is_currency(text: str) -> bool:
    return bool(text) and (
        text.upper() in _CODES
        or text in _SYMBOLS
        or text.upper() in _SYMBOLS
        or text in ("$", "¥")
        or text.casefold() in ("kr", "rs", "fr")
    )


@lru_cache(maxsize=4096)
def _currencies(text: str) -> tuple[str, ...]:
    """Return the currencies named in a text without its numbers, each once."""
    found: list[str] = []
    for written in text.split():
        word = written.strip(".,:;-–/") or written
        if word.upper() in _CODES and (word.isupper() or word.upper() not in _ALSO_WORDS):
            found.append(word.upper())
        elif word in _SYMBOLS or word.upper() in _SYMBOLS:
            found.append(_SYMBOLS.get(word) or _SYMBOLS[word.upper()])
        elif word.upper() in _SHARED:
            found.append(word.upper())
    if not found and text.strip():
        other = currency_code(Price.fromstring(f"1 {text}").currency)
        return (other,) if other else ()
    found = list(dict.fromkeys(found))
    # "CAD $5": the code says whose dollars these are.
    shared = {sign for sign, codes in _SHARED.items() if not codes.isdisjoint(found)}
    return tuple(each for each in found if each not in shared)


def _amount(number: str, style: PriceStyle) -> float:
    """Read one number; which of its marks is the decimal one is told by where they stand."""
    grouped = any(mark in number for mark in " '’")
    text = re.sub("[ '’]", "", number)
    if ":" in text:  # "29:90" in Swedish shops
        head, _, tail = text.partition(":")
        return float(re.sub("[.,]", "", head) + "." + tail)
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return float(text)
    mark, head, tail = text[last], text[:last], text[last + 1 :]
    whole = re.sub("[.,]", "", head)
    several = mark in head
    if several or (whole == head and not grouped and _are_thousands(head, mark, tail, style)):
        return float(whole + tail) if several or len(tail) == 3 else float(f"{whole}.{tail}")
    return float(f"{whole}.{tail}")


def _are_thousands(head: str, mark: str, tail: str, style: PriceStyle) -> bool:
    """Tell whether the one mark of a number stands before thousands, as in "1.299"."""
    if len(tail) != 3 or len(head) > 3 or head[0] == "0":
        return False
    return not (mark == style.mark and (mark == "." or style.thousandths))


def style_of(values: Iterable[object], *, comma: bool = False) -> PriceStyle:
    """Return how the prices of a column are written, from those that can be read in one way only.

    At least two thirds of these have to agree. Numbers that are typed as numbers say nothing. Where
    `comma` is the decimal mark of the source's language, "1.299" is 1299 if all that have a mark
    are written so, and not as amounts of three decimals are: some have none, or do not end in 0.
    """
    values = list(values)
    counts = {".": 0, ",": 0}
    thousandths = marked = 0
    for value in values:
        if not isinstance(value, str) or len(value) > _LONGEST:
            continue
        text = value if value.isascii() else unicodedata.normalize("NFKC", value)
        for number in _NUMBER.findall(" ".join(text.split())):
            mark = max(number.rfind("."), number.rfind(","))
            if mark < 0:
                continue
            marked += 1
            if _decimal_for_sure(number, mark):
                counts[number[mark]] += 1
            thousandths += len(number) - mark == 4 and number[mark] == ","
    best: Literal[".", ","] = "," if counts[","] > counts["."] else "."
    if comma and not any(counts.values()) and are_grouped(values) == "surely":
        return PriceStyle(",")
    if not counts[best] or 3 * counts[best] < 2 * sum(counts.values()):
        return UNKNOWN
    return PriceStyle(best, thousandths=best == "," and 2 * thousandths > marked)


def are_grouped(values: Iterable[object]) -> Literal["surely", "maybe", ""]:
    """Tell whether the prices of a column are whole, with a dot before the thousands ("1.299").

    They may be where all that have a mark have three digits after one dot.
    """
    found = [each for value in values if isinstance(value, str)
             for each in _NUMBER.findall(value[:_LONGEST])]  # fmt: skip
    marked = [each for each in found if "." in each or "," in each]
    if not marked or len(found) < 2 or not all(map(_GROUPED.fullmatch, marked)):
        return ""
    surely = len(marked) < len(found) or any(each[-1] != "0" for each in marked)
    return "surely" if surely else "maybe"


def _decimal_for_sure(number: str, place: int) -> bool:
    head, mark, tail = number[:place], number[place], number[place + 1 :]
    if mark in head:
        return False
    other = "," if mark == "." else "."
    return (
        other in head
        or " " in head
        or "'" in head
        or len(tail) != 3
        or head == "0"
        or len(head) > 3
    )


def is_plain_price(text: str) -> bool:
    """Tell whether a text is one amount, with a currency or without, and nothing else."""
    if PRICE.fullmatch(text):
        return True
    if len(text) > _LONGEST:
        return False
    text = _SIGN_BETWEEN.sub(r".\2 \1", " ".join(text.split()))
    found = _NUMBER.findall(text)
    return len(found) == 1 and _is_bare(text.replace(found[0], " ", 1))


@lru_cache(maxsize=4096)
def _is_bare(rest: str) -> bool:
    words = [stripped for word in rest.split() if (stripped := word.strip(".,:’'–—-"))]
    minus = rest.strip()[:1] in ("-", "−", "–")
    return not minus and len(words) <= 1 and all(map(_is_currency, words))


PRICE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?)(?:\s*[A-Z]{3})?")
"""A price as programs write it, with its currency or without."""


def currency_code(text: str | None) -> str | None:
    """Return a currency as an ISO code where the sign is of one currency, else as written."""
    text = (text or "").strip()
    return _SYMBOLS.get(text) or _SYMBOLS.get(text.rstrip(".")) or text.upper() or None


def currency_of_header(name: str) -> str | None:
    """Return the currency that a column's name says: "Price (EUR)", "price_eur", "Preis in €".

    Only what follows another word is a currency, and a code that is a word as well ("price_all")
    counts in capitals alone.
    """
    words: list[str] = _HEADER_WORDS.findall(name)
    for word in reversed(words[1:]):
        code = word.upper()
        if code in _CODES and (word.isupper() or code not in _ALSO_WORDS):
            return code
        if word in _SYMBOLS:
            return _SYMBOLS[word]
    return None

"""Single values: what a cell holds, as text, truth, list, code or category path."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal

from ..product import AttributeValue
from .names import fold_name
from .prices import UNKNOWN, PriceStyle, is_plain_price, parse_price
from .text import clean_text

NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?|\.[0-9]{1,12})")
"""A text that is a number and nothing else; "007" is not, and neither is a 20-digit code."""

_NULLS = frozenset({"", "null", "nan", "n/a", "#n/a"})
_TRUE = frozenset({"true", "yes"})
_FALSE = frozenset({"false", "no"})
_IN_STOCK = frozenset(
    {
        "instock",
        "available",
        "yes",
        "true",
        "y",
        "limitedavailability",
        "onlineonly",
        "instoreonly",
        "lowstock",
        "limited",
        "instoreorsoon",
        # German, French, Spanish, Italian, Dutch, Swedish, Danish, Polish, Portuguese
        "auflager", "lagernd", "vorratig", "verfugbar", "lieferbar", "sofortlieferbar",
        "sofortverfugbar", "ja", "enstock", "disponible", "oui", "si", "sim", "haystock",
        "disponibile", "opvoorraad", "voorradig", "leverbaar", "ilager", "palager", "tak",
        "dostepny", "nastanie", "disponivel", "emestoque",
    }
)  # fmt: skip
_OUT_OF_STOCK = frozenset(
    {
        "outofstock",
        "unavailable",
        "notavailable",
        "soldout",
        "discontinued",
        "no",
        "false",
        "n",
        "preorder",
        "presale",
        "backorder",
        "backordered",
        "onbackorder",
        "madetoorder",
        "reserved",
        # German, French, Spanish, Italian, Dutch, Swedish, Danish, Polish, Portuguese
        "nichtauflager", "nichtverfugbar", "nichtlieferbar", "nichtvorratig", "ausverkauft",
        "vergriffen", "nein", "rupturedestock", "enrupture", "enrupturedestock", "horsstock",
        "epuise", "indisponible", "non", "agotado", "sinstock", "sinexistencias", "nodisponible",
        "esaurito", "nondisponibile", "nietopvoorraad", "nietvoorradig", "uitverkocht", "nee",
        "ejilager", "slut", "slutsald", "nej", "ikkepalager", "udsolgt", "nie", "niedostepny",
        "brak", "esgotado", "indisponivel", "nao", "semestoque",
    }
)  # fmt: skip
_OUT_OF_STOCK_BEGINS = (
    "outofstock", "soldout", "currentlyunavailable", "currentlyoutofstock",
    "temporarilyunavailable", "temporarilyoutofstock", "notinstock", "notavailable",
    "nichtauflager", "nichtverfugbar", "nichtlieferbar", "nichtvorratig", "nichtmehr",
    "ausverkauft", "vergriffen", "zurzeitnicht", "zurzeitausverkauft", "derzeitnicht",
    "derzeitausverkauft", "momentannicht", "momentanausverkauft", "aktuellnicht",
    "aktuellausverkauft", "vorubergehendnicht", "vorubergehendausverkauft", "leiderausverkauft",
    "rupture", "enrupture", "horsstock", "epuise", "indisponible", "nondisponible", "pasenstock",
    "temporairementindisponible", "temporairementenrupture", "actuellementindisponible",
    "agotado", "sinstock", "sinexistencias", "nodisponible", "temporalmenteagotado",
    "temporalmentenodisponible", "fueradestock",
    "esaurito", "nondisponibile", "temporaneamenteesaurito", "temporaneamentenondisponibile",
    "momentaneamentenondisponibile", "attualmentenondisponibile",
    "nietopvoorraad", "nietvoorradig", "nietleverbaar", "nietbeschikbaar", "uitverkocht",
    "tijdelijkuitverkocht", "tijdelijkniet", "momenteelniet",
    "slut", "ejilager", "inteilager", "finnsejilager", "finnsinteilager", "tillfalligtslut",
    "tillfalligtej", "ejtillganglig", "ejtillgangligt",
    "udsolgt", "ikkepalager", "midlertidigtudsolgt", "niedostepn", "brakwmagazynie",
    "chwilowoniedostepn", "surcommande", "bientotdisponible", "aufbestellung", "demnachst",
    "sobrepedido", "bajopedido", "suordinazione", "inarrivo", "opbestelling", "bestallningsvara",
    "nazamowienie", "sobencomenda", "preorder", "backorder", "comingsoon",
    "esgotado", "indisponivel", "semestoque",
)  # fmt: skip
_CODE_SEPARATORS = re.compile(r"[,;|\n]")
_SEPARATORS = (">", "|", " / ")
_DEEPEST = 8  # `flatten` and the bounds on records go no deeper
_AS_POWER = re.compile(r"([0-9])(?:[.,]([0-9]{1,17}))?[eE]\+?([0-9]{1,2})")
_WHOLE = re.compile(r"([0-9]{8,14})[.,]0+")


def as_text(value: object) -> str:
    """Return a value as clean text; empty for what is missing or cannot be text."""
    if isinstance(value, str):
        text = clean_text(value)
        return "" if len(text) <= 4 and text.casefold() in _NULLS else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return _digits(value)
    if isinstance(value, float):
        whole = math.isfinite(value) and value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else "" if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return next((text for item in _leaves(value) if (text := as_text(item))), "")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return ""


def _digits(value: int | Decimal) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return ""


def as_texts(value: object) -> tuple[str, ...]:
    """Return the texts in a list, or a single one; nothing empty, nothing twice."""
    if not isinstance(value, list | tuple):
        text = as_text(value)
        return (text,) if text else ()
    return tuple(dict.fromkeys(text for item in _leaves(value) if (text := as_text(item))))


def _leaves(values: Iterable[object], depth: int = 0) -> Iterator[object]:
    """Yield what lists inside lists hold, in order."""
    for value in values:
        if not isinstance(value, list | tuple):
            yield value
        elif depth < _DEEPEST:
            yield from _leaves(value, depth + 1)


def as_truth(text: str) -> bool | None:
    """Return the truth that "yes" or "false" stands for; None for other texts."""
    folded = text.casefold()
    return True if folded in _TRUE else False if folded in _FALSE else None


def as_stock(value: object) -> bool | None:
    """Return whether a product can be had now, from a flag, a count or a phrase."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return None if value != value else value > 0
    if isinstance(value, list | tuple):
        # The variants of one product: any that can be had will do.
        known = [as_stock(item) for item in _leaves(value)]
        return True if True in known else False if False in known else None
    text = as_text(value)
    if NUMBER.fullmatch(text):
        return float(text) > 0
    # "https://schema.org/InStock", "in_stock" and "In Stock" are one phrase.
    phrase = fold_name(text.rpartition("/")[2])
    if phrase in _IN_STOCK:
        return True
    return False if phrase in _OUT_OF_STOCK or phrase.startswith(_OUT_OF_STOCK_BEGINS) else None


def as_codes(value: object) -> Iterable[str]:
    """Yield the codes in a list or in a text that lists them."""
    for text in as_texts(value):
        if text.isalnum():  # as nearly all are: nothing to part and nothing to mend
            if 3 <= len(text) <= 64:
                yield text
            continue
        for part in _parts(text):
            code = _mended_code(part)
            if 3 <= len(code) <= 64 and any(mark.isalnum() for mark in code):
                yield code


def _mended_code(text: str) -> str:
    """Return a code that a program wrote as a number as its digits; empty where some are lost."""
    if text[-1:] == "0" and (whole := _WHOLE.fullmatch(text)):
        return whole[1]
    power = _AS_POWER.fullmatch(text) if "+" in text else None
    if power is None:
        return text
    head, decimals, exponent = power[1], power[2] or "", int(power[3])
    return head + decimals if len(decimals) == exponent else ""


def lost_codes(value: object) -> int:
    """Count the codes in a value of which a spreadsheet kept the first digits alone (4.006E+12)."""
    if not any(isinstance(leaf, str) and "+" in leaf for leaf in _leaves([value])):
        return 0
    return sum(
        "+" in text and any(part and not _mended_code(part) for part in _parts(text))
        for text in as_texts(value)
    )


def _parts(text: str) -> Iterable[str]:
    # Spreadsheets write an apostrophe before digits to keep them text.
    if "," in text and _AS_POWER.fullmatch(text):
        return (text,)
    return (part.strip().lstrip("'’").strip() for part in _CODE_SEPARATORS.split(text))


def looks_like_gtin(value: object) -> bool:
    """Tell whether a value is 8, 12, 13 or 14 digits of which the last one checks the others.

    The check digit is that of GS1's General Specifications, section 7.9.
    """
    text = as_text(value)
    if len(text) not in (8, 12, 13, 14) or not (text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return text.strip("0") != "" and (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def looks_like_part_number(text: str) -> bool:
    """Tell whether a text is a manufacturer's part number rather than a name.

    It is one word of 3 to 40 characters with a digit, and with a letter or five digits and more:
    "TN-2110" and "44341902" are, "Z 3200", "80" and "Mouse" are not.
    """
    if not 3 <= len(text) <= 40 or " " in text or not any(mark.isdigit() for mark in text):
        return False
    return any(mark.isalpha() for mark in text) or sum(mark.isdigit() for mark in text) >= 5


def as_category(value: object, separator: str | None) -> str:
    """Return a category as "A > B > C", from a path in one text or from a list of its levels."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        value = value[0]
    levels = as_texts(value)
    if len(levels) != 1:
        # A list of whole paths, rather than of levels: the first is the main one.
        path = next((text for text in levels if ">" in text), None)
        return as_category(path, ">") if path else " > ".join(levels)
    text = levels[0]
    separator = separator or next((mark for mark in _SEPARATORS if mark in text), None)
    if separator is None:
        return text
    return " > ".join(part for level in text.split(separator) if (part := level.strip(" >|/")))


def as_attribute(
    value: object, kind: str | None, style: PriceStyle = UNKNOWN
) -> AttributeValue | None:
    """Return an attribute's value by its column's kind; None for what is missing or an address.

    Kinds are "text", "number", "price", "boolean", "list"; None keeps the type the source gave.
    `style` is how the prices of the column are written.
    """
    if isinstance(value, str):
        return _typed_text(clean_text(value), kind, style)
    if isinstance(value, bool):
        return value if kind != "text" else as_text(value)
    if isinstance(value, float | int | Decimal):
        return as_text(value) or None if kind == "text" else _number(value)
    if isinstance(value, list | tuple):
        texts = (_without_address(text) for text in as_texts(value))
        return tuple(text for text in texts if text) or None
    return as_text(value) or None


def _typed_text(text: str, kind: str | None, style: PriceStyle) -> AttributeValue | None:
    if len(text) <= 4 and text.casefold() in _NULLS:
        return None
    if kind == "number" and NUMBER.fullmatch(text):
        return float(text)
    if kind == "price" and is_plain_price(text):
        price = parse_price(text, "units", style).amount
        return text if price is None else price
    if kind == "boolean":
        truth = as_truth(text)
        return text if truth is None else truth
    if kind == "list":
        return tuple(dict.fromkeys(part for item in text.split(",") if (part := item.strip())))
    return _without_address(text) or None


def _without_address(text: str) -> str:
    """Return a text unless it is an address; of a schema.org term (".../NewCondition") its name."""
    if not is_address(text):
        return text
    return text.rpartition("/")[2] if "://schema.org/" in text else ""


def _number(value: float | Decimal) -> AttributeValue | None:
    try:
        number = float(value)
    except OverflowError:
        return as_text(value) or None
    return number if math.isfinite(number) else None


def is_address(text: str) -> bool:
    """Tell whether a text is a web address and nothing else."""
    return text.startswith(("http://", "https://", "//")) and " " not in text

"""The names that shops and feeds give to our fields, as the table of known fields has them.

Names are compared by `fold_name`: case, spaces, underscores and other marks do not count; a dot
stands before the name of a nested field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

from ..known_fields import CONVENTIONS, KNOWN_FIELDS, LANGUAGES

_BY_NAME = {each.name: each for each in KNOWN_FIELDS}

CODE_NAMES = frozenset(
    name for names in _BY_NAME["codes"].aliases.values() for name in names.split()
)
"""Names of identifiers that a shopper may type; an attribute so named is a code as well."""

GTIN_NAMES = frozenset(
    {
        "gtin", "gtin8", "gtin12", "gtin13", "gtin14", "ean", "ean8", "ean13", "eancode",
        "eannummer", "upc", "upca", "upccode", "isbn", "isbn10", "isbn13", "jan", "barcode",
        "upcean", "gtinupceanorisbn", "codebarres", "codebarre", "codeean", "codigobarras",
        "codigodebarras", "codigoean", "codiceabarre", "codiceean", "streepjescode",
        "streckkod", "eankod", "stregkode", "kodkreskowy", "kodean",
    }
)  # fmt: skip
"""Names of the codes of which a product has one that no other product has."""

PART_NUMBER_NAMES = frozenset({"name"})
"""Beside a title, a field so named often holds the manufacturer's part number."""

_MARKS = re.compile(r"[\W_]+")
_NO_LEVEL = re.compile(r"^\.|\.(?![\w@])")
"""A dot that ends a word: "Artikel-Nr.", "Categories (x,y,z...)"."""
_CURRENCIES = frozenset(
    {
        "eur", "usd", "gbp", "chf", "sek", "nok", "dkk", "pln", "czk", "huf", "ron", "bgn",
        "rsd", "rub", "uah", "try", "jpy", "cny", "inr", "aud", "nzd", "cad", "mxn", "brl",
        "clp", "cop", "ars", "pen", "zar", "aed", "sar", "sgd", "hkd", "krw", "twd", "thb",
        "myr", "idr", "php", "vnd", "ils", "egp", "mad", "ngn", "kes",
    }
)  # fmt: skip
# "net" and its like are none of these: a price without tax is another one.
_WITH_TAX = frozenset(
    {
        "brutto", "gross", "incl", "inkl", "including", "inclusive", "mwst", "ust", "vat",
        "tax", "taxes", "tva", "iva", "btw", "moms", "ttc", "compris", "incluido",
        "inclusa", "incluse", "in", "en",
    }
)  # fmt: skip
_WORDS = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z]{2})")
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"}
_COSTS = frozenset(
    {
        "ek", "ekpreis", "einkaufspreis", "handlereinkaufspreis",
        "einkaufspreise", "costprice", "unitcost", "itemcost", "productcost", "costperitem",
        "purchaseprice", "purchasecost", "buyingprice", "wholesale", "wholesaleprice",
        "dealerprice", "supplierprice", "prixdachat", "prixachat", "prixdegros", "coutdachat",
        "preciodecosto", "preciodecoste", "preciocosto", "preciocoste", "preciodecompra",
        "preciocompra", "prezzodiacquisto", "prezzoacquisto", "costodiacquisto",
        "prezzodicosto", "inkoopprijs", "inkoop", "kostprijs", "inkopspris", "inpris",
        "indkobspris", "kostpris", "cenazakupu", "precodecusto", "precodecompra",
        "grosshandelspreis",
    }
)  # fmt: skip
_NET = ("netto", "net", "brutto", "gross", "exkl", "excl", "ht", "exclvat", "exklmwst")
_PICTURE = re.compile(
    r"(?:additional|main|primary|featured|extra|alt)?(?:img|image|picture|photo|thumb|thumbnail)s?"
    r"(?:url|urls|link|links|src|high|low|small|medium|large|thumb|[0-9]+|[0-9]+x[0-9]+)*"
)


@lru_cache(maxsize=10_000)
def fold_name(name: str) -> str:
    """Return a name as it is compared: "g:Item_Group ID" gives "itemgroupid".

    Latin letters lose their accents, so that "Référence" is "reference"; the marks of other
    scripts stay, for without them a word is another one.
    """
    name = name.casefold().removeprefix("g:")
    if not name.isascii():
        name = without_accents(name)
    return ".".join(_MARKS.sub("", part) for part in _NO_LEVEL.sub("", name).split("."))


def without_accents(text: str) -> str:
    """Return a text whose Latin letters have no accents."""
    kept: list[str] = []
    for mark in unicodedata.normalize("NFKD", text):
        if not (unicodedata.category(mark) == "Mn" and kept and kept[-1].isascii()):
            kept.append(_LETTERS.get(mark, mark))
    return unicodedata.normalize("NFKC", "".join(kept))


def candidates(field: str, languages: Sequence[str] = LANGUAGES) -> dict[str, str]:
    """Return the folded names known for one of our fields, best first, with their convention."""
    found: dict[str, str] = {}
    for convention in CONVENTIONS:
        for name in _BY_NAME[field].names(convention):
            found.setdefault(name, convention)
    for language in languages:
        for name in _BY_NAME[field].names(language):
            found.setdefault(name, f"a common name in {language}")
    return found


def by_language(names: Collection[str]) -> list[str]:
    """Return the languages of column names, that of most of the folded `names` first."""
    known = {
        language: {name for each in KNOWN_FIELDS for name in each.names(language)}
        for language in LANGUAGES
    }
    return sorted(LANGUAGES, key=lambda language: -len(known[language].intersection(names)))


@lru_cache(maxsize=10_000)
def price_name(name: str) -> str:
    """Return a price's folded name without tax and currency.

    "Price (EUR)" gives "price", "Verkaufspreis brutto" "verkaufspreis".
    """
    words = (word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", name)))
    return fold_name(
        "".join(word for word in words if word not in _CURRENCIES and word not in _WITH_TAX)
    )


def is_image_name(name: str) -> bool:
    """Tell whether a column holds pictures: "img_500x500" does, "image_stabiliser" does not."""
    return _PICTURE.fullmatch(fold_name(name).replace(".", "")) is not None


@lru_cache(maxsize=10_000)
def is_cost_name(name: str) -> bool:
    """Tell whether a column holds what a shop itself pays, such as "EK netto (EUR)"."""
    for folded in (fold_name(name), price_name(name)):
        last = folded.rpartition(".")[2]
        if last in _COSTS or any(last.removesuffix(net) in _COSTS for net in _NET):
            return True
    return False

"""The columns of the first records of a source: their values, and what kind these are of."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal

from .attribute_names import attribute_name
from .names import CODE_NAMES, fold_name
from .prices import is_plain_price
from .values import NUMBER, as_text, as_truth, looks_like_gtin

_LIST_NAMES = frozenset({"tags", "keywords", "labels"})
_NUMERIC_SHARE = 0.95
_FEWEST_GTINS = 3  # one number in ten ends in a digit that fits by chance
_PRICE_WORDS = ("price", "preis", "prix", "prijs", "precio", "prezzo", "preço", "pris", "cena")
_CODE_WORDS = frozenset({"gtin", "ean", "upc", "isbn", "mpn", "sku", "barcode", "asin", "pzn"})
_TIME_WORDS = frozenset(
    {"date", "time", "timestamp", "at", "created", "updated", "modified", "published", "ms"}
)
_NAME_WORDS = re.compile(r"[A-Z]?[^\W\dA-Z_]+|[A-Z]+(?![^\W\dA-Z_])")
_KIND_SUFFIX = {"text": "text", "boolean": "flag", "number": "number"}


def sample_columns(records: Iterable[Mapping[str, object]]) -> dict[str, list[object]]:
    """Return the values of each column that are not empty, in the order columns appear."""
    columns: dict[str, list[object]] = {}
    for fields in records:
        for name, value in fields.items():
            values = columns.setdefault(name, [])
            if value not in (None, "") and value != []:
                values.append(value)
    return columns


def infer_kind(column: str, values: Sequence[object]) -> str | None:
    """Return the kind that a column's texts are read as; None where each value's type is right.

    Identifiers stay text, whatever type the source gave them. A further price ("sale_price") is a
    number, too, where a currency stands beside it, and however its decimals are marked.
    Texts are numbers where nearly all are, and none has a leading zero; they are truths where
    all are "true" or "false", or all "yes" or "no". Texts among numbers make a text column.
    """
    texts = [text for value in values if isinstance(value, str) and (text := as_text(value))]
    if is_code_name(column) or _hold_codes(column, values):
        return "text"
    if not texts:
        return None
    folded = fold_name(column)
    if folded in _LIST_NAMES:
        return "list"
    if any(word in folded for word in _PRICE_WORDS) and all(map(is_plain_price, texts)):
        return "price"
    numbers = sum(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values
    )
    if _are_numbers(texts, numbers):
        return "number"
    if numbers:
        return "text"
    return "boolean" if _are_truths(texts) and len(texts) == len(values) else None


def is_code_name(column: str) -> bool:
    """Tell whether a column holds identifiers by its name: "Artikel-EAN", "variant_id"."""
    if fold_name(column) in CODE_NAMES:
        return True
    words = [word.casefold() for word in _NAME_WORDS.findall(column)]
    return not _CODE_WORDS.isdisjoint(words) or words[-1:] in (["id"], ["ids"])


def _hold_codes(column: str, values: Sequence[object]) -> bool:
    """Tell whether values are GTINs, or numbers of so many digits that they only name something."""
    held = [value for value in values if not isinstance(value, bool | list | tuple)]
    if not held or (isinstance(held[0], str) and not held[0].strip()[:1].isdigit()):
        return False
    if len(held) >= _FEWEST_GTINS:
        matching = sum(map(looks_like_gtin, held))
        if matching >= _NUMERIC_SHARE * len(held):
            return True
    words = {word.casefold() for word in _NAME_WORDS.findall(column)}
    texts = [as_text(value) for value in held]
    long = sum(text.isascii() and text.isdigit() and len(text) in (12, 13, 14) for text in texts)
    return long >= _NUMERIC_SHARE * len(texts) and _TIME_WORDS.isdisjoint(words)


def _are_numbers(texts: Sequence[str], numbers: int) -> bool:
    if any(text[0] == "0" and text.isdigit() and len(text) > 1 for text in texts):
        return False
    matching = sum(NUMBER.fullmatch(text) is not None for text in texts)
    return numbers + matching >= _NUMERIC_SHARE * (numbers + len(texts))


def _are_truths(texts: Sequence[str]) -> bool:
    if any(as_truth(text) is None for text in texts):
        return False
    words = {text.casefold() for text in texts}
    return words <= {"true", "false"} or (words <= {"yes", "no"} and len(texts) > 1)


def settle_names(columns: Iterable[str]) -> dict[str, str]:
    """Return new names for the columns whose attribute name another column has, too.

    Of columns that differ in their declared kind, the number keeps the name and the others say
    their kind ("size", "size_text"); further ones are counted. Sorted, so the order of columns
    does not matter. A name in two spellings of no declared kind ("Color", "colour ") counts too.
    """
    wanted: dict[str, list[tuple[str, str]]] = {}
    for column in columns:
        name, kind = attribute_name(column)
        rank = {"number": "0", None: "1"}.get(kind, "2")
        wanted.setdefault(name, []).append((rank, column))
    taken = set(wanted)
    settled: dict[str, str] = {}
    for name in sorted(wanted):
        for _, column in sorted(wanted[name])[1:]:
            settled[column] = free_name(name, attribute_name(column)[1], taken)
            taken.add(settled[column])
    return settled


def free_name(name: str, kind: str | None, taken: Container[str]) -> str:
    """Return a name like `name` that is not taken, told apart by its kind or by a number."""
    if kind in _KIND_SUFFIX:
        name = f"{name}_{_KIND_SUFFIX[kind]}"
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"

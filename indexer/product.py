"""A product: known fields are typed, the rest are attributes with inferred types."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import orjson

from ..errors import RecordError
from .known_fields import KNOWN_FIELDS

LONGEST_TEXT = 1 << 17
"""Characters of any one text of a product."""
LONGEST_ID = 512
"""Characters of a product's id, and of a code."""
MOST_ATTRIBUTES = 10_000
MOST_VALUES = 10_000
"""Texts in one list."""

AttributeValue = str | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """What a shop knows of one product.

    Attributes:
        product_id: the shop's own id, unique in a catalog.
        title: what a shopper reads first; never empty.
        price: in units of `currency` (not cents).
        codes: GTIN, EAN, MPN and the like; a query equal to one finds this product first.
        group_id: shared by the variants of one product.
        attributes: every other field; a list holds several texts.

    """

    product_id: str
    title: str
    description: str = ""
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    in_stock: bool | None = None
    url: str | None = None
    image_url: str | None = None
    codes: tuple[str, ...] = ()
    group_id: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


_FIELDS = tuple(each.name for each in fields(Product))


def product_digest(product: Product) -> bytes:
    """Return a 16-byte digest that changes when anything of the product does."""
    content = [getattr(product, name) for name in _FIELDS]
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return blake2b(packed, digest_size=16).digest()


def plain_product(product: Product) -> Product:
    """Return a product of plain types, as it is read again from a catalog.

    Subclasses of texts and numbers (those of numpy among them), lists and other mappings are
    taken for what they stand for.

    Raises:
        RecordError: it is none that can be indexed; see `check_product`.
    """
    if not isinstance(product, Product):
        raise RecordError(f"{_shown(product)} is no Product")
    if not _is_plain(product):
        check_product(product)
        product = Product(**{name: _plain(getattr(product, name)) for name in _FIELDS})
    if product.price is not None and not product.price:  # a database knows no -0.0
        product = replace(product, price=0.0)
    return product


def _plain(value: Any, *, within: bool = False) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if within else float(value)
    if isinstance(value, Mapping):
        return {_plain(name): _plain(each, within=True) for name, each in value.items()}
    return tuple(_plain(each) for each in value)


def is_as_stored(product: Product, digest: bytes) -> bool:
    """Tell whether a product that was read from a catalog has the digest stored with it."""
    if product_digest(product) == digest:
        return True
    if product.price is None or not product.price.is_integer():
        return False
    # Before a price was taken for a plain number, its digest was that of what a program gave.
    given = (int(product.price), -product.price) if not product.price else (int(product.price),)
    return any(product_digest(replace(product, price=price)) == digest for price in given)


def check_product(product: Product, *, bounded: bool = True) -> None:
    """Refuse a product that could be stored but not indexed; every way into a catalog asks this.

    Args:
        product: of any origin.
        bounded: refuse, too, what is longer than the bounds above.

    Raises:
        RecordError: a value is missing, of another type than `Product` says, no finite number,
            longer than the bounds above, or no text that UTF-8 can hold.
    """
    if _is_plain(product):
        return
    longest, most = (LONGEST_TEXT, MOST_VALUES) if bounded else (sys.maxsize, sys.maxsize)
    longest_id = LONGEST_ID if bounded else longest
    for field_ in KNOWN_FIELDS:
        value = getattr(product, field_.name)
        if field_.needed and not value:
            raise RecordError(f"{field_.name} is empty")
        if field_.kind != "text" or field_.several or (field_.optional and value is None):
            continue
        _check_text(field_.name, value, longest_id if field_.name == "product_id" else longest)
    if product.price is not None:
        _check_number("price", product.price)
    if product.in_stock is not None and not isinstance(product.in_stock, bool):
        raise RecordError(f"in_stock is {_shown(product.in_stock)}, not true or false")
    _check_list("codes", product.codes, longest_id, most)
    _check_attributes(
        product.attributes, longest, most, MOST_ATTRIBUTES if bounded else sys.maxsize
    )


_texts_of = attrgetter(*(f.name for f in KNOWN_FIELDS if f.kind == "text" and not f.several))
_needed_of = attrgetter(*(f.name for f in KNOWN_FIELDS if not f.optional))


def _is_plain(product: Product) -> bool:
    """Tell quickly that nothing is wrong, for nearly all products; False says nothing."""
    attributes, codes, price = product.attributes, product.codes, product.price
    try:
        if None in _needed_of(product) or type(codes) is not tuple or type(attributes) is not dict:
            return False
        texts = [text for text in _texts_of(product) if text is not None]
        texts += codes
        texts += attributes
        for value in attributes.values():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind is tuple:
                texts += value
            elif kind is not bool and not (kind is float and math.isfinite(value)):
                return False
        together = "".join(texts)
        if not together.isascii():
            together.encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return (
        bool(product.product_id and product.title)
        and len(texts) <= min(MOST_ATTRIBUTES, MOST_VALUES)
        and len(together) <= LONGEST_TEXT
        and len(max((product.product_id, *codes), key=len)) <= LONGEST_ID
        and "\0" not in together
        and (price is None or (type(price) is float and math.isfinite(price)))
        and (product.in_stock is None or type(product.in_stock) is bool)
    )


def _check_attributes(attributes: object, longest: int, most: int, many: int) -> None:
    if not isinstance(attributes, Mapping):
        raise RecordError(f"attributes are {_shown(attributes)}, not a mapping")
    if len(attributes) > many:
        raise RecordError(f"{len(attributes):,} attributes; a product has at most {many:,}")
    for name, value in attributes.items():
        _check_text("the name of an attribute", name, longest)
        if isinstance(value, str):
            _check_text(name, value, longest)
        elif isinstance(value, tuple | list):
            _check_list(name, value, longest, most)
        elif not isinstance(value, bool):
            _check_number(name, value)


def _check_text(name: str, value: object, longest: int) -> None:
    if not isinstance(value, str):
        raise RecordError(f"{name} is {_shown(value)}, not a text")
    if len(value) > longest:
        raise RecordError(f"{name} has {len(value):,} characters; at most {longest:,} are taken")
    if value.isascii():
        unfit = "\0" in value
    else:
        try:
            unfit = b"\0" in value.encode()
        except UnicodeEncodeError:
            unfit = True
    if unfit:
        raise RecordError(f"{name} holds a character that no text may have (NUL, half a surrogate)")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(f"{name} is {_shown(value)}, which is of no kind that a product holds")
    if not math.isfinite(value) or (abs(value) >= 1 << 63 and isinstance(value, int)):
        raise RecordError(f"{name} is {_shown(value)}, not a finite number of 64 bits")


def _check_list(name: str, values: object, longest: int, most: int) -> None:
    if not isinstance(values, tuple | list):
        raise RecordError(f"{name} is {_shown(values)}, not a list of texts")
    if len(values) > most:
        raise RecordError(f"{name} lists {len(values):,} texts; at most {most:,} are taken")
    for value in values:
        _check_text(f"an item of {name}", value, longest)


def _shown(value: object) -> str:
    text = repr(value)[:40] if not isinstance(value, int) or abs(value) < 1 << 64 else "huge"
    return text if value is None else f"{text} ({type(value).__name__})"

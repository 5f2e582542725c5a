"""A product: known fields are typed, the rest are attributes with inferred types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b

import orjson

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

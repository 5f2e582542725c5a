"""The names that shops and feeds give to our fields, as the table of known fields has them.

Names are compared by `fold_name`: case, spaces, underscores and other marks do not count; a dot
stands before the name of a nested field.
"""

from __future__ import annotations

import re

from ..known_fields import CONVENTIONS, KNOWN_FIELDS, SHOPIFY

_BY_NAME = {each.name: each for each in KNOWN_FIELDS}

CODE_NAMES = frozenset(
    name for names in _BY_NAME["codes"].aliases.values() for name in names.split()
)
"""Names of identifiers that a shopper may type; an attribute so named is a code as well."""

PART_NUMBER_NAMES = frozenset({"name"})
"""Beside a title, a field so named often holds the manufacturer's part number."""

SHOPIFY_NOISE = frozenset(
    {
        "variantinventorytracker",
        "variantfulfillmentservice",
        "variantinventorypolicy",
        "imageposition",
        "imagealttext",
        "imagesrc",
        "variantrequiresshipping",
        "varianttaxable",
        "varianttaxcode",
        "giftcard",
        "seotitle",
        "seodescription",
    }
)
"""Columns of a Shopify export that say nothing of the product."""

_MARKS = re.compile(r"[\W_]+")
_PICTURE = re.compile(
    r"(?:additional|main|primary|featured|extra|alt)?(?:img|image|picture|photo|thumb|thumbnail)s?"
    r"(?:url|urls|link|links|src|high|low|small|medium|large|thumb|[0-9]+|[0-9]+x[0-9]+)*"
)


def fold_name(name: str) -> str:
    """Return a name as it is compared: "g:Item_Group ID" gives "itemgroupid"."""
    name = name.casefold().removeprefix("g:")
    return ".".join(_MARKS.sub("", part) for part in name.split("."))


def candidates(field: str, *, shopify: bool = False) -> dict[str, str]:
    """Return the folded names known for one of our fields, best first, with their convention."""
    found: dict[str, str] = {}
    for convention in CONVENTIONS:
        if convention != SHOPIFY or shopify:
            for name in _BY_NAME[field].names(convention):
                found.setdefault(name, convention)
    return found


def is_image_name(name: str) -> bool:
    """Tell whether a column holds pictures: "img_500x500" does, "image_stabiliser" does not."""
    return _PICTURE.fullmatch(fold_name(name).replace(".", "")) is not None

"""Words that shoppers use for each other, read off the catalog."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ...indexer.product import Product

_LEAST = 3  # titles a spelling must stand in to be believed
_WORD = re.compile(r"[^\W\d_]+")
_MEASURE = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)\s?([^\W\d_]+|[\"″])(?!\w)")

# Spellings of one unit; only those that the catalog itself uses are exchanged.
UNITS: tuple[tuple[str, ...], ...] = (
    ("gb", "gigabyte", "gig"),
    ("mb", "megabyte"),
    ("tb", "terabyte"),
    ("inch", "inches", '"', "″", "in"),
    ("ft", "feet", "foot"),
    ("cm", "centimetre", "centimeter"),
    ("mm", "millimetre", "millimeter"),
    ("m", "metre", "meter"),
    ("kg", "kilo", "kilogram"),
    ("g", "gram"),
    ("l", "litre", "liter"),
    ("ml", "millilitre", "milliliter"),
    ("w", "watt", "watts"),
    ("v", "volt", "volts"),
    ("mah", "milliamp hours"),
    ("mbit/s", "mbps"),
    ("pack", "pcs", "pieces"),
)


@dataclass(frozen=True)
class Vocabulary:
    """What may stand for what in a query; all in lower case.

    Attributes:
        brands: a brand's spelling -> its others ("tp-link" -> "tp link", "tplink").
        units: a unit -> its other spellings, of which the catalog uses at least one.
        compounds: two words -> one ("sound bar" -> "soundbar"), and back.
        words: how often each word stands in a title; what a spelling error is made of.

    """

    brands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, Sequence[str]] = field(default_factory=dict)
    compounds: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


def read_vocabulary(products: Sequence[Product]) -> Vocabulary:
    """Mine brand aliases, unit aliases and compound words from products."""
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    units: Counter[str] = Counter()
    for product in products:
        title = product.title.casefold()
        found = _WORD.findall(title)
        words.update(set(found))
        pairs.update(set(pairwise(found)))
        units.update(unit for _, unit in _MEASURE.findall(title))
    return Vocabulary(
        brands=_brand_aliases(products),
        units=_unit_aliases(units),
        compounds=_compounds(words, pairs),
        words={word: count for word, count in words.items() if count >= _LEAST},
    )


def _brand_aliases(products: Sequence[Product]) -> dict[str, tuple[str, ...]]:
    """Return for each brand its spellings without signs, without spaces, and without its suffix.

    Spellings that other brands' products or the catalog itself use count too: brands that are
    one when signs and spaces are taken away are aliases of each other.
    """
    spellings: dict[str, set[str]] = defaultdict(set)
    for brand in sorted({product.brand.casefold() for product in products if product.brand}):
        spellings[_bare(brand)].add(brand)
    aliases = {}
    for bare, known in spellings.items():
        for brand in sorted(known):
            others = (known | _variants(brand, bare)) - {brand}
            if others:
                aliases[brand] = tuple(sorted(others))
    return aliases


def _variants(brand: str, bare: str) -> set[str]:
    """Return "tp link" and "tplink" for "tp-link", "startech" for "startech.com"."""
    parts = re.findall(r"\w+", brand)
    found = {" ".join(parts), bare}
    if parts[-1:] in (["com"], ["inc"], ["ltd"], ["gmbh"], ["co"]) and len(parts) > 1:
        found.add(" ".join(parts[:-1]))
    return {variant for variant in found if variant}


def _bare(text: str) -> str:
    return "".join(re.findall(r"\w+", text))


def _unit_aliases(used: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Return the spellings of units that the catalog uses."""
    aliases = {}
    for family in UNITS:
        if any(used.get(unit, 0) >= _LEAST for unit in family):
            for unit in family:
                aliases[unit] = tuple(other for other in family if other != unit)
    return aliases


def _compounds(words: Mapping[str, int], pairs: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return "sound bar" <-> "soundbar" where the catalog writes both."""
    found = {}
    for (left, right), count in sorted(pairs.items()):
        joined = left + right
        if count >= _LEAST and words.get(joined, 0) >= _LEAST and min(len(left), len(right)) > 1:
            found[f"{left} {right}"] = joined
            found[joined] = f"{left} {right}"
    return found

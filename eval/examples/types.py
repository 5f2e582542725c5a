"""What kind of thing each product is, read off titles, categories and vectors.

Titles say it in phrases: "Targus 15.6 inch notebook case black" is a notebook case. A phrase is
taken for a type if products of several brands share it and these products lie close together
in the encoder's space; "black" and "full HD" are shared, but by products that lie far apart. Of
a title's phrases the longest wins, so that a notebook case is no notebook; where a phrase ends
in another ("laser printer", "printer"), it names a kind of that.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...encoder.base import FloatArray
from ...indexer.product import Product
from .pool import Pool

Terms = tuple[str, ...]

LONGEST = 4  # words in a phrase
_LEAST_PRODUCTS = 5
_LEAST_BRANDS = 2
# Mean cosine of a phrase's products to their centre, in the space less its mean.
_LEAST_COHESION = 0.45
_UNIT_SHARE = 0.5  # of a word's occurrences that follow a number: then it is a unit
_LONGEST_COLOUR = 30  # characters; longer values are prose
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\S")
_NUMBER = re.compile(r"\d+(?:[.,/x]\d+)*")
_HAS_DIGIT = re.compile(r"\S*\d\S*")
_LINKS = frozenset(
    ("a", "an", "and", "as", "at", "by", "from", "in", "of", "on", "or", "the", "to")
)
# What stands behind these is what a product goes with, not what it is.
_ENDS = frozenset(("for", "f", "with", "w", "without", "fits", "incl", "including", "compatible"))
# Of a type's products the share that lies farthest from its centre is taken for misread.
_MISREAD = 0.2


@dataclass(frozen=True)
class ProductType:
    """One kind of product.

    Attributes:
        terms: its stemmed words, which name it.
        name: as most titles write it, in lower case.
        places: its products in the pool, kinds of it included, outliers not.
        cohesion: how close together they lie, from 0 to 1.

    """

    terms: Terms
    name: str
    places: frozenset[int]
    cohesion: float


class ProductTypes:
    """Tells the type of every product of a pool.

    Attributes:
        of: for each place of the pool the terms of its type; () where none was found.

    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._names: dict[Terms, Counter[str]] = defaultdict(Counter)
        phrases = self._phrases()
        cohesions = {
            terms: cohesion
            for terms, places in phrases.items()
            if (cohesion := _cohesion(pool.centred, places)) >= _LEAST_COHESION
        }
        self.of: list[Terms] = [() for _ in range(len(pool))]
        for terms in sorted(cohesions, key=lambda t: (len(t), cohesions[t], t)):
            for place in phrases[terms]:
                self.of[place] = terms
        self._cohesions = cohesions

    @cached_property
    def all(self) -> dict[Terms, ProductType]:
        """Map terms to types; a type's products are those it names and those of its kinds."""
        members: dict[Terms, set[int]] = defaultdict(set)
        for place, terms in enumerate(self.of):
            for begin in range(len(terms)):
                if terms[begin:] in self._cohesions:
                    members[terms[begin:]].add(place)
        return {
            terms: ProductType(
                terms,
                self._name(terms),
                _trimmed(self._pool.centred, places),
                self._cohesions[terms],
            )
            for terms, places in sorted(members.items())
        }

    def compatible(self, one: Terms, other: Terms) -> bool:
        """Say whether one type names a kind of the other, or both are one."""
        shorter, longer = sorted((one, other), key=len)
        return bool(shorter) and longer[-len(shorter) :] == shorter

    def centre(self, terms: Terms) -> FloatArray:
        """Return the unit vector (dim,) in the middle of a type's products."""
        mean = self._pool.centred[list(self.all[terms].places)].mean(axis=0)
        centre: FloatArray = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return centre

    def _name(self, terms: Terms) -> str:
        return self._names[terms].most_common(1)[0][0]

    def _phrases(self) -> dict[Terms, set[int]]:
        """Return the phrases that enough products of enough brands share."""
        passed_over = _units(self._pool.products) | _colours(self._pool.products)
        places: dict[Terms, set[int]] = defaultdict(set)
        brands: dict[Terms, set[str]] = defaultdict(set)
        for place, product in enumerate(self._pool.products):
            for words in _runs(product, passed_over):
                for phrase in _grams(words):
                    terms = tuple(self._pool.analysis.analyzer.analyze(" ".join(phrase)))
                    if terms:
                        places[terms].add(place)
                        brands[terms].add(product.brand or "")
                        self._names[terms][" ".join(phrase)] += 1
        known = {product.brand or "" for product in self._pool.products}
        least = min(_LEAST_BRANDS, len(known))  # a shop of one brand, or of none
        return {
            terms: found
            for terms, found in places.items()
            if len(found) >= _LEAST_PRODUCTS and len(brands[terms]) >= least
        }


def _cohesion(centred: FloatArray, places: set[int]) -> float:
    """Return the mean cosine of products to their common centre.

    For unit vectors it is the length of their mean (Mardia & Jupp 2000, "Directional
    Statistics", section 9.2).
    """
    return float(np.linalg.norm(centred[list(places)].mean(axis=0)))


def _trimmed(centred: FloatArray, places: set[int]) -> frozenset[int]:
    """Return the products nearest to their common centre, the centre of a trimmed mean."""
    order = sorted(places)
    own = centred[order]
    near = own @ own.mean(axis=0)
    kept = own[near >= np.quantile(near, _MISREAD)]
    near = own @ kept.mean(axis=0)
    bound = np.quantile(near, _MISREAD)
    return frozenset(place for place, score in zip(order, near, strict=True) if score >= bound)


def _runs(product: Product, passed_over: frozenset[str]) -> Iterator[list[str]]:
    """Yield runs of plain words of a title and of the last part of a category."""
    brand = {word.casefold() for word in _WORD.findall(product.brand or "")}
    last = re.split(r"\s*[>/|]\s*", product.category or "")[-1]
    for text in (product.title, last):
        run: list[str] = []
        for word in _WORD.findall(_HAS_DIGIT.sub("|", text)):
            folded = word.casefold()
            if folded in _ENDS:
                break
            plain = folded[0].isalpha() and folded not in passed_over | brand | _LINKS
            if plain:
                run.append(folded)
            elif run:
                yield run
                run = []
        if run:
            yield run


def _grams(words: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(len(words)):
        for end in range(begin + 1, min(begin + LONGEST, len(words)) + 1):
            yield words[begin:end]


def _colours(products: Sequence[Product]) -> frozenset[str]:
    """Return the words of attributes that name a colour."""
    return frozenset(
        word
        for product in products
        for name, value in product.attributes.items()
        if "colo" in name.casefold() and isinstance(value, str) and len(value) <= _LONGEST_COLOUR
        for word in value.casefold().replace(",", " ").split()
    )


def _units(products: Sequence[Product]) -> frozenset[str]:
    """Return words that mostly follow a number: GB, inch, pixels."""
    after, total = Counter[str](), Counter[str]()
    for product in products:
        before_is_number = False
        for word in product.title.casefold().split():
            stripped = word.strip("()[],.;:\"'")
            if stripped.isalpha():
                total[stripped] += 1
                after[stripped] += before_is_number
            before_is_number = _NUMBER.fullmatch(stripped) is not None
    return frozenset(word for word, count in after.items() if count > _UNIT_SHARE * total[word])

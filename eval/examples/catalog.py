"""Queries that a catalog answers by itself: what shoppers might type, and what they mean.

Each template takes a product and says what of it a shopper would type; the query's answers are
all products that agree with it in the fields the query names. So every query comes with many
answers, and with a topic, its product type.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .pool import Pool
from .types import ProductTypes, Terms

_SHORT_VALUE = 3  # words of an attribute that a shopper would type
_MEASURE = re.compile(r"\b\d+(?:[.,]\d+)?\s?[^\W\d_]{1,5}\b")
_MODEL = re.compile(r"\b(?=\S*\d)(?=\S*[A-Za-z])[\w/-]{3,}\b")
_WORD = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")


@dataclass(frozen=True)
class CatalogQuery:
    """One query, and what the catalog itself says of it.

    Attributes:
        text: what a shopper might type.
        template: how it was made.
        topic: terms of the type it asks for; () where it asks for one product.
        brand: the brand it asks for, if any.
        place: the product it was made from, which answers it.
        answers: places of all products that answer it.

    """

    text: str
    template: str
    topic: Terms
    brand: str | None
    place: int
    answers: frozenset[int]


class CatalogQueries:
    """Makes queries from a pool's products.

    Types are drawn by the square root of how many products they have, so that the long tail is
    learned from too; a template that finds nothing to say of a product is passed over.
    """

    def __init__(self, pool: Pool, types: ProductTypes, *, seed: int = 0) -> None:
        self.pool = pool
        self.types = types
        self._generator = random.Random(seed)  # noqa: S311 - a draw, not a secret
        self._names = list(types.all)
        self._weights = [len(types.all[terms].places) ** 0.5 for terms in self._names]

    def draw(self, count: int) -> Iterator[CatalogQuery]:
        """Yield up to `count` queries; the same text may come again with another product."""
        made = tried = 0
        names, shares = list(TEMPLATES), [share for _, share in TEMPLATES.values()]
        while made < count and tried < 10 * count:
            tried += 1
            name = self._generator.choices(names, shares)[0]
            drawn = self._place()
            if drawn is None:
                return
            query = TEMPLATES[name][0](self, *drawn)
            if query is not None:
                made += 1
                yield query

    def _place(self) -> tuple[int, Terms] | None:
        """Draw a type, then one of its products; any product where no type is known."""
        if self._names:
            terms = self._generator.choices(self._names, self._weights)[0]
            return self._generator.choice(sorted(self.types.all[terms].places)), terms
        if len(self.pool):
            return self._generator.randrange(len(self.pool)), ()
        return None

    # -- templates: each returns a query about one product, or None ------------------------

    def type_alone(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask for a type: "memory module"."""
        if not terms:
            return None
        answers = self.types.all[terms].places
        return self._query("type", self.types.all[terms].name, place, terms, answers)

    def brand_and_type(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask for a brand's products of a type: "kingston memory module"."""
        brand = self.pool.products[place].brand
        if not brand or not terms:
            return None
        answers = self.types.all[terms].places & self._by_brand[brand.casefold()]
        text = f"{brand.casefold()} {self.types.all[terms].name}"
        return self._query("brand and type", text, place, terms, answers, brand)

    def value_and_type(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask for a type with a property: "red patch cable"."""
        values = [
            (name, value)
            for name, value in self.pool.products[place].attributes.items()
            if isinstance(value, str) and self._fit_to_type(value)
        ]
        if not values or not terms:
            return None
        name, value = self._generator.choice(values)
        answers = self.types.all[terms].places & self._by_value[name, value.casefold()]
        text = f"{value.casefold()} {self.types.all[terms].name}"
        return self._query("property and type", text, place, terms, answers)

    def measure_and_type(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask for a type in a size: "500 gb hard drive"."""
        measures = _MEASURE.findall(self.pool.products[place].title.casefold())
        if not measures or not terms:
            return None
        measure = self._generator.choice(measures)
        folded = measure.replace(" ", "")
        answers = {
            other
            for other in self.types.all[terms].places
            if folded in self.pool.products[other].title.casefold().replace(" ", "")
        }
        text = f"{measure} {self.types.all[terms].name}"
        return self._query("measure and type", text, place, terms, frozenset(answers))

    def model(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask for one product by brand and model: "epson t048620"."""
        product = self.pool.products[place]
        models = _MODEL.findall(product.title)
        if not models:
            return None
        model = self._generator.choice(models).casefold()
        text = f"{product.brand or ''} {model}".strip().casefold()
        answers = frozenset(other for other, title in enumerate(self._titles) if model in title)
        return self._query("model", text, place, (), answers)

    def title_words(self, place: int, terms: Terms) -> CatalogQuery | None:
        """Ask by some words of a title, in order; all titles that hold them answer."""
        words = _WORD.findall(self.pool.products[place].title.casefold())
        if len(words) < _SHORT_VALUE:
            return None
        count = self._generator.randint(2, min(5, len(words)))
        kept = sorted(self._generator.sample(range(len(words)), count))
        chosen = [words[at] for at in kept]
        answers = frozenset(
            other
            for other, title in enumerate(self._titles)
            if all(word in title for word in chosen)
        )
        return self._query("title words", " ".join(chosen), place, (), answers)

    def _query(
        self,
        template: str,
        text: str,
        place: int,
        topic: Terms,
        answers: frozenset[int],
        brand: str | None = None,
    ) -> CatalogQuery:
        return CatalogQuery(text, template, topic, brand, place, answers | {place})

    def _fit_to_type(self, value: str) -> bool:
        words = value.split()
        return 0 < len(words) <= _SHORT_VALUE and all(word.isalpha() for word in words)

    @cached_property
    def _titles(self) -> list[str]:
        return [product.title.casefold() for product in self.pool.products]

    @cached_property
    def _by_brand(self) -> dict[str, frozenset[int]]:
        found: dict[str, set[int]] = defaultdict(set)
        for place, product in enumerate(self.pool.products):
            if product.brand:
                found[product.brand.casefold()].add(place)
        return {brand: frozenset(places) for brand, places in found.items()}

    @cached_property
    def _by_value(self) -> dict[tuple[str, str], frozenset[int]]:
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for place, product in enumerate(self.pool.products):
            for name, value in product.attributes.items():
                if isinstance(value, str) and self._fit_to_type(value):
                    found[name, value.casefold()].add(place)
        return {key: frozenset(places) for key, places in found.items()}


Make = Callable[[CatalogQueries, int, Terms], CatalogQuery | None]

# Shares follow what shops see: most searches name a type, few a single product.
TEMPLATES: dict[str, tuple[Make, float]] = {
    "type": (CatalogQueries.type_alone, 0.40),
    "brand and type": (CatalogQueries.brand_and_type, 0.20),
    "property and type": (CatalogQueries.value_and_type, 0.10),
    "measure and type": (CatalogQueries.measure_and_type, 0.10),
    "model": (CatalogQueries.model, 0.10),
    "title words": (CatalogQueries.title_words, 0.10),
}

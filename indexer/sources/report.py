"""What became of a source: the fields that were found, how full they are, and what looks odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from shlex import quote

from ..known_fields import KNOWN_FIELDS
from ..product import Product
from .fields import FieldMap
from .layout import as_word
from .names import fold_name
from .prices import are_grouped, parse_price
from .publication import StatusColumn, status_columns
from .recognition import TITLE_OF_DESCRIPTION, looks_like_picture
from .values import as_texts

EXAMPLES = 3
_SPARSE = 0.5
_NEVER_FULL = frozenset({"codes", "group_id"})
"""Most shops have products that want these; that they are often empty says nothing."""
_ADDRESSES = frozenset(each.name for each in KNOWN_FIELDS if each.look in ("address", "picture"))
_BY_NAME = {each.name: each for each in KNOWN_FIELDS}
_OFFERS = "offers."
"""What the names of a schema.org product's price and stock begin with."""
_LONG_TITLE = 200
_TIMES_LONGER = 10
_PRICE_WORDS = ("price", "preis", "prix", "precio", "prezzo", "prijs", "pris", "cena")
_NOT_ITS_PRICE = ("shipping", "versand", "cost", "tax", "deposit", "pfand")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MANY_PRICES = 0.8
_MOST_WORDS = 100
_WORDS_TOLD = 4


@dataclass
class SourceReport:
    """What is known of one source, collected as its products pass.

    Attributes:
        source: as the user named it.
        fields: which columns give which fields.
        products: products that were converted; one that had not changed since the last run was not.
        filled: how many of them have each known field.
        examples: the first of them.
    """

    source: str
    fields: FieldMap
    products: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    examples: list[Product] = field(default_factory=list)
    _title_lengths: Counter[int] = field(default_factory=Counter)
    _longest: tuple[int, str] = (0, "")
    _unreadable: int = 0
    _units: int = 0
    _unit_filled: Counter[str] = field(default_factory=Counter)
    _group: str | None = None
    _of_group: set[str] = field(default_factory=set)
    _currencies: Counter[str] = field(default_factory=Counter)
    _words: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, product: Product) -> None:
        """Count a product of this source."""
        self.products += 1
        if product.group_id is None or product.group_id != self._group:
            self._group, self._of_group = product.group_id, set()
            self._units += 1
        for name in _COUNTED:
            value = getattr(product, name)
            if value is not None and value != "" and value != ():
                self.filled[name] += 1
                if name not in self._of_group:
                    self._of_group.add(name)
                    self._unit_filled[name] += 1
        length = len(product.title)
        self._title_lengths[length] += 1
        if length > self._longest[0]:
            self._longest = (length, product.product_id)
        if _REPLACEMENT in product.title or _REPLACEMENT in product.description:
            self._unreadable += 1
        if product.price is not None:
            self._currencies[product.currency or ""] += 1
        self._count_words(product)
        if len(self.examples) < EXAMPLES:
            self.examples.append(product)

    def _count_words(self, product: Product) -> None:
        for column, name in self._status:
            value = product.attributes.get(name)
            if value is not None and column.is_unknown(value):
                words = self._words.setdefault(column.name, Counter())
                word = as_word(value)
                words[word if word in words or len(words) < _MOST_WORDS else ""] += 1

    @cached_property
    def _status(self) -> list[tuple[StatusColumn, str]]:
        """Return the columns that say whether a product is for sale, and their attributes."""
        if self.fields.platform is not None:
            return []
        return [
            (column, attribute.name)
            for column in status_columns(self.fields.samples)
            if (attribute := self.fields.attribute(column.name)) is not None
        ]

    @property
    def shares(self) -> Mapping[str, float]:
        """Return for each known field the share of products, 0 to 1, that have it."""
        return {
            name: self.filled[name] / self.products if self.products else 0.0 for name in _COUNTED
        }

    def warnings(self) -> Iterator[str]:
        """Yield what looks odd, each with the option that mends it."""
        if not self.products:
            return
        yield from self._about_price()
        platform = self.fields.platform
        sparse = {*_NEVER_FULL, "price", *(platform.sparse.split() if platform else ())}
        if any(column.startswith(_OFFERS) for column in self.fields.samples):
            sparse |= _ADDRESSES  # a page that says it of one product leaves it out of a list
        for name, share in self.shares.items():
            names = self.fields.columns.get(name, ())
            sampled = any(self.fields.samples.get(column) for column in names)
            seen = share > 0 or (sampled and name not in _ADDRESSES)
            # The variants of one product that stand together count once.
            full = self._unit_filled[name] >= _SPARSE * self._units
            others = list(self._alike(name)) if share < _SPARSE else []
            if others and not (share and full):
                mends = ", ".join(f"--map {name}={quote(column)}" for column in others[:3])
                yield f"{name} is filled in for {share:.0%} of the products; it may be {mends}"
            elif seen and names and share < _SPARSE and not full and name not in sparse:
                columns = " or ".join(names)
                yield (
                    f"{name} (column {columns}) is filled in for {share:.0%} of the products; if "
                    f"another column holds it: --map {name}=COLUMN"
                )
        yield from self._about_titles()
        yield from self._about_status()
        yield from self._about_currencies()
        if self._unreadable:
            yield (
                f"{self._unreadable:,} products hold characters that could not be read; say how "
                "the texts are encoded, as in --encoding cp1252"
            )

    def _about_price(self) -> Iterator[str]:
        for column in self.fields.columns.get("price", ()):
            values = self.fields.samples.get(column, ())
            if column in self.fields.price_styles or not are_grouped(values):
                continue
            if any((parse_price(value, "units").amount or 0) % 1 for value in values):
                yield (
                    f"price (column {column}) has three digits after a dot everywhere, read as "
                    "decimals; if they are thousands, write the prices without the dot"
                )
        share = self.shares["price"]
        if share >= _SPARSE:
            return
        others = ", ".join(f"--map price={quote(column)}" for column in self._like_prices())
        mend = f"if it is another column: {others or '--map price=COLUMN'}"
        if "price" not in self.fields.columns:
            yield f"no price was recognised; {mend}"
        else:
            columns = " or ".join(self.fields.columns["price"])
            yield f"price (column {columns}) is filled in for {share:.0%} of the products; {mend}"

    def _alike(self, field_name: str) -> Iterator[str]:
        """Yield columns that are called like a field and became attributes or were ignored."""
        known = _BY_NAME[field_name]
        for column, values in self.fields.samples.items():
            name = fold_name(column)
            if column in self.fields.used or column in self.fields.ignored or not values:
                continue
            sounds = any(part in name for part in known.sounds)
            if not sounds or any(part in name for part in known.unlike):
                continue
            picture = known.look == "picture"
            if any((looks_like_picture if picture else _has_letters)(value) for value in values):
                yield column

    def _like_prices(self) -> Iterator[str]:
        """Yield the columns that look like prices and were not taken as the price."""
        for column, values in self.fields.samples.items():
            if column in self.fields.used or not values or self.fields.attribute(column) is None:
                continue
            name = fold_name(column)
            if any(word in name for word in _NOT_ITS_PRICE):
                continue
            named = any(word in name for word in _PRICE_WORDS)
            alike = sum(_looks_like_price(value, named=named) for value in values)
            if alike >= _MANY_PRICES * len(values):
                yield column

    def _about_status(self) -> Iterator[str]:
        for column, words in self._words.items():
            known = ((word, count) for word, count in words.most_common(_WORDS_TOLD + 1) if word)
            listed = ", ".join(f"{count:,} {word!r}" for word, count in known)
            yield (
                f"{words.total():,} products are taken as for sale, as it is not known what column "
                f"{column} says of them ({listed}); leave out those that are not before indexing"
            )

    def _about_currencies(self) -> Iterator[str]:
        if len([currency for currency in self._currencies if currency]) > 1:
            counts = self._currencies.most_common()
            listed = ", ".join(f"{count:,} {currency or 'of none'}" for currency, count in counts)
            yield (
                f"prices are of several currencies ({listed}) and are not converted; index each "
                "currency into a shop of its own, or name the column of another price: "
                "--map price=COLUMN --map currency=COLUMN"
            )

    def _about_titles(self) -> Iterator[str]:
        if self.fields.how.get("title") == TITLE_OF_DESCRIPTION:
            (column,) = self.fields.columns["title"]
            yield (
                f"no title was recognised, so that the description (column {column}) serves as "
                "one; if another column holds it: --map title=COLUMN"
            )
        length, product_id = self._longest
        usual = _median(self._title_lengths)
        if self.products > 1 and length > _LONG_TITLE and length > _TIMES_LONGER * usual:
            yield (
                f"the title of product {product_id!r} has {length:,} characters, others have about "
                f"{usual}; a quotation mark that is never closed may have swallowed other rows, or "
                "the title is another column: --map title=COLUMN"
            )


def _has_letters(value: object) -> bool:
    return any(mark.isalpha() for text in as_texts(value) for mark in text)


_COUNTED = tuple(each.name for each in KNOWN_FIELDS)


def _looks_like_price(value: object, *, named: bool) -> bool:
    """Tell whether a value is an amount: with a currency, unless the column is `named` a price."""
    price = parse_price(value, "units")
    return price.amount is not None and (named or price.currency is not None)


def _median(lengths: Counter[int]) -> int:
    half, seen = lengths.total() / 2, 0
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= half:
            return length
    return 0

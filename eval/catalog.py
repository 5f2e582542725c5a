"""What evaluation needs to know of a shop's products: ids, titles and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from ..errors import ShopError
from ..indexer.lexical.analysis import Analysis
from ..indexer.lexical.index import TEXT_FIELDS, LexicalDocument
from ..indexer.product import Product

# "all" is every field in one: BM25 over it differs from any weighted sum over the fields.
FIELDS = (*TEXT_FIELDS, "codes", "all")


class CatalogTexts:
    """Ids, titles and, field by field, the words of every product.

    Texts and words are those of the shop's own keyword index, so that a baseline is not weaker for
    reading less or being cut worse. Codes, which keyword search looks up whole, are words here.

    Raises:
        ShopError: there is not one product.

    """

    def __init__(self, products: Iterable[Product], language: str = "english") -> None:
        self.analysis = Analysis(language)
        self.product_ids: list[str] = []
        self.titles: dict[str, str] = {}
        self.words: dict[str, list[list[str]]] = {name: [] for name in FIELDS}
        # One string for each different word: a catalog has millions of words, few of them new.
        self._vocabulary: dict[str, str] = {}
        for product in products:
            self.product_ids.append(product.product_id)
            self.titles[product.product_id] = product.title
            words = {name: self._words(text) for name, text in _texts(product).items()}
            words["all"] = [word for part in words.values() for word in part]
            for name in FIELDS:
                self.words[name].append(words[name])
        if not self.product_ids:
            raise ShopError("the shop holds no product, so there is nothing to evaluate")

    def __len__(self) -> int:
        """Count the products."""
        return len(self.product_ids)

    def title(self, product: str) -> str:
        """Return a product's title; its id where the catalog does not hold it."""
        return self.titles.get(product, product)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """List the fields that hold any word at all."""
        return tuple(name for name in FIELDS if any(self.words[name]))

    @cached_property
    def document_frequency(self) -> Counter[str]:
        """Count for each word the products that hold it."""
        return Counter(word for words in self.words["all"] for word in set(words))

    def any_title_holds(self, words: Sequence[str]) -> bool:
        """Say whether one product's title holds all of the words."""
        if not words:
            return False
        rows = [self._titles_by_word.get(word, frozenset()) for word in words]
        return bool(frozenset.intersection(*rows))

    @cached_property
    def _titles_by_word(self) -> dict[str, frozenset[int]]:
        rows: dict[str, set[int]] = {}
        for row, words in enumerate(self.words["title"]):
            for word in words:
                rows.setdefault(word, set()).add(row)
        return {word: frozenset(found) for word, found in rows.items()}

    def _words(self, text: str) -> list[str]:
        words = self.analysis.analyzer.analyze(self.analysis.prepare(text))
        return [self._vocabulary.setdefault(word, word) for word in words]


def _texts(product: Product) -> dict[str, str]:
    texts = LexicalDocument.of(0, product).texts
    return {**texts, "codes": " ".join(product.codes)}

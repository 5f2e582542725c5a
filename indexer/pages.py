"""The products of a generation that was made before generations held their products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from .product import Product

if TYPE_CHECKING:
    from .catalog import Catalog


class CatalogProducts:
    """Reads products from the catalog, opened at the first page; it may be ahead."""

    def __init__(self, open_catalog: Callable[[], Catalog]) -> None:
        self._catalog = lru_cache(maxsize=1)(open_catalog)

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those rows, None where one is not there."""
        return self._catalog().get_rows(rows)

    def items(self) -> Iterator[tuple[int, Product]]:
        """Stream rows and products, in the order of their last change."""
        for change in self._catalog().changes():
            if change.product is not None:
                yield change.row, change.product

"""A generation opened for reading; each part is opened when first used."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import ShopError
from .generation import Held, Manifest, Sound
from .ledger import Ledger
from .lexical.analysis import Analysis
from .lexical.index import LexicalIndex
from .pages import CatalogProducts
from .product_store import ProductStore
from .shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from .columns.read import Columns
    from .vectors.base import VectorIndex

_Part = TypeVar("_Part")


class Snapshot:
    """Gives the parts of one generation; they never change, and stay while this is held."""

    def __init__(self, sound: Sound | Path, catalog_url: str | None = None) -> None:
        if isinstance(sound, Path):
            sound = Sound(Held(sound), Manifest.read(sound))
        self.held = sound.held
        self.folder = self.held.folder
        self.manifest = sound.manifest
        self.warning = sound.warning
        self._catalog_url = catalog_url

    @cached_property
    def products(self) -> ProductStore | CatalogProducts:
        """Return the products as they were when the generation was made."""
        folder = self.folder / "products"
        if folder.is_dir():
            return self._whole(lambda: ProductStore(folder))
        shop = Shop(self.folder.parents[1])
        return CatalogProducts(partial(shop.open_catalog, self._catalog_url, mode="read"))

    @cached_property
    def vectors(self) -> VectorIndex:
        """Return the index of nearest neighbours."""
        from .vectors.load import load_index

        return self._whole(lambda: load_index(self.folder / "vectors"))

    @cached_property
    def lexical(self) -> LexicalIndex:
        """Return the keyword index."""
        analysis = Analysis(self.manifest.language)
        return self._whole(lambda: LexicalIndex(self.folder / "lexical", analysis))

    @cached_property
    def columns(self) -> Columns:
        """Return the columns that filters, facets and sorting read."""
        from .columns.read import Columns

        return self._whole(lambda: Columns(self.folder / "columns"))

    @cached_property
    def ledger(self) -> Ledger:
        """Return what each product's entry was made from."""
        return self._whole(lambda: Ledger.read(self.folder))

    def _whole(self, open_part: Callable[[], _Part]) -> _Part:
        """Open a part, unless its folder was swapped before that.

        Raises:
            ShopError: it is damaged, or another shop stands where this one stood.
        """
        try:
            part = open_part()
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise ShopError(
                f"{self.folder} cannot be read ({error}); see what is damaged with: "
                f"dsv3 info --check {self.folder.parents[1]}"
            ) from error
        if not self.held.in_place:
            raise ShopError(f"{self.folder} was replaced while it was being opened; try again")
        return part

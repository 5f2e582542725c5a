"""A generation opened for reading; each part is opened when first used."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import ShopError, UnreadableError
from ..files import named
from .generation import Held, Manifest, Sound
from .ledger import Ledger
from .lexical.analysis import Analysis
from .lexical.index import LexicalIndex
from .pages import CatalogProducts
from .product_store import ProductStore
from .shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from .catalog import Catalog
    from .columns.groups import Groups
    from .columns.read import Columns
    from .forward import ForwardIndex
    from .kinds import Kinds
    from .vectors.base import VectorIndex

_Part = TypeVar("_Part")


class Snapshot:
    """Gives the parts of one generation; they never change, and stay while this is held."""

    def __init__(self, sound: Sound | Path, catalog_url: str | None = None) -> None:
        if isinstance(sound, Path):
            sound = Sound(Held(sound), Manifest.read(sound))
        self.held = sound.held
        self.folder = self.held.folder
        self._place = self.held.place
        self.manifest = sound.manifest
        self.warning = sound.warning
        self._catalog_url = catalog_url

    @cached_property
    def products(self) -> ProductStore | CatalogProducts:
        """Return the products as they were when the generation was made."""
        folder = self._place / "products"
        if folder.is_dir():
            return self._whole(lambda: ProductStore(folder))
        return CatalogProducts(self._open_catalog)

    def _open_catalog(self) -> Catalog:
        catalog = Shop(self.folder.parents[1]).open_catalog(self._catalog_url, mode="read")
        if not self.held.in_place:
            catalog.close()
            raise ShopError(f"{self.folder} was replaced since it was opened; try again")
        return catalog

    @cached_property
    def vectors(self) -> VectorIndex:
        """Return the index of nearest neighbours."""
        from .vectors.load import load_index

        return self._whole(lambda: load_index(self._place / "vectors"))

    @cached_property
    def lexical(self) -> LexicalIndex:
        """Return the keyword index."""
        analysis = Analysis(self.manifest.language)
        return self._whole(lambda: LexicalIndex(self._place / "lexical", analysis))

    @cached_property
    def forward(self) -> ForwardIndex | None:
        """Return the terms by row; None in a generation of an older version."""
        from .forward import DERIVATION, ForwardIndex

        if self.manifest.forward != DERIVATION:
            return None
        return self._whole(lambda: ForwardIndex(self._place / "forward"))

    @cached_property
    def kinds(self) -> Kinds | None:
        """Return the kinds of products; None in a generation of an older version."""
        from .kinds import DERIVATION, Kinds

        if self.manifest.kinds != DERIVATION:
            return None
        analysis = Analysis(self.manifest.language)
        return self._whole(lambda: Kinds(self._place / "kinds", analysis))

    @cached_property
    def columns(self) -> Columns:
        """Return the columns that filters, facets and sorting read."""
        from .columns.read import Columns

        return self._whole(lambda: Columns(self._place / "columns"))

    @cached_property
    def groups(self) -> Groups | None:
        """Return which products are variants of one another; None where none are.

        A shop without groups does not open its columns for it.
        """
        from .columns.groups import FIELD, Groups
        from .columns.read import holds_values

        if not self._whole(lambda: holds_values(self._place / "columns", FIELD)):
            return None
        return Groups.of(self.columns)

    @cached_property
    def ledger(self) -> Ledger:
        """Return what each product's entry was made from."""
        return self._whole(lambda: Ledger.read(self._place))

    def _whole(self, open_part: Callable[[], _Part]) -> _Part:
        """Open a part of this very generation, whatever bears its name meanwhile.

        Raises:
            ShopError: it is damaged; or, where a folder can only be found by its name, another
                shop stands where this one stood.
        """
        try:
            part = open_part()
        except ShopError as error:
            raise ShopError(named(error)) from error
        except PermissionError as error:
            raise UnreadableError(named(error.filename), error.strerror) from error
        except (ValueError, OSError, KeyError, TypeError, IndexError) as error:
            raise ShopError(
                f"{self.folder} cannot be read ({named(error)}); see what is damaged with: "
                f"dsv3 info --check {self.folder.parents[1]}"
            ) from error
        if self._place == self.folder and not self.held.in_place:
            raise ShopError(f"{self.folder} was replaced while it was being opened; try again")
        return part

"""A generation opened for reading; each part is opened when first used."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .generation import Manifest
from .ledger import Ledger
from .lexical.analysis import Analysis
from .lexical.index import LexicalIndex

if TYPE_CHECKING:
    from .columns.read import Columns
    from .vectors.base import VectorIndex


class Snapshot:
    """Give the parts of one generation; they never change while it is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder)

    @cached_property
    def vectors(self) -> VectorIndex:
        """Return the index of nearest neighbours."""
        from .vectors.load import load_index

        return load_index(self.folder / "vectors")

    @cached_property
    def lexical(self) -> LexicalIndex:
        """Return the keyword index."""
        return LexicalIndex(self.folder / "lexical", Analysis(self.manifest.language))

    @cached_property
    def columns(self) -> Columns:
        """Return the columns that filters, facets and sorting read."""
        from .columns.read import Columns

        return Columns(self.folder / "columns")

    @cached_property
    def ledger(self) -> Ledger:
        """Return what each product's entry was made from."""
        return Ledger.read(self.folder)

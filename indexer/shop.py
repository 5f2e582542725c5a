"""The folder of one shop, and who may write in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ShopError
from .generation import Generations
from .settings import Settings

if TYPE_CHECKING:
    from .catalog import Catalog


class Shop:
    """Name the parts of a shop's folder.

    Raises:
        ShopError: the path is a file.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ShopError(f"{self.folder} is a file; a shop is a folder")
        self.generations = Generations(self.folder)
        self.embeddings = self.folder / "embeddings.sqlite"
        self.sqlite = self.folder / "catalog.sqlite"
        self.rejected = self.folder / "rejected.jsonl"
        self._settings = self.folder / "settings.json"

    @classmethod
    def existing(cls, folder: str | Path) -> Shop:
        """Name a shop that was indexed before.

        Raises:
            ShopError: there is none.
        """
        shop = cls(folder)
        if not shop.exists:
            raise ShopError(
                f"there is no shop at {shop.folder}; "
                f"make one with: dsv3 index catalogue.jsonl --into {shop.folder}"
            )
        return shop

    @property
    def exists(self) -> bool:
        """Tell whether a shop was ever made here."""
        return self._settings.exists()

    @property
    def settings(self) -> Settings:
        """Return how the shop is indexed and searched."""
        return Settings.read(self._settings)

    def remember(self, settings: Settings) -> None:
        """Keep settings for later runs; a password in the catalogue's URL is left out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if settings.catalog is not None:
            import sqlalchemy as sa

            url = sa.make_url(settings.catalog)._replace(password=None)
            settings = settings.with_changes({"catalog": url.render_as_string()})
        settings.write(self._settings)

    def open_catalog(self, url: str | None = None) -> Catalog:
        """Open the shop's catalogue: at `url`, else at the URL it remembers, else in SQLite.

        A PostgreSQL password that the URL lacks is taken by the driver from PGPASSWORD or
        from the user's password file.
        """
        from .catalog import Catalog

        url = url or self.settings.catalog
        return Catalog(url) if url else Catalog(self.sqlite)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the shop's lock, so that one process at a time changes it.

        Raises:
            ShopError: another process holds it.
        """
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ShopError(
                f"{self.folder} is being changed by another process; try again when it is done"
            ) from None
        try:
            yield
        finally:
            lock.release()

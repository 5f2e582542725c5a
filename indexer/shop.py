"""The folder of one shop, and who may write in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ShopError
from ..files import remove_unfinished, sync_folder
from .generation import Generations, Manifest
from .settings import Settings

if TYPE_CHECKING:
    from .catalog import Catalog, Mode


class Shop:
    """The parts of a shop's folder.

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
        """Tell whether anything was ever read into a shop here."""
        parts = (self._settings, self.generations.pointer, self.sqlite)
        return any(part.exists() for part in parts)

    @property
    def settings(self) -> Settings:
        """Return how the shop is indexed and searched."""
        return Settings.read(self._settings)

    def remember(self, settings: Settings) -> None:
        """Keep settings for later runs; a password in the catalog's URL is left out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if settings.catalog is not None:
            import sqlalchemy as sa

            url = sa.make_url(settings.catalog)._replace(password=None)
            settings = settings.with_changes({"catalog": url.render_as_string()})
        settings.write(self._settings)

    def open_catalog(
        self,
        url: str | None = None,
        *,
        mode: Mode = "write",
        adopt: bool = False,
        check: bool = True,
    ) -> Catalog:
        """Open the shop's catalog: at `url`, else at the URL it remembers, else in SQLite.

        A PostgreSQL password that the URL lacks is taken by the driver from PGPASSWORD or
        from the user's password file.

        Args:
            url: an SQLAlchemy URL.
            mode: as `Catalog` takes it. A shop that has a generation had a catalog: another
                one is only made where that is adopted.
            adopt: take the catalog as it is though it is not the one that the live
                generation was made from, or an older state of it.
            check: refuse one that does not fit the live generation.

        Raises:
            ShopError: the catalog cannot be opened, is gone, or does not fit the generation.
        """
        from .catalog import Catalog, NoCatalog

        url = url or self.settings.catalog
        published = self.generations.pointer.exists()
        if mode == "create" and published and not adopt:
            mode = "write"
        try:
            catalog = Catalog(url or self.sqlite, mode=mode)
        except NoCatalog as error:
            raise NoCatalog(f"{error}; {self._restore}") if published else error from None
        try:
            if adopt:
                self._adopt(catalog)
            elif check:
                self.check_catalog(catalog)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def catalog_place(self, url: str | None = None) -> object:
        """Return a value that changes when another file or URL becomes the shop's catalog."""
        url = url or self.settings.catalog
        if url:
            return url
        try:
            status = self.sqlite.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def check_catalog(self, catalog: Catalog) -> None:
        """See that the live generation was made from this catalog, and not from a later state.

        Raises:
            ShopError: it was not; what was derived from one would be shown for the other.
        """
        problem = self._misfit(catalog)
        if problem:
            raise ShopError(f"{problem}; {self._restore}")

    def _misfit(self, catalog: Catalog) -> str | None:
        try:
            folder = self.generations.current()
            manifest = Manifest.read(folder) if folder else None
        except ShopError:  # damaged: it says nothing, and a build says what to do
            return None
        if manifest is None:
            return None
        where = catalog.url.render_as_string(hide_password=True)
        if manifest.catalog not in (None, catalog.identity):
            return f"{where} is not the catalog that generation {manifest.number} was made from"
        if manifest.sequence > catalog.sequence:
            return (
                f"{where} is older than generation {manifest.number}: it ends at change "
                f"{catalog.sequence}, the generation has seen change {manifest.sequence}"
            )
        return None

    def _adopt(self, catalog: Catalog) -> None:
        """Give a catalog that does not fit a new identity: nothing derived before fits it."""
        if self._misfit(catalog):
            catalog.renew_identity()

    @property
    def _restore(self) -> str:
        return (
            "put the right file or URL back; or, if it is lost, go on from what there is with: "
            f"dsv3 index SOURCE --into {self.folder} --adopt-catalog"
        )

    @property
    def what_holds(self) -> str:
        """Return what a message says of a change for which the disk had no room."""
        stays = "what was served before still is; " if self.generations.pointer.exists() else ""
        return f"{stays}free some space and"

    @contextmanager
    def writing(self, wait: float | None = None) -> Iterator[None]:
        """Hold the shop's lock, so that one thread of one process at a time changes it.

        Args:
            wait: seconds to wait for other writers; None is `lock.WAIT`.

        Raises:
            ShopError: others were still writing then, or the folder cannot be written.
        """
        from . import lock

        with lock.writing(self.folder, lock.WAIT if wait is None else wait):
            remove_unfinished(self.folder)
            yield

    def make_folder(self) -> bool:
        """Make the shop's folder where it is missing; returns whether it was."""
        if self.folder.is_dir():
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        sync_folder(self.folder.absolute().parent)
        return True

    def remove_unless_filled(self, *, and_folder: bool) -> None:
        """Remove what a first run made if it stored no product before it failed.

        Needs the shop's lock, which goes as well where the folder goes.
        """
        from .catalog import Catalog, NoCatalog

        try:
            with Catalog(self.sqlite, mode="write") as catalog:
                if catalog.sequence:
                    return
        except NoCatalog:
            if self._settings.exists():  # what it read is in a database elsewhere
                return
        for database in (self.sqlite, self.embeddings):
            for suffix in ("", "-wal", "-shm", "-journal"):
                database.with_name(database.name + suffix).unlink(missing_ok=True)
        for part in (self.rejected, self._settings):
            part.unlink(missing_ok=True)
        if and_folder:
            for name in (".lock", ".queue"):
                (self.folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # somebody else has put something there
                self.folder.rmdir()

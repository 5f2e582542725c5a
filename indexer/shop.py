"""The folder of one shop, and who may write in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ShopError, UnreadableError
from ..files import NO_ROOM, Pinned, remove_unfinished, sync_folder
from .generation import Generations
from .settings import Settings

if TYPE_CHECKING:
    from .catalog import Catalog, Mode

_AGAIN = "what was stored is in the one before; run the command again"


class Shop:
    """The parts of a shop's folder.

    Args:
        folder: its name.
        pinned: the folder itself, where its name may be given to another meanwhile. SQLite finds
            files by name alone, so databases are opened by it and then compared.

    Raises:
        ShopError: the path is a file, or leads through one.
    """

    def __init__(self, folder: str | Path, pinned: Pinned | None = None) -> None:
        self.folder = Path(folder)
        self._pinned = pinned
        self._place = pinned.path if pinned else self.folder
        if pinned is None:
            _see_folder(self.folder)
        self.generations = Generations(self._place)
        self.embeddings = self.folder / "embeddings.sqlite"
        self.sqlite = self.folder / "catalog.sqlite"
        self.rejected = self._place / "rejected.jsonl"
        self.rules = self._place / "rules.toml"
        self.fetched = self._place / "fetched.json"
        self.ranker = self._place / "ranker"
        self.clicks = self._place / "clicks.json"
        self._settings = self._place / "settings.json"

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
        return self._settings.exists() or self.sqlite.exists() or self.generations.any

    @contextmanager
    def pinned(self) -> Iterator[Shop]:
        """Give the shop that bears this name now; it stays that one inside the block.

        Raises:
            ShopError: the folder is gone, or may not be read.
        """
        try:
            pinned = Pinned(self.folder)
        except OSError as error:
            raise UnreadableError(self.folder, error.strerror) from None
        try:
            yield Shop(self.folder, pinned)
        finally:
            pinned.close()

    @property
    def folder_pinned(self) -> Path:
        """Return a path to the folder that holds while it is pinned, whatever its name means."""
        return self._place

    @property
    def settings(self) -> Settings:
        """Return how the shop is indexed and searched."""
        return Settings.read(self._settings)

    def remember(self, settings: Settings) -> None:
        """Keep settings for later runs; a password in the catalog's URL is left out."""
        self._place.mkdir(parents=True, exist_ok=True)
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
        published = self.generations.any
        if mode == "create" and published and not adopt:
            mode = "write"
        try:
            catalog = Catalog(url or self.sqlite, mode=mode)
        except NoCatalog as error:
            raise NoCatalog(f"{error}; {self._restore}") if published else error from None
        try:
            self.check_unmoved(catalog)
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

    def check_unmoved(self, catalog: Catalog) -> None:
        """See that a catalog is the one of the folder that is pinned, and is still there.

        Raises:
            ShopError: the folder or the catalog's file was replaced meanwhile.
        """
        if self._pinned is None:
            return
        if not self._pinned.in_place:
            raise ShopError(self._replaced)
        file = catalog.file
        if file is not None and catalog.url.database == str(self.sqlite):
            try:
                status = (self._place / self.sqlite.name).stat()
            except OSError:
                raise ShopError(f"{self.sqlite} is gone since the run began; {_AGAIN}") from None
            if (status.st_dev, status.st_ino) != file:
                raise ShopError(f"{self.sqlite} was replaced since the run began; {_AGAIN}")

    @property
    def _replaced(self) -> str:
        return f"{self.folder} was replaced by another folder since the run began; {_AGAIN}"

    def _misfit(self, catalog: Catalog) -> str | None:
        from .catalog import MARKED

        manifest = self.generations.readable()
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
        mark = catalog.mark(manifest.sequence) if manifest.mark is not None else None
        if mark != manifest.mark and catalog.sequence - manifest.sequence < MARKED:
            return (
                f"{where} is a copy that was changed apart from the one that generation "
                f"{manifest.number} was made from"
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
        stays = "what was served before still is; " if self.generations.any else ""
        return f"{stays}free some space and"

    @contextmanager
    def writing(self, wait: float | None = None) -> Iterator[Shop]:
        """Hold the shop's lock, so that one thread of one process at a time changes it.

        Gives the shop that is locked: it stays that one though its name is given to another.

        Args:
            wait: seconds to wait for other writers; None is `lock.WAIT`.

        Raises:
            ShopError: others were still writing then, the folder cannot be written, or what
                failed did so because another one was put in its place.
        """
        from . import lock

        with lock.writing(self.folder, lock.WAIT if wait is None else wait) as pinned:
            remove_unfinished(pinned.path)
            try:
                yield Shop(self.folder, pinned)
            except Exception as error:
                if pinned.in_place or pinned.removed:  # by a first run that failed
                    raise
                raise ShopError(self._replaced) from error

    def make_folder(self) -> bool:
        """Make the shop's folder where it is missing; returns whether it was."""
        if self.folder.is_dir():
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            raise ShopError(f"{self.folder} cannot be made: {error.strerror or error}") from None
        sync_folder(self.folder.absolute().parent)
        return True

    def remove_unless_filled(self, *, and_folder: bool) -> None:
        """Remove what a run made that had no catalog if it stored no product before it failed.

        A shop that was published before keeps all but the catalog. Needs the shop's lock, which
        goes as well where the folder goes.
        """
        from .catalog import Catalog, NoCatalog

        try:
            with Catalog(self._place / self.sqlite.name, mode="write") as catalog:
                if catalog.sequence:
                    return
        except NoCatalog:
            if self._settings.exists():  # what it read is in a database elsewhere
                return
        if self.generations.any:
            self._remove_databases(self.sqlite)
            return
        self._remove_databases(self.sqlite, self.embeddings)
        for part in (self.rejected, self._settings):
            part.unlink(missing_ok=True)
        if and_folder:
            for name in (".lock", ".queue"):
                (self._place / name).unlink(missing_ok=True)
            with suppress(OSError):  # somebody else has put something there
                self.folder.rmdir()

    def _remove_databases(self, *databases: Path) -> None:
        for database in databases:
            for suffix in ("", "-wal", "-shm", "-journal"):
                (self._place / f"{database.name}{suffix}").unlink(missing_ok=True)


def _see_folder(folder: Path) -> None:
    try:
        there = next(part for part in (folder, *folder.absolute().parents) if part.exists())
        if not there.is_dir():
            raise ShopError(f"{there} is a file; a shop is a folder")
        if there == folder and not os.access(there, os.R_OK | os.X_OK):
            raise UnreadableError(there, os.strerror(errno.EACCES))
    except PermissionError as error:
        raise UnreadableError(error.filename, error.strerror) from None

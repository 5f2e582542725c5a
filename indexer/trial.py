"""A shop beside a shop: the same catalog, indexed by other settings for a while."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

from ..progress import Progress
from .index import index_shop
from .shop import Shop


@contextmanager
def trial_shop(
    folder: str | Path,
    changes: Mapping[str, Any],
    *,
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Iterator[Path]:
    """Index a shop's catalog with other settings into a folder that is removed afterwards.

    It is searched by the same rules. What is encoded goes to the shop's own cache, so that a change
    that is kept costs no second encoding. The shop itself stays as it is.

    Args:
        folder: the shop.
        changes: settings to change, by the names of `Settings`.
        catalog_url: where the catalog is, if not where the shop remembers it.
        workers: processes that encode; None takes one for each core.
        device: where texts are encoded, as `index_shop` takes it.
        progress: told of stages.

    Raises:
        Dsv3Error: there is no such shop, or it cannot be indexed so.

    """
    shop = Shop.existing(folder)
    settings = shop.settings
    shop.open_catalog(catalog_url).close()  # that it is there, and fits
    url = catalog_url or settings.catalog or f"sqlite:///{shop.sqlite.resolve()}"
    beside = shop.folder.resolve().parent
    with tempfile.TemporaryDirectory(prefix=f".{shop.folder.name}.", dir=beside) as scratch:
        trial = Shop(Path(scratch) / "trial")
        trial.remember(settings.with_changes({"catalog": url}))
        if shop.rules.is_file():
            copyfile(shop.rules, trial.rules)
        trial.embeddings.symlink_to(shop.embeddings.resolve())
        index_shop(
            trial.folder,
            changes=changes,
            catalog_url=url,
            workers=workers,
            device=device,
            progress=progress,
        )
        yield trial.folder

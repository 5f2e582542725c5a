"""Bring a shop up to its sources: read, encode, derive, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..encoder.load import load_encoder
from ..errors import InputError
from ..files import full_disk_told
from ..progress import Progress, Silent
from .build import Built, build_generation, prune_cache
from .catalog import Mode
from .ingest import Ingested, Reading, ingest
from .shop import Shop
from .sources.fields import FieldMap


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an index run did.

    Attributes:
        ingested: what came of the records; None where no source was given.
        built: the new generation; None where the live one already was up to date.
        products: products in the catalog.
        pruned: cached vectors that were dropped, as no product needs them; 0 unless asked for.
        seconds: how long it took.
    """

    ingested: Ingested | None
    built: Built | None
    products: int
    pruned: int
    seconds: float


def index_shop(
    folder: str | Path,
    reading: Reading | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    rebuild: bool = False,
    prune: bool = False,
    adopt_catalog: bool = False,
    wait: float | None = None,
    progress: Progress | None = None,
    on_recognised: Callable[[str, FieldMap], None] | None = None,
) -> Indexed:
    """Read sources into a shop and publish a generation that holds them.

    Args:
        folder: the shop's folder; created where it is missing.
        reading: sources and how to read them; None derives a generation from the catalog.
        changes: settings to change, by the names of `Settings`; remembered when all is done.
        catalog_url: where the catalog is; remembered without its password.
        workers: processes that encode; None takes one for each core.
        device: where texts are encoded: "cpu", "cuda", or "auto" for a GPU where there is one.
        rebuild: derive everything anew though nothing changed.
        prune: drop the cached vectors of other encoders and of texts that no product has any more.
        adopt_catalog: take the catalog as it is, made anew of `reading` where it is gone, though
            the live generation was made from another one or from a later state of it.
        wait: seconds to wait for other writers; None is `lock.WAIT`.
        progress: told of stages.
        on_recognised: called with each source and what its fields were recognised as.

    Raises:
        Dsv3Error: see `ingest` and `build_generation`.
    """
    begin = time.monotonic()
    progress = progress or Silent()
    shop = Shop(folder)
    if reading is None and not shop.exists:
        raise InputError(f"there is no shop at {shop.folder} yet; name a source to make one from")
    then = f"{shop.what_holds} run the same command again"
    with full_disk_told(shop.folder, then):
        made = shop.make_folder()
    with full_disk_told(shop.folder, then), shop.writing(wait) as shop:
        first = not shop.generations.any
        bare = first or not shop.sqlite.exists()
        may_make: Mode = "create" if first or reading is not None else "write"
        settings = shop.settings.with_changes({**(changes or {}), "catalog": catalog_url})
        try:
            encoder = load_encoder(settings.encoder, device=device)
            settings.check(encoder.dim)
            with shop.open_catalog(catalog_url, mode=may_make, adopt=adopt_catalog) as catalog:
                ingested = None
                if reading is not None:
                    with full_disk_told(shop.sqlite):
                        ingested = ingest(shop, catalog, reading, progress, on_recognised)
                if first:
                    shop.remember(settings)  # from here on the run can be finished without sources
                built = build_generation(
                    shop, catalog, settings, encoder, progress, workers=workers, rebuild=rebuild
                )
                products = len(catalog)
        except BaseException:
            if bare:
                shop.remove_unless_filled(and_folder=made)
            raise
        shop.remember(settings)
        if ingested is not None and ingested.met.fetched and not ingested.kept:
            from .sources.fetch import remember

            remember(shop.fetched, ingested.met.fetched)
        pruned = prune_cache(shop, encoder) if prune else 0
    return Indexed(ingested, built, products, pruned, time.monotonic() - begin)

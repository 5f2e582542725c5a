"""Look a shop over: what it holds, how large it is, whether it is in order."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import sqlalchemy as sa

from ..encoder.corpus.cache import damaged_vectors
from ..errors import ShopError, UnreadableError
from ..files import folder_bytes, named, sqlite_fault
from .catalog import Catalog
from .generation import Manifest, Sound, damaged_files
from .shop import Shop

_NAMED = 20  # damaged products that are told one by one


def inspect_shop(folder: str | Path, *, check: bool = False) -> dict[str, Any]:
    """Return what there is to know of a shop; `problems` is empty where all is well.

    `products` and `last_change` are None where the catalog cannot be read. Nothing is written.

    Args:
        folder: the shop's folder.
        check: read every file of all generations, every product of the catalog and every cached
            vector, and compare checksums; have SQLite check both databases.

    Raises:
        ShopError: there is no shop.
    """
    with Shop.existing(folder).pinned() as shop:
        return _inspect(shop, check=check)


def _inspect(shop: Shop, *, check: bool) -> dict[str, Any]:
    settings = shop.settings
    problems: list[str] = []
    products = sequence = None
    where = str(settings.catalog or shop.sqlite)
    try:
        with shop.open_catalog(mode="read", check=False) as catalog:
            products, sequence = len(catalog), catalog.sequence
            shop.check_catalog(catalog)
            if check:
                problems.extend(_damaged_products(shop, catalog))
    except ShopError as error:
        problems.append(str(error))
    except (sa.exc.DatabaseError, ValueError) as error:
        problems.append(_damaged_catalog(shop, str(getattr(error, "orig", error))))
    generation = None
    if check:
        problems.extend(_damaged_databases(shop, settings.catalog is None))
    try:
        sound = shop.generations.hold_sound()
        if sound is not None:
            if sound.warning:
                problems.append(sound.warning)
            generation = _generation(sound, sequence, problems, check=check)
        else:
            problems.append(
                "no generation yet: the first run was not finished; "
                f"run it again with: dsv3 index SOURCE --into {shop.folder}"
            )
    except ShopError as error:
        problems.append(str(error))
    if check:
        problems.extend(_damaged_beside(shop, generation))
    return {
        "shop": str(shop.folder),
        "products": products,
        "catalog": where,
        "last_change": sequence,
        "generation": generation,
        "settings": {
            "encoder": settings.encoder,
            "template": settings.template,
            "index": settings.index,
            "language": settings.language,
            "dense_weight": settings.ranking.dense_weight,
        },
        "bytes": folder_bytes(shop.folder),
        "problems": problems,
    }


def _damaged_databases(shop: Shop, in_folder: bool) -> Iterator[str]:
    """Yield what SQLite's own check finds wrong, with what mends it."""
    if in_folder and os.access(shop.sqlite, os.R_OK):
        fault = sqlite_fault(shop.sqlite)
        if fault:
            yield _damaged_catalog(shop, fault)
    if shop.embeddings.is_file() and not os.access(shop.embeddings, os.R_OK):
        yield str(UnreadableError(shop.embeddings, os.strerror(errno.EACCES)))
    elif shop.embeddings.is_file():
        fault = sqlite_fault(shop.embeddings)
        damaged = 0 if fault else damaged_vectors(shop.embeddings)
        if fault or damaged:
            yield (
                f"damaged: {shop.embeddings} "
                f"({fault or f'{damaged:,} vectors are not as they were stored'}); "
                f"mend with: dsv3 index --rebuild --into {shop.folder}"
            )


def _damaged_products(shop: Shop, catalog: Catalog) -> Iterator[str]:
    """Yield the products that are no longer what was stored, with what mends them."""
    damaged = list(catalog.damaged())
    for product_id in damaged[:_NAMED]:
        yield (
            f"damaged: product {product_id[:60]!r} is not as the catalog stored it; put a copy of "
            f"the catalog back, or mend with: dsv3 delete {shop.folder} {quote(product_id)}; "
            f"and then: dsv3 index SOURCE --into {shop.folder}"
        )
    if len(damaged) > _NAMED:
        yield f"damaged: {len(damaged) - _NAMED:,} products more; mend them in the same way"


def _damaged_beside(shop: Shop, served: dict[str, Any] | None) -> Iterator[str]:
    """Yield what is wrong with generations beside the one that is served."""
    for folder in shop.generations.all():
        if served is not None and int(folder.name) == served["number"]:
            continue
        try:
            names = damaged_files(folder, Manifest.read(folder))
        except ShopError as error:
            yield str(error)
            continue
        for name in names:
            yield (
                f"damaged: {named(folder / name)}, of a generation that is not served; "
                f"mend with: dsv3 index --rebuild --into {shop.folder}"
            )


def _damaged_catalog(shop: Shop, fault: str) -> str:
    return (
        f"damaged: {shop.sqlite} ({fault}); put a copy back; or, without one, move it away and "
        f"read the products anew with: dsv3 index SOURCE --into {shop.folder} --adopt-catalog"
    )


def _generation(
    sound: Sound, sequence: int | None, problems: list[str], *, check: bool
) -> dict[str, Any]:
    folder, manifest = sound.held.folder, sound.manifest
    place = sound.held.place
    if sequence is not None and manifest.sequence < sequence:
        problems.append(
            f"the generation is {sequence - manifest.sequence} changes behind the catalog; "
            f"catch up with: dsv3 index --into {folder.parent.parent}"
        )
    mend = f"mend with: dsv3 index --rebuild --into {folder.parent.parent}"
    damaged = damaged_files(place, manifest) if check else []
    problems.extend(f"damaged: {folder / name}; {mend}" for name in damaged)
    return {
        "number": manifest.number,
        "created": manifest.created,
        "products": manifest.products,
        "index": manifest.index,
        "encoder": dict(manifest.encoder),
        "texts_cut": manifest.texts_cut,
        "bytes": folder_bytes(place),
    }

"""Look a shop over: what it holds, how large it is, whether it is in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import ShopError
from ..files import folder_bytes, sqlite_fault
from .generation import Sound, damaged_files
from .shop import Shop


def inspect_shop(folder: str | Path, *, check: bool = False) -> dict[str, Any]:
    """Return what there is to know of a shop; `problems` is empty where all is well.

    `products` and `last_change` are None where the catalog cannot be read. Nothing is written.

    Args:
        folder: the shop's folder.
        check: read every file of the live generation and compare its checksum, and have SQLite
            check both databases.

    Raises:
        ShopError: there is no shop.
    """
    shop = Shop.existing(folder)
    settings = shop.settings
    problems: list[str] = []
    products = sequence = None
    where = str(settings.catalog or shop.sqlite)
    try:
        with shop.open_catalog(mode="read", check=False) as catalog:
            products, sequence = len(catalog), catalog.sequence
            shop.check_catalog(catalog)
    except ShopError as error:
        problems.append(str(error))
    except sa.exc.DatabaseError as error:
        problems.append(_damaged_catalog(shop, str(error.orig)))
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
    if in_folder and shop.sqlite.is_file():
        fault = sqlite_fault(shop.sqlite)
        if fault:
            yield _damaged_catalog(shop, fault)
    if shop.embeddings.is_file():
        fault = sqlite_fault(shop.embeddings)
        if fault:
            yield (
                f"damaged: {shop.embeddings} ({fault}); "
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
    if sequence is not None and manifest.sequence < sequence:
        problems.append(
            f"the generation is {sequence - manifest.sequence} changes behind the catalog; "
            f"catch up with: dsv3 index --into {folder.parent.parent}"
        )
    mend = f"mend with: dsv3 index --rebuild --into {folder.parent.parent}"
    damaged = damaged_files(folder, manifest) if check else []
    problems.extend(f"damaged: {folder / name}; {mend}" for name in damaged)
    return {
        "number": manifest.number,
        "created": manifest.created,
        "products": manifest.products,
        "index": manifest.index,
        "encoder": dict(manifest.encoder),
        "texts_cut": manifest.texts_cut,
        "bytes": folder_bytes(folder),
    }

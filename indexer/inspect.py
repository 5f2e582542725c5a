"""Look a shop over: what it holds, how large it is, whether it is in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ShopError
from ..files import folder_bytes
from .generation import Manifest, damaged_files
from .shop import Shop


def inspect_shop(folder: str | Path, *, check: bool = False) -> dict[str, Any]:
    """Return what there is to know of a shop; `problems` is empty where all is well.

    `products` and `last_change` are None where the catalog cannot be read. Nothing is written.

    Args:
        folder: the shop's folder.
        check: read every file of the live generation and compare its checksum.

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
    generation = None
    try:
        current = shop.generations.current()
        if current is not None:
            generation = _generation(current, sequence, problems, check=check)
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


def _generation(
    folder: Path, sequence: int | None, problems: list[str], *, check: bool
) -> dict[str, Any]:
    manifest = Manifest.read(folder)
    if sequence is not None and manifest.sequence < sequence:
        problems.append(
            f"the generation is {sequence - manifest.sequence} changes behind the catalog; "
            f"catch up with: dsv3 index --into {folder.parent.parent}"
        )
    missing = [name for name in manifest.files if not (folder / name).is_file()]
    damaged = damaged_files(folder, manifest) if check else missing
    if damaged:
        problems.append(
            f"damaged files: {', '.join(damaged)}; "
            f"mend with: dsv3 index --rebuild --into {folder.parent.parent}"
        )
    return {
        "number": manifest.number,
        "created": manifest.created,
        "products": manifest.products,
        "index": manifest.index,
        "encoder": dict(manifest.encoder),
        "texts_cut": manifest.texts_cut,
        "bytes": folder_bytes(folder),
    }

"""`dsv3 eval fetch`: public collections to judge a search on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from ..eval.fetch import Collection


def fetch(
    name: Annotated[str | None, typer.Argument(help="The collection, as --list names it.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List the collections, fetch none.")] = False,
    mirror: Annotated[
        str | None,
        typer.Option(help="Fetch MIRROR/NAME/FILE instead of the publisher's own address."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Fetch a public collection of judgments and its products into the cache folder."""
    from ..eval.fetch import COLLECTIONS, fetch_collection, find_collection

    if show:
        _show([find_collection(name)] if name else list(COLLECTIONS.values()), mirror, json=json)
        return
    if name is None:
        raise InputError(f"name a collection: {', '.join(COLLECTIONS)}; --list tells of them")
    collection = find_collection(name)
    if not json:
        _show([collection], mirror, json=False)
    found = fetch_collection(
        collection, mirror=mirror, tell=lambda line: None if json else echo(line)
    )
    if json:
        import orjson

        values = {"folder": str(found.folder), "sha256": found.digests, "next": found.lines()}
        echo(orjson.dumps(values).decode())
        return
    for file, digest in found.digests.items():
        echo(f"{file}: sha256 {digest}")
    echo(f"{found.folder}: go on with")
    for line in found.lines():
        echo(f"  {line}")


def _show(collections: list[Collection], mirror: str | None, *, json: bool) -> None:
    """Print what each collection is, its licence and where it comes from."""
    from ..eval.fetch import addresses
    from ..indexer.sources.fetch import shown_address

    if json:
        import orjson

        values = {
            collection.name: {
                "about": collection.about,
                "licence": collection.licence,
                "layout": collection.layout,
                "addresses": [*map(shown_address, addresses(collection, mirror).values())],
            }
            for collection in collections
        }
        echo(orjson.dumps(values).decode())
        return
    for collection in collections:
        echo(f"{collection.name}: {collection.about}")
        echo(f"  licence: {collection.licence}")
        for file in collection.files:
            address = shown_address(addresses(collection, mirror)[file.name])
            echo(f"  {address}" + (f" ({file.digest})" if file.digest else ""))

"""`dsv3 info` and `dsv3 delete`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import echo


def info(
    shop: Annotated[Path, typer.Argument(help="The shop's folder.")] = Path("shop.dsv3"),
    check: Annotated[
        bool, typer.Option("--check", help="Read every file, and check both databases.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Show what a shop holds, and whether it is in order."""
    from ..indexer.inspect import inspect_shop

    found = inspect_shop(shop, check=check)
    if json:
        import orjson

        echo(orjson.dumps(found).decode())
    else:
        from .console import console
        from .render import show_info

        show_info(console(), found)
    if found["problems"]:
        raise typer.Exit(1)


def delete(
    shop: Annotated[Path, typer.Argument(help="The shop's folder.")],
    product_ids: Annotated[list[str], typer.Argument(help="Ids of the products to delete.")],
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for others that change the shop.")
    ] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Delete products from a shop."""
    from ..retriever.retriever import ECommRetriever

    with ECommRetriever.open(shop, wait=wait) as retriever:
        deleted = retriever.delete(product_ids)
    missing = len(set(product_ids)) - deleted
    if json:
        import orjson

        echo(orjson.dumps({"deleted": deleted, "missing": missing}).decode())
        return
    what = "product" if deleted == 1 else "products"
    echo(f"deleted {deleted} {what}" + (f"; {missing} not there" if missing else ""))

"""`dsv3 serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import echo


def serve(
    shop: Annotated[Path, typer.Option("--in", help="The shop's folder.")] = Path("shop.dsv3"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Searches at once; one for each core if not given.")
    ] = None,
) -> None:
    """Serve a shop over HTTP: /search, /health, /metrics."""
    from ..retriever.serving import serve as run
    from .console import tell_of_lost_catalog

    tell_of_lost_catalog(shop)
    echo(f"http://{host}:{port}/search?q=…  (Ctrl-C to stop)", err=True)
    run(shop, host, port, workers=workers)

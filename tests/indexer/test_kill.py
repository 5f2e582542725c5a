"""Kill a real indexing process at many points; nothing may be lost, nothing encoded twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

# The child calls this at each point it reaches, and dies at the one it was told to die at.
CHILD = """
import os, signal, sys
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.hashing import HashingEncoder
from dsv3.indexer import build, generation, index
from dsv3.indexer.catalog import Catalog
from dsv3.indexer.ingest import Reading

shop, source, point, nth = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
reached = 0

def die_after(owner, name):
    original = getattr(owner, name)
    def wrapped(*args, **kwargs):
        global reached
        result = original(*args, **kwargs)
        reached += 1
        if reached == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, wrapped)

if point == "encoded":
    encode = HashingEncoder.encode_documents
    def counted(self, texts):
        with open(shop + ".encoded", "a") as log:
            log.write("".join(text + chr(10) for text in texts))
        return encode(self, texts)
    HashingEncoder.encode_documents = counted

owner, name = {
    "catalog": (Catalog, "_upsert_batch"),
    "encoded": (EmbeddingCache, "put_many"),
    "vectors": (build._Build, "_vectors"),
    "lexical": (build._Build, "_lexical"),
    "columns": (build._Build, "_columns"),
    "manifest": (generation.Manifest, "write"),
    "durable": (generation, "sync_tree"),
    "pointer": (generation, "write_whole"),
    "never": (os, "getcwd"),
}[point]
die_after(owner, name)
index.index_shop(shop, Reading([source]), changes={"encoder": "hashing:32"}, workers=1)
"""

POINTS = [
    ("catalog", 1),
    ("catalog", 2),
    ("encoded", 1),
    ("encoded", 2),
    ("vectors", 1),
    ("lexical", 1),
    ("columns", 1),
    ("manifest", 1),
    ("durable", 1),
    ("pointer", 1),
    ("pointer", 2),
]


def run(shop: Path, source: Path, point: str, nth: int) -> int:
    child = [sys.executable, "-c", CHILD, str(shop), str(source), point, str(nth)]
    return subprocess.run(child, check=False, capture_output=True, timeout=120).returncode


def write(path: Path, version: str, count: int = 2500) -> None:
    path.write_text(
        "\n".join(
            json.dumps({"id": f"p{n}", "title": f"Item {n} of edition {version}", "price": n})
            for n in range(count)
        )
    )


def editions(shop: Path) -> set[str]:
    """Return the editions that are served, by keyword search over the live generation."""
    with ECommRetriever.open(shop) as retriever:
        assert len(retriever.snapshot().vectors) == retriever.snapshot().manifest.products
        return {
            version
            for version in ("one", "two")
            if retriever.retrieve(version, mode="lexical").total == 2500
        }


@pytest.mark.slow
@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_a_killed_run_loses_nothing(tmp_path: Path, point: str, nth: int) -> None:
    shop, source = tmp_path / "shop.dsv3", tmp_path / "products.jsonl"
    write(source, "one")
    changes = {"encoder": "hashing:32"}
    index_shop(shop, Reading([str(source)]), changes=changes, workers=1)
    write(source, "two")
    assert run(shop, source, point, nth) == -signal.SIGKILL
    published = (point, nth) == ("pointer", 2)  # the first write_whole is the manifest's
    # Before the pointer is replaced the old generation is served whole. Its titles come from
    # the catalog, its keywords and vectors from the files.
    assert editions(shop) == ({"two"} if published else {"one"})
    done = index_shop(shop, Reading([str(source)]), changes=changes, workers=1)
    assert done.products == 2500
    assert editions(shop) == {"two"}
    with sqlite3.connect(shop / "catalog.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.slow
def test_a_killed_run_encodes_no_text_twice(tmp_path: Path) -> None:
    shop, source = tmp_path / "shop.dsv3", tmp_path / "products.jsonl"
    write(source, "one")
    kills = 0
    while run(shop, source, "encoded", 1) == -signal.SIGKILL:
        kills += 1
        assert kills < 100
    encoded = Path(f"{shop}.encoded").read_text().splitlines()
    assert kills >= 2
    assert len(encoded) == len(set(encoded)) == 2500
    assert editions(shop) == {"one"}


@pytest.mark.slow
def test_a_signal_at_any_moment_leaves_a_whole_shop(tmp_path: Path) -> None:
    shop, source = tmp_path / "shop.dsv3", tmp_path / "products.jsonl"
    write(source, "one")
    index_shop(shop, Reading([str(source)]), changes={"encoder": "hashing:32"}, workers=1)
    write(source, "two")
    for wait in (0.9, 1.1, 1.3, 1.5, 1.8, 2.2):
        child = [sys.executable, "-c", CHILD, str(shop), str(source), "never", "0"]
        with subprocess.Popen(child, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
        assert editions(shop) in ({"one"}, {"two"})
    index_shop(shop, Reading([str(source)]), workers=1)
    assert editions(shop) == {"two"}

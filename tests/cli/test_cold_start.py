"""What a command line process loads: a search on a compiled encoder needs no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

SAMPLE = Path(__file__).parents[2] / "sample_data" / "catalogue.jsonl"
HEAVY = (
    "torch", "transformers", "sentence_transformers", "scipy", "sqlalchemy", "pandas",
    "onnxruntime", "huggingface_hub", "selectolax", "ijson",
)  # fmt: skip
_RUN = f"""
import sys
from dsv3.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop of forty products under the default encoder."""
    folder = tmp_path_factory.mktemp("cold")
    products = folder / "products.jsonl"
    products.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:40]))
    index_shop(folder / "shop.dsv3", Reading([str(products)]), workers=1)
    return folder / "shop.dsv3"


def _run(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_search_loads_neither_torch_nor_what_indexing_needs(shop: Path) -> None:
    *shown, loaded = _run("search", "wireless mouse", "--in", str(shop), "-k", "3")
    assert loaded == "[]"
    assert any("products" in line for line in shown)


def test_a_filtered_search_with_facets_does_not_either(shop: Path) -> None:
    *_, loaded = _run(
        "search", "mouse", "--in", str(shop), "--where", "price < 500", "--facet", "brand", "--json"
    )
    assert loaded == "[]"

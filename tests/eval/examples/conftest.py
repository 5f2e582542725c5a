"""The sample shop, and its products as lessons see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.eval.examples.pool import Pool, read_pool
from dsv3.eval.examples.types import ProductTypes
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

CATALOGUE = Path(__file__).parents[3] / "sample_data" / "catalogue.jsonl"


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lessons") / "shop.dsv3"
    index_shop(made, Reading([str(CATALOGUE)]), changes={"encoder": "hashing"}, workers=1)
    return made


@pytest.fixture(scope="session")
def shop(shop_folder: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(shop_folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def pool(shop: ECommRetriever, shop_folder: Path) -> Pool:
    with EmbeddingCache(shop_folder / "embeddings.sqlite") as cache:
        return read_pool(shop, cache)


@pytest.fixture(scope="session")
def types(pool: Pool) -> ProductTypes:
    return ProductTypes(pool)

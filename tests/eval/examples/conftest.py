"""The sample shop, and its products as training examples see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.eval.examples.pool import Pool, read_pool
from dsv3.eval.examples.types import ProductTypes


@pytest.fixture(scope="session")
def shop(sample_shop: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(sample_shop) as opened:
        yield opened


@pytest.fixture(scope="session")
def pool(shop: ECommRetriever, sample_shop: Path) -> Pool:
    with EmbeddingCache(sample_shop / "embeddings.sqlite") as cache:
        return read_pool(shop, cache)


@pytest.fixture(scope="session")
def types(pool: Pool) -> ProductTypes:
    return ProductTypes(pool)

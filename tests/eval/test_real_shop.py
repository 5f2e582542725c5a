"""Baselines on the real catalog, where their figures are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.evaluation import evaluate
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.measures import Judged, condensed, nDCG
from dsv3.eval.systems.base import RandomSystem
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25System
from dsv3.eval.systems.tuning import tune_bm25
from dsv3.indexer.catalog import Catalog
from dsv3.indexer.ingest import Reading, ingest
from dsv3.indexer.shop import Shop
from dsv3.progress import Silent


@pytest.mark.real_data
@pytest.mark.slow
def test_baselines_on_the_real_catalog(icecat: Path, tmp_path: Path) -> None:
    qrels = load_qrels(icecat / "judgments-dev.csv")
    assert (len(qrels), qrels.pairs, len(qrels.without_relevant())) == (68, 1708, 11)
    shop = Shop(tmp_path / "shop.dsv3")
    reading = Reading([str(icecat / "products.jsonl.gz")], price_unit="cents")
    with shop.writing(), shop.open_catalog(None) as catalog:
        assert isinstance(catalog, Catalog)
        ingest(shop, catalog, reading, Silent(), None)
        texts = CatalogTexts(catalog.products())
    assert len(texts) == 19406
    fields = Bm25Fields(texts)
    systems = (
        RandomSystem(texts.product_ids),
        Bm25System(fields),
        tune_bm25(fields, qrels),
    )
    runs = [system.rank(qrels.queries, 100) for system in systems]
    measures = (nDCG @ 10, condensed(nDCG @ 10), Judged @ 10)
    found = evaluate(qrels, runs, measures=measures, catalog=texts)
    assert found.mean(nDCG @ 10, "random") < 0.01
    assert 0.55 < found.mean(nDCG @ 10, "bm25") < 0.65
    assert 0.60 < found.mean(nDCG @ 10, "bm25 tuned") < 0.66
    assert found.mean(Judged @ 10) > 0.75
    assert found.mean(condensed(nDCG @ 10)) > found.mean(nDCG @ 10)

"""A cross-encoder over the first products: its order, its budget, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from dsv3 import ECommRetriever
from dsv3.encoder import installed
from dsv3.errors import EncoderError, MissingExtra
from dsv3.indexer.settings import Ranking
from dsv3.indexer.template import Template
from dsv3.retriever import cross_encoder as module
from dsv3.retriever.cross_encoder import CrossEncoder
from dsv3.retriever.ranker import DEFAULT, default_ranker, write_ranker
from dsv3.retriever.results import Results
from transformers import BertConfig, BertForSequenceClassification

TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"
QUERY = "wireless mouse"


def make(folder: Path, labels: int = 1) -> Path:
    """Write a tiny BERT with random weights and a head that scores."""
    folder.mkdir()
    for file in TINY.glob("tokenizer*.json"):
        shutil.copy(file, folder)
    torch.manual_seed(3)
    config = BertConfig(  # type: ignore[call-arg]
        vocab_size=162,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=0.2,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("models") / "cross")


class Clock:
    """Stands still but for what a model takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def ids(found: Results) -> list[str]:
    return [hit.product_id for hit in found]


def told(shop: ECommRetriever, ranking: Ranking, k: int = 40) -> Results:
    return shop.retrieve(QUERY, k, expand=True, explain=True, ranking=ranking)


def test_the_first_products_stand_in_the_models_order(sample_shop: Path, model: Path) -> None:
    from sentence_transformers import CrossEncoder as Oracle

    with ECommRetriever.open(sample_shop) as shop:
        plain = shop.retrieve(QUERY, 40, expand=True)
        ranking = replace(
            shop.settings.ranking,
            cross_encoder=str(model),
            cross_encoder_top=12,
            cross_encoder_ms=600_000,
        )
        found = told(shop, ranking)
        text = Template(shop.settings.template).fill
        oracle = Oracle(str(model), device="cpu", local_files_only=True)
        pairs = [(QUERY, text(hit.product)) for hit in plain.hits[:12]]
        expected = oracle.predict(pairs, show_progress_bar=False)
    by_id = dict(zip(ids(plain)[:12], expected.tolist(), strict=True))
    in_order = [by_id[product_id] for product_id in ids(found)[:12]]
    assert np.all(np.diff(in_order) <= 1e-5)  # ties may swap, as batches are padded otherwise
    assert ids(found)[:12] != ids(plain)[:12]
    assert ids(found)[12:] == ids(plain)[12:]
    assert [hit.score for hit in found] == [hit.score for hit in plain]
    given = [hit.explanation.cross_encoder for hit in found if hit.explanation]
    assert given[:12] == pytest.approx(in_order, abs=1e-5)
    assert set(given[12:]) == {None}
    assert "12 of the first 12 products scored" in found.plan["cross-encoder"]


def test_what_there_is_no_time_for_keeps_its_order_behind(
    sample_shop: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ECommRetriever.open(sample_shop) as shop:
        ranking = replace(shop.settings.ranking, cross_encoder=str(model), cross_encoder_ms=70)
        clock, batches = Clock(), list[int]()

        def predict(pairs: Sequence[tuple[str, str]], **_: Any) -> list[float]:
            batches.append(len(pairs))
            clock.now += 0.030
            return [float(len(batches)) + place for place in range(len(pairs))]

        plain = shop.retrieve(QUERY, 40, expand=True)
        cross_encoder = CrossEncoder(str(model), shop.settings.template)
        monkeypatch.setattr(cross_encoder._model, "predict", predict)
        monkeypatch.setattr(shop, "_cross_encoder", cross_encoder)
        monkeypatch.setattr(module, "time", clock)
        found = told(shop, ranking)
        assert batches == [4, 4]  # a third would end after 90 ms
        assert set(ids(found)[:8]) == set(ids(plain)[:8])
        assert ids(found)[:8] != ids(plain)[:8]
        assert ids(found)[8:] == ids(plain)[8:]
        assert ": 8 of the first " in found.plan["cross-encoder"]
        page = shop.retrieve(QUERY, 5, offset=5, expand=True, ranking=ranking)
        assert ids(page) == ids(found)[5:10]
        assert batches == [4, 4]  # what was scored once is kept, so that pages agree
        hurried = told(shop, replace(ranking, cross_encoder_ms=1))
        assert ": 4 of the first " in hurried.plan["cross-encoder"]


def test_contributions_follow_their_products(
    sample_shop: Path, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shop.dsv3"
    shutil.copytree(sample_shop, folder)
    with ECommRetriever.open(folder) as shop:
        encoder = shop.snapshot().manifest.encoder["name"]
    about = replace(default_ranker().about, encoder=encoder)
    write_ranker(folder / "ranker", about, (DEFAULT / "trees.txt").read_text())
    with ECommRetriever.open(folder) as shop:
        plain = told(shop, shop.settings.ranking)
        ranking = replace(shop.settings.ranking, cross_encoder=str(model), cross_encoder_ms=600_000)
        found = told(shop, ranking)
    before = {hit.product_id: hit.explanation.features for hit in plain if hit.explanation}
    assert ids(found) != ids(plain)
    assert any(before.values())
    assert {h.product_id: h.explanation.features for h in found if h.explanation} == before
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)


def test_what_is_ordered_otherwise_needs_no_model(sample_shop: Path) -> None:
    with ECommRetriever.open(sample_shop) as shop:
        ranking = replace(shop.settings.ranking, cross_encoder="./no-such-folder")
        for options in ({"mode": "lexical"}, {"mode": "dense"}, {"sort": "price"}):
            assert shop.retrieve(QUERY, ranking=ranking, **options)  # type: ignore[arg-type]
        assert shop.retrieve("", ranking=ranking)
        assert shop.retrieve(QUERY, ranking=replace(ranking, without=("cross-encoder",)))
        with pytest.raises(EncoderError, match="no such folder"):
            shop.retrieve(QUERY, ranking=ranking)


def test_a_typed_code_stays_first(sample_shop: Path, model: Path) -> None:
    with ECommRetriever.open(sample_shop) as shop:
        wanted = shop.retrieve(QUERY, 8)[7].product_id
        ranking = replace(shop.settings.ranking, cross_encoder=str(model))
        assert shop.retrieve(wanted, ranking=ranking)[0].product_id == wanted


def test_from_the_command_line(
    sample_shop: Path, model: Path, dsv3: Callable[..., CompletedProcess[str]]
) -> None:
    asked = ("search", QUERY, "--in", sample_shop, "--cross-encoder", model, "--explain")
    done = dsv3(*asked)
    assert done.returncode == 0, done.stderr
    assert "cross-encoder 0." in done.stdout
    assert "products scored" in done.stdout
    lines = dsv3(*asked, "--json").stdout.splitlines()
    assert json.loads(lines[0])["explanation"]["cross_encoder"] is not None
    refused = dsv3("search", QUERY, "--in", sample_shop, "--cross-encoder", "./none")
    assert (refused.returncode, refused.stderr) == (1, "dsv3: ./none: no such folder\n")


def test_what_gives_no_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="trained to give vectors or words"):
        CrossEncoder(str(TINY), "{title}")
    with pytest.raises(EncoderError, match="this one gives 3"):
        CrossEncoder(str(make(tmp_path / "three", labels=3)), "{title}")
    broken = make(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"none")
    with pytest.raises(EncoderError, match="not a cross-encoder"):
        CrossEncoder(str(broken), "{title}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match="not a cross-encoder"):
        CrossEncoder(str(tmp_path / "empty"), "{title}")


def test_a_light_installation_says_what_to_install(
    sample_shop: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'dsv3\[models\]'"):
        CrossEncoder(str(model), "{title}")

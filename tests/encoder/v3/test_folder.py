from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dsv3.encoder.load import load_encoder
from dsv3.encoder.v3 import V3Model, is_v3_folder
from dsv3.encoder.v3.gate_load import measure_load
from dsv3.errors import InputError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)

QUERIES = ["wireless mouse", "warm coat for women", "usb hub", "hiking boots"]
DOCUMENTS = ["silent wireless mouse with usb charger", "wool coat, red", "hub 4 usb", "boots 42"]


@pytest.fixture
def model(tiny: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny), device="cpu")


def test_the_tiny_model_is_small(tiny: Path) -> None:
    assert is_v3_folder(tiny)
    assert sum(path.stat().st_size for path in tiny.rglob("*") if path.is_file()) < 400_000


def test_other_folders_are_not_v3(tmp_path: Path) -> None:
    assert not is_v3_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert not is_v3_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    assert not is_v3_folder(tmp_path)


def test_plain_sentence_transformers_reaches_both_gates(model: SentenceTransformer) -> None:
    v3 = model[0].model
    assert isinstance(v3, V3Model)
    batch = model.preprocess(QUERIES)
    for task, encode in (("query", model.encode_query), ("document", model.encode_document)):
        with torch.no_grad():
            mask = batch["attention_mask"].unsqueeze(-1)
            state = v3(batch["input_ids"], batch["attention_mask"], task=task)[0]
            mean = (state * mask).sum(1) / mask.sum(1)
        wanted = torch.nn.functional.normalize(mean, dim=1).numpy()
        np.testing.assert_allclose(encode(QUERIES), wanted, atol=1e-5)
    assert np.abs(model.encode_query(QUERIES) - model.encode_document(QUERIES)).max() > 0.01
    np.testing.assert_array_equal(model.encode(QUERIES), model.encode_document(QUERIES))


def test_saving_again_keeps_gates_and_vectors(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save_pretrained(str(tmp_path / "again"), create_model_card=False)
    again = SentenceTransformer(str(tmp_path / "again"), device="cpu")
    np.testing.assert_array_equal(again.encode_query(QUERIES), model.encode_query(QUERIES))
    np.testing.assert_array_equal(again.encode_document(QUERIES), model.encode_document(QUERIES))


@pytest.mark.slow
def test_our_own_adapter_loads_it_without_further_imports(tiny: Path) -> None:
    code = (
        "import sys; from dsv3.encoder.load import load_encoder\n"
        "assert 'torch' not in sys.modules\n"
        f"encoder = load_encoder({str(tiny)!r}, runtime='torch')\n"
        "q, d = encoder.encode_queries(['usb hub']), encoder.encode_documents(['usb hub'])\n"
        "assert abs(q - d).max() > 0.01 and encoder.dim == 32\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_our_own_adapter_gives_the_same_vectors(tiny: Path, model: SentenceTransformer) -> None:
    encoder = load_encoder(str(tiny), runtime="torch")
    np.testing.assert_allclose(
        encoder.encode_queries(QUERIES), model.encode_query(QUERIES), atol=1e-6
    )
    np.testing.assert_allclose(
        encoder.encode_documents(QUERIES), model.encode_document(QUERIES), atol=1e-6
    )


@pytest.mark.parametrize("loss", [MultipleNegativesRankingLoss, CachedMultipleNegativesRankingLoss])
def test_any_loss_trains_both_gates(
    model: SentenceTransformer,
    loss: type[MultipleNegativesRankingLoss] | type[CachedMultipleNegativesRankingLoss],
) -> None:
    model.train()
    columns = []
    for texts, task in ((QUERIES, "query"), (DOCUMENTS, "document")):
        columns.append({**model.preprocess(texts), "task": task})
    loss(model)(columns, None).backward()
    v3: Any = model[0].model
    gates = v3.layers[0].mixture.gates
    assert gates.query.weight.grad.abs().max() > 0
    assert gates.document.weight.grad.abs().max() > 0
    assert gates.load[0].sum() > 0
    assert gates.load[1].sum() > 0


def test_load_is_measured_through_both_gates(model: SentenceTransformer) -> None:
    loads = measure_load(model, QUERIES)
    assert [(load["layer"], load["task"]) for load in loads] == [
        (0, "query"),
        (0, "document"),
        (2, "query"),
        (2, "document"),
    ]
    assert loads[0]["shares"] != loads[1]["shares"]
    with pytest.raises(InputError, match="no texts"):
        measure_load(model, [])

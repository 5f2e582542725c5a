"""A tiny V3, a tiny BERT, and texts of words that both know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from dsv3.encoder.compression.models import open_model
from dsv3.encoder.compression.samples import Samples, make_samples
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

TINY = Path(__file__).parents[1] / "v3" / "tiny"


@pytest.fixture(scope="session")
def tiny() -> Path:
    return TINY


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a BERT of four layers with the tokenizer, pooling and words of the tiny V3."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    shutil.copytree(TINY, folder)
    for name in ("modules.json", "config_sentence_transformers.json", "model.safetensors"):
        (folder / name).unlink()
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=162,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    first = Transformer(str(folder), max_seq_length=64)
    pooling = Pooling(first.get_embedding_dimension())
    model = SentenceTransformer(modules=[first, pooling, Normalize()], device="cpu")
    shutil.rmtree(folder)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.fixture(params=["bert", "tiny"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def model(folder: Path) -> SentenceTransformer:
    return open_model(folder)


@pytest.fixture
def v3(tiny: Path) -> SentenceTransformer:
    return open_model(tiny)


@pytest.fixture(scope="session")
def documents(texts: list[str]) -> list[str]:
    return texts[:160]


@pytest.fixture
def samples(documents: list[str]) -> Samples:
    return make_samples(documents, seed=1)

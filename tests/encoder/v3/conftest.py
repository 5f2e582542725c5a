"""Small V3 models for the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dsv3.encoder.v3 import V3Config, V3Model

TINY = Path(__file__).parent / "tiny"


@pytest.fixture(scope="session")
def tiny() -> Path:
    """Return the folder of the tiny V3 model."""
    return TINY


@pytest.fixture
def config() -> V3Config:
    """Return a small shape with experts in two of three layers and no dropout."""
    return V3Config(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=24,
        moe_layers=[0, 2],
        moe_intermediate_size=12,
        shared_intermediate_size=20,
        position_table_size=32,
        max_position_embeddings=256,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.5,
    )


@pytest.fixture
def model(config: V3Config) -> V3Model:
    """Return a random model of that shape, in evaluation mode."""
    torch.manual_seed(3)
    made = V3Model(config)
    made.train(False)
    return made

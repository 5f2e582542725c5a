from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from dsv3.encoder.default import default_folder
from dsv3.encoder.upcycling.channels import divide
from dsv3.encoder.upcycling.gate_start import calibrate_biases
from dsv3.encoder.upcycling.upcycle import least_cosine, upcycle, upcycle_base
from dsv3.encoder.v3 import V3Model
from dsv3.encoder.v3.gate_load import counting_load, expert_load
from dsv3.encoder.v3.gates import TASKS
from dsv3.errors import EncoderError, InputError
from sentence_transformers import SentenceTransformer
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    RobertaConfig,
    RobertaModel,
)

SHAPE: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "initializer_range": 0.4,
}
WIDTHS = [
    pytest.param(24, 33, id="as the preset: an overlap of 9"),
    pytest.param(16, 32, id="just wide enough"),
    pytest.param(48, 48, id="all in both"),
    pytest.param(24, 64, id="shared wider than dense"),
    pytest.param(48, 0, id="nothing shared"),
    pytest.param(60, 0, id="experts wider than dense"),
]


def _randomise(model: torch.nn.Module) -> None:
    """Give biases and norms values too, or a lost one would not be noticed."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)


@pytest.fixture
def bert() -> BertModel:
    torch.manual_seed(5)
    model = BertModel(BertConfig(**SHAPE), add_pooling_layer=False)
    _randomise(model)
    model.eval()
    return model


@torch.no_grad()
def _same(base: Any, v3: V3Model, first_id: int = 1) -> None:
    for length in (1, 2, 7, 38):
        ids = torch.randint(first_id, 60, (3, length))
        mask = torch.ones_like(ids)
        mask[1, (length + 1) // 2 :] = 0
        ids = ids.masked_fill(mask == 0, base.config.pad_token_id)
        wanted = base(ids, mask).last_hidden_state[mask.bool()]
        for task in TASKS:
            found = v3(ids, mask, task=task).last_hidden_state[mask.bool()]
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("expert", "shared"), WIDTHS)
def test_an_upcycled_bert_gives_the_same_states(bert: BertModel, expert: int, shared: int) -> None:
    v3 = upcycle(
        bert, moe_layers=[0, 2], moe_intermediate_size=expert, shared_intermediate_size=shared
    )
    assert v3.config.sparse_layers == [0, 2]
    _same(bert, v3)


def test_an_upcycled_roberta_gives_the_same_states() -> None:
    torch.manual_seed(5)
    roberta = RobertaModel(
        RobertaConfig(**{**SHAPE, "max_position_embeddings": 42}), add_pooling_layer=False
    )
    _randomise(roberta)
    roberta.eval()
    v3 = upcycle(roberta, moe_intermediate_size=24, shared_intermediate_size=33)
    assert v3.config.position_table_size == 40
    assert v3.config.sparse_layers == [1]
    _same(roberta, v3, first_id=2)


def test_noise_is_added_only_when_asked(bert: BertModel) -> None:
    widths = {"moe_intermediate_size": 24, "shared_intermediate_size": 33}
    plain, noisy = upcycle(bert, **widths), upcycle(bert, noise=0.05, **widths)
    _same(bert, plain)
    with pytest.raises(AssertionError):
        _same(bert, noisy)
    experts: Any = noisy.layers[1].mixture
    assert not torch.equal(experts.experts.up_proj[0], experts.experts.up_proj[1])


def test_experts_part_ways_when_trained(bert: BertModel) -> None:
    torch.manual_seed(0)
    v3 = upcycle(bert, moe_intermediate_size=24, shared_intermediate_size=33)
    mixture: Any = v3.layers[1].mixture
    assert torch.equal(mixture.experts.up_proj[0], mixture.experts.up_proj[7])
    optimiser = torch.optim.SGD(v3.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        v3(torch.randint(1, 60, (8, 20)), task="query")[0][:, 0, 0].square().mean().backward()
        optimiser.step()
    assert not torch.equal(mixture.experts.up_proj[0], mixture.experts.up_proj[7])
    assert mixture.gates.query.weight.grad.abs().max() > 0


def test_the_same_seed_gives_the_same_model(bert: BertModel) -> None:
    widths = {"moe_intermediate_size": 24, "shared_intermediate_size": 40, "noise": 0.1}
    one, same = (upcycle(bert, seed=3, **widths).state_dict() for _ in range(2))
    other = upcycle(bert, seed=4, **widths).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_calibration_evens_the_load_and_keeps_the_states(bert: BertModel) -> None:
    torch.manual_seed(0)
    v3 = upcycle(bert, moe_intermediate_size=24, shared_intermediate_size=33)
    ids = torch.randint(1, 60, (30, 20))

    def largest() -> float:
        with counting_load(v3), torch.no_grad():
            v3(ids, task="query")
            v3(ids, task="document")
        return max(max(load.shares) for load in expert_load(v3, reset=True))

    before = largest()
    calibrate_biases(v3, lambda: v3(ids))
    assert largest() < min(before, 0.14)
    _same(bert, v3)


def test_every_channel_is_counted_once() -> None:
    for channels, shared, routed in [(48, 33, 24), (48, 24, 24), (48, 64, 12), (48, 0, 48)]:
        division = divide(channels, shared, routed)
        total = torch.zeros(channels)
        total[division.shared] += division.factor[division.shared]
        total[division.routed] += division.factor[division.routed]
        assert torch.equal(total, torch.ones(channels))


def test_a_mixture_too_narrow_for_the_base_is_refused(bert: BertModel) -> None:
    with pytest.raises(InputError, match=r"cannot hold the base's\s+48 channels"):
        upcycle(bert, moe_intermediate_size=20, shared_intermediate_size=20)


def test_a_model_of_another_family_is_refused() -> None:
    other = DistilBertModel(DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=2))
    with pytest.raises(EncoderError, match=r"'distilbert' cannot be upcycled.*bert, roberta"):
        upcycle(other)


@pytest.mark.slow
def test_the_default_base_keeps_its_vectors_at_every_length(tmp_path: Path) -> None:
    done = upcycle_base("default", tmp_path / "v3", preset_name="v3-edge")
    assert done["total"] == 35_659_872
    assert done["least_cosine"] > 0.99999
    v3 = SentenceTransformer(str(tmp_path / "v3"), device="cpu")
    base = SentenceTransformer(str(default_folder()), device="cpu")
    texts = ["usb c hub " * n for n in (1, 2, 5, 20, 60, 200)]
    assert least_cosine(base, v3, texts) > 0.99999
    base.max_seq_length = v3.max_seq_length = 512
    assert least_cosine(base, v3, texts) > 0.99999

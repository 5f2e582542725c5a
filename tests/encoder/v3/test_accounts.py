from __future__ import annotations

import pytest
import torch
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.accounts import build_empty, count_operations, count_parameters, keys_seen
from dsv3.encoder.v3.algebra import fewest_experts, least_active, split
from dsv3.encoder.v3.presets import preset, preset_like, preset_names
from dsv3.encoder.v3.summary import algebra, summarise
from dsv3.errors import InputError
from torch.utils.flop_counter import FlopCounterMode


def test_counts_on_the_meta_device_equal_those_of_a_real_model(
    config: V3Config, model: V3Model
) -> None:
    empty = build_empty(config)
    assert all(parameter.is_meta for parameter in empty.parameters())
    assert count_parameters(empty) == count_parameters(model)
    assert count_parameters(model).total == model.num_parameters()
    assert count_operations(empty, "query", 9) == count_operations(model, "query", 9)


@pytest.mark.parametrize("length", [4, 24])
def test_operations_equal_those_torch_counts(model: V3Model, length: int) -> None:
    ids = torch.randint(1, 50, (2, length))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, task="query")
    counted = counter.get_total_flops()
    # torch also counts the weighted mean of each layer's two experts, which is no layer's product
    weighing = 2 * len(model.config.sparse_layers) * 2 * 16 * ids.numel()
    attention = 4 * 16 * length * 3 * ids.numel()
    ours = count_operations(model, "query", length).sparse * ids.numel()
    assert ours in (counted - weighing, counted - weighing + attention)


def test_active_parameters_leave_out_idle_experts_and_the_other_gate(model: V3Model) -> None:
    accounts = count_parameters(model)
    expert = 2 * 16 * 12 + 12 + 16
    assert accounts.total - accounts.active == 2 * (6 * expert + 16 * 8)
    assert accounts.embeddings == (50 + 32 + 2) * 16 + 2 * 16


@pytest.mark.parametrize(
    ("name", "total", "parameters", "operations", "length"),
    [
        ("v3-edge", 35_659_872, 0.58, 0.227, 32),
        ("v3-base", 171_564_288, 0.576, 0.230, 128),
        ("v3-1b", 999_296_640, 0.586, 0.222, 128),
    ],
)
def test_presets_have_the_articles_ratios(
    name: str, total: int, parameters: float, operations: float, length: int
) -> None:
    model = build_empty(preset(name).config())
    accounts = count_parameters(model)
    assert accounts.total == total
    assert accounts.added == pytest.approx(parameters, abs=0.001)
    added = count_operations(model, "document", length).added
    assert added == pytest.approx(operations, abs=0.001)


def test_the_largest_preset_has_the_articles_total_and_all_it_can_have_idle() -> None:
    accounts = count_parameters(build_empty(preset("v3-260b").config()))
    assert accounts.total == pytest.approx(260e9, rel=0.001)
    assert least_active(260e9, experts=8, top_k=2) < accounts.active < 71e9


def test_the_articles_sizes_exclude_each_other() -> None:
    claimed = split(260, 45, experts=8, top_k=2)
    assert not claimed.possible
    assert claimed.expert == pytest.approx(35.83, abs=0.01)
    assert claimed.shared == pytest.approx(-26.67, abs=0.01)
    assert least_active(260, experts=8, top_k=2) == 65
    nearest = fewest_experts(260, 45, top_k=2)
    assert (nearest.experts, nearest.expert, nearest.shared) == (12, 21.5, 2)
    assert not split(260, 45, experts=11, top_k=2).possible
    assert "S = -26.7" in algebra()[0]


def test_dynamic_attention_sees_a_bounded_number_of_keys(config: V3Config) -> None:
    assert keys_seen(config, 8192) == 8192
    config.attention, config.attention_segment, config.attention_neighbours = "dynamic", 512, 1
    config.attention_block, config.attention_top_k = 128, 4
    assert keys_seen(config, 8192) == 3 * 512 + 4 * 128 + 1
    assert keys_seen(config, 100) == 100


def test_a_preset_is_found_by_the_shape_of_a_base() -> None:
    for name in preset_names():
        found = preset_like(preset(name).config())
        assert found is not None
        assert found.name == name
    assert preset_like(V3Config(num_hidden_layers=5)) is None


def test_an_unknown_name_lists_the_presets(tmp_path: object) -> None:
    with pytest.raises(InputError, match="v3-edge, v3-base, v3-1b, v3-260b"):
        summarise("v3-huge")
    with pytest.raises(InputError, match="no preset 'v3-huge'"):
        preset("v3-huge")

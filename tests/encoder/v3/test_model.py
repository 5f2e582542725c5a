from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.gates import TASKS
from dsv3.errors import InputError
from torch import Tensor
from transformers import AutoConfig, AutoModel


def _ids(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(1, 50, (batch, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def _encode(model: V3Model, ids: Tensor, mask: Tensor | None = None, task: str = "query") -> Tensor:
    state: Tensor = model(ids, mask, task=task).last_hidden_state
    return state


def test_a_saved_model_loads_through_the_auto_classes(model: V3Model, tmp_path: Path) -> None:
    with torch.no_grad():
        model.layers[0].mixture.gates.bias += 0.25  # type: ignore[union-attr, operator]
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, V3Model)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), V3Config)
    assert loaded.config.sparse_layers == [0, 2]
    saved, found = model.state_dict(), loaded.state_dict()
    assert saved.keys() == found.keys()
    assert all(torch.equal(saved[name], found[name]) for name in saved)
    ids = _ids(2, 9)
    torch.testing.assert_close(_encode(model, ids), _encode(loaded, ids))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model: V3Model, task: str, side: str) -> None:
    short, long = _ids(1, 5), _ids(1, 31, seed=1)
    batch, mask = torch.zeros(2, 31, dtype=torch.long), torch.zeros(2, 31, dtype=torch.long)
    place = slice(0, 5) if side == "right" else slice(26, 31)
    batch[0, place], mask[0, place] = short[0], 1
    batch[1], mask[1] = long[0], 1
    together = _encode(model, batch, mask, task)
    torch.testing.assert_close(together[0, place], _encode(model, short, None, task)[0])
    torch.testing.assert_close(together[1], _encode(model, long, None, task)[0])
    outside = mask[0] == 0
    assert together[0, outside].abs().max() == 0


def test_the_order_of_the_batch_changes_nothing(model: V3Model) -> None:
    ids = _ids(6, 12)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(_encode(model, ids[order]), _encode(model, ids)[order])


def test_encoding_is_deterministic(model: V3Model) -> None:
    ids = _ids(4, 20)
    assert torch.equal(_encode(model, ids), _encode(model, ids))


def test_the_task_chooses_the_gate_and_documents_are_the_default(model: V3Model) -> None:
    ids = _ids(3, 12)
    query, document = _encode(model, ids, task="query"), _encode(model, ids, task="document")
    assert (query - document).abs().max() > 1e-3
    with torch.no_grad():
        assert torch.equal(model(ids)[0], document)
    with pytest.raises(InputError, match="no gate 'passage'; there are query and document"):
        model(ids, task="passage")


def test_gradients_reach_the_experts_and_the_gate_that_was_used(model: V3Model) -> None:
    model.train()
    model(_ids(8, 30), task="query")[0].square().mean().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    for name, gradient in gradients.items():
        if "gates.document" in name:
            assert gradient is None
        else:
            assert gradient is not None, name
            assert gradient.abs().max() > 0, name


def test_gradient_checkpointing_gives_the_same_gradients(model: V3Model) -> None:
    ids = _ids(4, 20)
    mask = torch.ones_like(ids)
    mask[2, 9:] = 0

    def gradients() -> dict[str, Tensor]:
        model.zero_grad()
        model.train()
        model(ids, mask, task="document")[0].square().mean().backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    plain = gradients()
    for layer in model.layers:
        assert hasattr(layer, "gradient_checkpointing")
    model._set_gradient_checkpointing(
        True,
        lambda function, *inputs: torch.utils.checkpoint.checkpoint(
            function, *inputs, use_reentrant=False
        ),
    )
    for name, gradient in gradients().items():
        torch.testing.assert_close(gradient, plain[name])


@pytest.mark.parametrize(
    "change",
    [
        {"attention": "exact", "attention_segment": 16},
        {"attention": "dynamic", "attention_segment": 64, "attention_block": 16},
    ],
)
def test_segmented_attention_equals_full_where_everything_fits(
    config: V3Config, model: V3Model, change: dict[str, object]
) -> None:
    other = V3Model(V3Config(**{**config.to_dict(), **change}))
    other.load_state_dict(model.state_dict())
    other.train(False)
    ids = _ids(2, 120)
    mask = torch.ones_like(ids)
    mask[1, 50:] = 0
    torch.testing.assert_close(
        _encode(other, ids, mask), _encode(model, ids, mask), rtol=1e-4, atol=1e-4
    )


def test_dynamic_attention_leaves_out_what_is_far(config: V3Config, model: V3Model) -> None:
    change = {"attention": "dynamic", "attention_segment": 32, "attention_block": 16}
    narrow = {"attention_top_k": 1, "attention_neighbours": 0}
    other = V3Model(V3Config(**{**config.to_dict(), **change, **narrow}))
    other.load_state_dict(model.state_dict())
    other.train(False)
    ids = _ids(1, 250)
    assert (_encode(other, ids) - _encode(model, ids)).abs().max() > 1e-3


def test_hidden_states_come_for_each_layer(model: V3Model) -> None:
    ids = _ids(2, 7)
    states = model(ids, output_hidden_states=True).hidden_states
    assert len(states) == 4
    assert all(state.shape == (2, 7, 16) for state in states)
    assert model(ids).hidden_states is None
    assert len(model(ids, return_dict=False)) == 1


def test_a_text_longer_than_the_model_takes_is_refused(model: V3Model) -> None:
    assert _encode(model, _ids(1, 256)).shape == (1, 256, 16)
    with pytest.raises(InputError, match=r"257 tokens .* \(256\)"):
        model(_ids(1, 257))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 3}, "hidden_size 16 cannot be shared by 3"),
        ({"num_experts_per_tok": 9}, "9 of 8 experts"),
        ({"moe_layers": [0, 3]}, "names layer 3; the model has layers 0 to 2"),
    ],
)
def test_a_shape_no_model_can_have_is_refused(
    config: V3Config, change: dict[str, object], message: str
) -> None:
    fields = config.to_dict()
    with pytest.raises(InputError, match=message):
        V3Config(**{**fields, **change})

from __future__ import annotations

import pytest
import torch
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.balance import balance_loss, ride
from dsv3.encoder.v3.balance_callback import BalanceCallback
from dsv3.encoder.v3.gate_load import (
    counting_load,
    expert_load,
    gates_of,
    scale_balance_loss,
    update_biases,
)
from dsv3.encoder.v3.gates import Gates
from transformers import TrainerControl, TrainerState


def test_balance_loss_is_one_when_even_and_the_number_of_experts_when_one_has_all() -> None:
    even = torch.full((6, 8), 1 / 8)
    assert balance_loss(even, torch.full((8,), 3)).item() == pytest.approx(1)
    one = torch.zeros(6, 8)
    one[:, 2] = 1
    assert balance_loss(one, torch.tensor([0, 0, 12, 0, 0, 0, 0, 0])).item() == pytest.approx(8)


def test_balance_loss_lowers_the_score_of_a_busy_expert() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    balance_loss(logits.softmax(-1), torch.tensor([6, 1, 1])).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 0] > 0).all()
    assert (logits.grad[:, 1:] < 0).all()


def test_a_riding_loss_gives_the_gradients_of_the_sum() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 5, requires_grad=True)
    x = torch.randn(3, 5)
    y = x @ weight
    (y.sin().sum() + y.square().mean()).backward()
    wanted = weight.grad
    weight.grad = None
    y = x @ weight
    riding = ride(y, y.square().mean())
    assert torch.equal(riding, y)
    riding.sin().sum().backward()
    torch.testing.assert_close(weight.grad, wanted)


def test_the_balance_loss_reaches_the_gates_through_a_loss_that_ignores_it(
    config: V3Config,
) -> None:
    config.router_aux_loss_coef = 1.0
    torch.manual_seed(0)
    gates = Gates(config)
    x = torch.randn(64, 16)
    _, weights = gates(x, "query")
    (weights * 0).sum().backward()
    scores = (x @ gates.query.weight.T).softmax(-1)
    sent = torch.bincount(scores.topk(2).indices.flatten(), minlength=8)
    (wanted,) = torch.autograd.grad(balance_loss(scores, sent), gates.query.weight)
    torch.testing.assert_close(gates.query.weight.grad, wanted)


def test_the_balance_loss_can_be_scaled_and_turned_off(model: V3Model) -> None:
    def gradient(scale: float) -> torch.Tensor:
        scale_balance_loss(model, scale)
        model.zero_grad()
        model.train()
        (model(torch.arange(20).view(2, 10), task="query")[0] * 0).sum().backward()
        found = dict(gates_of(model))[0].query.weight.grad
        assert found is not None
        return found.clone()

    torch.testing.assert_close(gradient(2.0), 2 * gradient(1.0))
    assert gradient(0.0).abs().max() == 0
    assert gradient(1.0).abs().max() > 0


def test_bias_updates_even_out_a_lopsided_load(config: V3Config) -> None:
    torch.manual_seed(1)
    gates = Gates(config)
    x = torch.randn(500, 16) + 0.5
    before = _largest_share(gates, x)
    for _ in range(400):
        gates(x, "query")
        update_biases(_named(gates), 0.003)
        assert torch.equal(gates.load, gates.settled)
    assert before > 0.2
    assert _largest_share(gates, x) < 0.15
    assert gates.bias[1].abs().max() == 0, "the gate that was not used must keep its bias"


def _named(gates: Gates) -> torch.nn.Module:
    return torch.nn.ModuleList([gates])


def _largest_share(gates: Gates, x: torch.Tensor) -> float:
    with counting_load(_named(gates)):
        gates(x, "query")
    (load,) = expert_load(_named(gates), reset=True)
    return max(load.shares)


def test_the_bias_takes_no_gradient_and_is_saved(model: V3Model) -> None:
    names = {name for name, _ in model.named_parameters()}
    assert not any("bias" in name and "gates" in name for name in names)
    assert "layers.0.mixture.gates.bias" in model.state_dict()
    assert "layers.0.mixture.gates.load" not in model.state_dict()


def test_load_is_reported_by_layer_and_gate(model: V3Model) -> None:
    ids = torch.arange(20).view(2, 10)
    mask = torch.ones_like(ids)
    mask[0, 7:] = 0
    with counting_load(model):
        model(ids, mask, task="query")
    loads = expert_load(model)
    assert [(load.layer, load.task, load.tokens) for load in loads] == [
        (0, "query", 17),
        (2, "query", 17),
    ]
    assert all(sum(load.shares) == pytest.approx(1) for load in loads)
    model(ids, mask, task="document")
    assert len(expert_load(model)) == 2, "outside the context nothing is counted"


def test_the_callback_moves_biases_each_step_and_notes_loads_at_each_log(
    config: V3Config,
) -> None:
    config.router_bias_update_rate = 0.01
    torch.manual_seed(0)
    model = V3Model(config).train()
    callback = BalanceCallback()
    control, state = TrainerControl(), TrainerState(global_step=2)
    for _ in range(2):
        model(torch.arange(20).view(2, 10), task="query")
        callback.on_step_end(None, state, control, model=model)
    bias = dict(gates_of(model))[0].bias
    assert bias[0].abs().max() > 0
    assert bias[1].abs().max() == 0
    callback.on_log(None, state, control, model=model)
    ((step, loads),) = callback.loads
    assert step == 2
    assert [(load.layer, load.task, load.tokens) for load in loads] == [
        (0, "query", 40),
        (2, "query", 40),
    ]
    assert expert_load(model) == []

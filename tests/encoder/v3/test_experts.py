from __future__ import annotations

import pytest
import torch
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.experts import Experts
from torch import Tensor


def _one_by_one(experts: Experts, x: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    rows = []
    for row in range(len(x)):
        total = torch.zeros_like(x[row])
        for e, weight in zip(index[row].tolist(), weights[row], strict=True):
            wide = experts.act_fn(experts.up_proj[e] @ x[row] + experts.up_proj_bias[e])
            total = total + weight * (experts.down_proj[e] @ wide + experts.down_proj_bias[e])
        rows.append(total)
    return torch.stack(rows)


@pytest.fixture
def experts(config: V3Config) -> Experts:
    torch.manual_seed(0)
    config._experts_implementation = "eager"
    made = Experts(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


@pytest.mark.parametrize("tokens", [1, 2, 7, 50])
def test_eager_experts_equal_a_token_at_a_time(experts: Experts, tokens: int) -> None:
    x, index, weights = _routed(tokens, 8)
    torch.testing.assert_close(
        experts(x, index, weights), _one_by_one(experts, x, index, weights), rtol=1e-4, atol=1e-4
    )


def test_experts_without_a_token_are_passed_over(experts: Experts) -> None:
    x, index, weights = _routed(9, 2)
    y = experts(x, index, weights)
    torch.testing.assert_close(y, _one_by_one(experts, x, index, weights), rtol=1e-4, atol=1e-4)
    y.sum().backward()
    assert experts.up_proj.grad is not None
    assert experts.up_proj.grad[:2].abs().sum() > 0
    assert experts.up_proj.grad[2:].abs().sum() == 0


def test_the_form_for_captured_graphs_gives_the_same(experts: Experts) -> None:
    x, index, weights = _routed(30, 8)
    torch.testing.assert_close(
        experts._every_expert(x, index, weights),
        experts(x, index, weights),
        rtol=1e-4,
        atol=1e-4,
    )


def _routed(tokens: int, among: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    x = torch.randn(tokens, 16, generator=generator)
    index = torch.rand(tokens, among, generator=generator).topk(2).indices
    weights = torch.rand(tokens, 2, generator=generator).softmax(-1)
    return x, index, weights


@pytest.mark.parametrize("implementation", ["grouped_mm", "batched_mm"])
def test_every_implementation_gives_the_same_output_and_gradients(
    model: V3Model, implementation: str
) -> None:
    ids = torch.randint(1, 50, (3, 12), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0

    def run(name: str) -> tuple[Tensor, dict[str, Tensor]]:
        model.set_experts_implementation(name)
        model.zero_grad()
        y = model(ids, mask, task="query").last_hidden_state
        y.square().mean().backward()
        grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        return y.detach(), grads

    eager, eager_grads = run("eager")
    other, other_grads = run(implementation)
    torch.testing.assert_close(other, eager, rtol=1e-4, atol=1e-5)
    assert other_grads.keys() == eager_grads.keys()
    for name, grad in eager_grads.items():
        torch.testing.assert_close(other_grads[name], grad, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_captured_graph_takes_other_lengths(model: V3Model) -> None:
    ids = torch.randint(1, 50, (2, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, 6:] = 0

    class LastState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            state: Tensor = self.model(input_ids, attention_mask, task="query")[0]
            return state

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=32)
    shapes = {"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}}
    exported = torch.export.export(LastState(), (ids, mask), dynamic_shapes=shapes).module()
    longer = torch.randint(1, 50, (3, 20), generator=torch.Generator().manual_seed(2))
    whole = torch.ones_like(longer)
    whole[2, 4:] = 0
    with torch.no_grad():
        wanted = model(longer, whole, task="query")[0]
        found = exported(longer, whole)
    places = whole.bool()
    torch.testing.assert_close(found[places], wanted[places], rtol=1e-4, atol=1e-5)

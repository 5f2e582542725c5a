from __future__ import annotations

from typing import Any

import pytest
import torch
from dsv3.encoder.training.sharded.experts import ParallelExperts, divide_experts
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.experts import Experts
from dsv3.errors import InputError
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from .conftest import Together

SHAPE = V3Config(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=24,
    moe_layers=[1],
    moe_intermediate_size=12,
    shared_intermediate_size=20,
)


def experts() -> Experts:
    torch.manual_seed(0)
    made = Experts(SHAPE)
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    return made


def tokens(rank: int, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return one process's tokens, choices and weights of choices."""
    generator = torch.Generator().manual_seed(rank)
    count = 0 if kind == "one has no tokens" and rank == 1 else 9 + 4 * rank
    x = torch.randn(count, 16, generator=generator)
    index = torch.rand(count, 8, generator=generator).topk(2).indices
    if kind == "all to one process":
        index = index % 4
    return x, index, torch.rand(count, 2, generator=generator)


@pytest.mark.parametrize("kind", ["spread", "all to one process", "one has no tokens"])
def test_divided_experts_give_the_values_and_gradients_of_whole_ones(
    together: Together, kind: str
) -> None:
    def work(rank: int) -> dict[str, Tensor]:
        mesh = init_device_mesh("cpu", (2,), mesh_dim_names=("expert",))
        sent: list[int] = []
        divided = ParallelExperts(experts(), mesh)
        divided.sent = sent.append
        x, index, weights = tokens(rank, kind)
        leaves = (x.requires_grad_(), weights.requires_grad_())
        y = divided(leaves[0], index, leaves[1])
        y.sin().sum().backward()
        found = {"y": y.detach(), "x": leaves[0].grad, "weights": leaves[1].grad}
        for name, weight in divided.named_parameters():
            assert isinstance(weight.grad, DTensor)
            assert weight.grad.to_local().size(0) == 4
            found[name] = weight.grad.full_tensor()
        away = (index >= 4 if rank == 0 else index < 4).sum().item()
        assert sent[0] == away * 16 * 4
        return found

    found = together(work)
    whole = experts()
    parts = [tokens(rank, kind) for rank in (0, 1)]
    x, index, weights = (torch.cat(part) for part in zip(*parts, strict=True))
    y = whole(x.requires_grad_(), index, weights.requires_grad_())
    y.sin().sum().backward()
    for name, wanted in (("y", y), ("x", x.grad), ("weights", weights.grad)):
        assert wanted is not None
        torch.testing.assert_close(torch.cat([one[name] for one in found]), wanted.detach())
    for name, weight in whole.named_parameters():
        for one in found:
            torch.testing.assert_close(one[name], weight.grad)


def test_experts_that_cannot_be_divided_are_refused(together: Together) -> None:
    def work(rank: int) -> list[str]:
        mesh = init_device_mesh("cpu", (2,), mesh_dim_names=("expert",))
        said = []
        impossible: list[dict[str, Any]] = [{"num_experts": 5}, {"moe_layers": []}]
        for changes in impossible:
            config = V3Config(**{**SHAPE.to_dict(), **changes})
            with pytest.raises(InputError) as error:
                divide_experts(V3Model(config), mesh)
            said.append(str(error.value))
        return said

    said = together(work)[0]
    assert said[0].startswith("5 experts cannot be divided evenly among 2 processes")
    assert said[1].startswith("the base has no experts to divide")

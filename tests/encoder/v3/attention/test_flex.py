"""The kernel for GPUs sees what the one for CPUs sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from dsv3.encoder.v3.attention import dynamic_segments
from dsv3.encoder.v3.attention.flex import attend_flex
from dsv3.encoder.v3.attention.routing import Plan, choose_blocks
from dsv3.encoder.v3.attention.segments import attend_segments
from torch import Tensor

Make = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize(
    ("segment", "block", "neighbours"), [(64, 16, 1), (48, 24, 1), (256, 128, 0)]
)
def test_written_out_it_equals_the_segments(
    random_texts: Make, segment: int, block: int, neighbours: int, summary: bool
) -> None:
    q, k, v, mask = random_texts([600, 340], dtype=torch.float32)
    plan = Plan(segment, block, 1, neighbours, summary)
    routes = choose_blocks(q, k, mask, plan)
    real = mask[:, None, :, None]
    expected = attend_segments(q, k, v, mask, routes, plan) * real
    out = attend_flex(q, k, v, mask, routes, plan, fused=False) * real
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("summary", [False, True])
def test_on_a_gpu_the_result_and_gradients_are_those_of_the_cpu(
    random_texts: Make, summary: bool
) -> None:
    q, k, v, mask = random_texts([4000, 2500], dtype=torch.float32, head_dim=32)
    real = mask[:, None, :, None]
    results = []
    for device in ("cpu", "cuda"):
        a, b, c = (x.detach().to(device).requires_grad_() for x in (q, k, v))
        out = dynamic_segments(a, b, c, mask.to(device), summary=summary) * real.to(device)
        out.square().sum().backward()
        results.append([out, a.grad, b.grad, c.grad])
    for cpu, gpu in zip(*results, strict=True):
        assert cpu is not None
        assert gpu is not None
        torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-3, rtol=1e-3)

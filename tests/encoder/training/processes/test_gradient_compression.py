"""Gradients travel as FP16, bfloat16 or FP8, and come back within the format's rounding."""

from __future__ import annotations

import pytest
import torch
from dsv3.encoder.training.gradient_compression import (
    BLOCK,
    FORMATS,
    compress_hook,
    decode,
    encode,
)
from dsv3.encoder.training.settings import GradientCompression
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from .conftest import Together

# Half a unit in the last place, relative.
ROUNDING: list[tuple[GradientCompression, float]] = [
    ("bf16", 2**-9),
    ("fp16", 2**-12),
    ("fp8", 2**-4),
]


@pytest.mark.parametrize(("compression", "error"), ROUNDING)
def test_numbers_come_back_within_the_format_s_rounding(
    compression: GradientCompression, error: float
) -> None:
    torch.manual_seed(0)
    rows = torch.randn(2, 3000)
    dtype = FORMATS[compression]
    payload = encode(rows, dtype)
    assert payload.dtype == torch.uint8
    assert payload.size(1) == 3 * (BLOCK * dtype.itemsize + 4)
    back = decode(payload, 3000, dtype)
    assert back.shape == rows.shape
    big = rows.abs() > rows.abs().max() * 2**-6  # below, FP8 is no longer a floating point
    relative = ((back - rows) / rows)[big].abs().max().item()
    assert error / 4 < relative <= 2 * error * (1 + 1e-5)


@pytest.mark.parametrize("compression", ["fp16", "fp8"])
def test_gradients_too_small_or_too_large_for_the_format_travel_by_their_block_s_factor(
    compression: GradientCompression,
) -> None:
    rows = torch.cat([torch.full((1, BLOCK), 1e-12), torch.full((1, BLOCK), 1e12)], dim=1)
    rows[0, 0] = 0
    dtype = FORMATS[compression]
    back = decode(encode(rows, dtype), 2 * BLOCK, dtype)
    torch.testing.assert_close(back, rows, rtol=2**-4, atol=0)


def test_what_is_no_number_stays_none() -> None:
    rows = torch.zeros(1, BLOCK)
    rows[0, 3] = torch.nan
    dtype = FORMATS["fp8"]
    assert decode(encode(rows, dtype), BLOCK, dtype).isnan().any()


@pytest.mark.parametrize(("compression", "error"), ROUNDING)
def test_two_processes_average_what_travels(
    together: Together, compression: GradientCompression, error: float
) -> None:
    def work(rank: int) -> torch.Tensor:
        torch.manual_seed(0)
        model = DistributedDataParallel(nn.Linear(70, 31))
        model.register_comm_hook(FORMATS[compression], compress_hook)
        gradient(model, rank)
        return torch.cat(
            [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
        )

    def gradient(model: nn.Module, rank: int) -> None:
        inputs = torch.randn(5, 70, generator=torch.Generator().manual_seed(rank))
        model(inputs).square().sum().backward()

    def gradients(model: nn.Module) -> torch.Tensor:
        return torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])

    found = together(work)
    assert torch.equal(*found), "all must move alike"
    torch.manual_seed(0)
    alone = nn.Linear(70, 31)
    for rank in (0, 1):
        gradient(alone, rank)
    wanted = gradients(alone) / 2
    apart = (found[0] - wanted).abs().max()
    assert 0 < apart <= 4 * wanted.abs().max() * error

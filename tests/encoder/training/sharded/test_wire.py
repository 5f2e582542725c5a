from __future__ import annotations

import pytest
import torch
from dsv3.encoder.training.sharded.communication import CompressedReduceScatter, Traffic
from dsv3.encoder.training.sharded.settings import Compression
from dsv3.encoder.training.sharded.wire import BLOCK, wire

from .conftest import Together

# Half a unit in the last place, relative, and bytes a number.
FORMATS: list[tuple[Compression, float, float]] = [
    ("none", 0.0, 4.0),
    ("bf16", 2**-8, 2.0),
    ("fp16", 2**-11, 2.0),
    ("fp8", 2**-4, 1.0),
]


@pytest.mark.parametrize(("compression", "error", "size"), FORMATS)
def test_numbers_come_back_within_the_format_s_rounding(
    compression: Compression, error: float, size: float
) -> None:
    torch.manual_seed(0)
    rows = torch.randn(2, 3000)
    payload = wire(compression).encode(rows)
    assert payload.dtype == torch.uint8
    blocks = -(-3000 // BLOCK) * BLOCK
    assert payload.size(1) / (blocks if wire(compression).scaled else 3000) <= size * 1.01
    back = wire(compression).decode(payload, 3000)
    big = rows.abs() > rows.abs().max() * 2**-6  # below, FP8 is no longer a floating point
    assert back.shape == rows.shape
    relative = ((back - rows) / rows)[big].abs().max().item()
    assert relative <= error * (1 + 1e-5)
    assert error == 0 or relative > error / 4


@pytest.mark.parametrize("compression", ["fp16", "fp8"])
def test_gradients_too_small_or_too_large_for_the_format_travel_by_their_block_s_factor(
    compression: Compression,
) -> None:
    rows = torch.cat([torch.full((1, BLOCK), 1e-12), torch.full((1, BLOCK), 1e12)], dim=1)
    rows[0, 0] = 0
    back = wire(compression).decode(wire(compression).encode(rows), 2 * BLOCK)
    torch.testing.assert_close(back, rows, rtol=2**-4, atol=0)


def test_what_is_no_number_stays_none() -> None:
    rows = torch.zeros(1, BLOCK)
    rows[0, 3] = torch.nan
    assert wire("fp8").decode(wire("fp8").encode(rows), BLOCK).isnan().any()


@pytest.mark.parametrize(("compression", "error", "size"), FORMATS)
def test_two_processes_sum_what_travels_and_count_its_bytes(
    together: Together, compression: Compression, error: float, size: float
) -> None:
    def work(rank: int) -> tuple[torch.Tensor, int]:
        traffic = Traffic()
        reduce = CompressedReduceScatter(wire(compression), traffic)
        mine = torch.randn(8 * BLOCK, generator=torch.Generator().manual_seed(rank))
        output = torch.empty(4 * BLOCK)
        world = torch.distributed.group.WORLD
        assert world is not None
        reduce(output, mine, world)
        return output, traffic.reduced

    found = together(work)
    gradients = [
        torch.randn(8 * BLOCK, generator=torch.Generator().manual_seed(rank)) for rank in (0, 1)
    ]
    wanted = gradients[0] + gradients[1]
    largest = torch.stack(gradients).abs().max()
    summed = torch.cat([one[0] for one in found])
    assert (summed - wanted).abs().max() <= 2 * largest * error + 1e-6
    for _, sent in found:
        assert 4 * BLOCK * size <= sent <= 4 * BLOCK * size * 1.01

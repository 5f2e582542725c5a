from __future__ import annotations

import math

import pytest
import torch
from dsv3.encoder.training.accumulation import NoiseScale, choose_micro_batches


def test_it_finds_the_noise_of_gradients_made_with_a_known_one() -> None:
    torch.manual_seed(0)
    true = torch.randn(200)
    spread = 3.0  # of each number in one example's gradient
    noise = NoiseScale(decay=0.995)
    for _ in range(4000):
        small = true + spread / math.sqrt(8) * torch.randn(200)
        rest = true + spread / math.sqrt(24) * torch.randn(200)
        large = (small + 3 * rest) / 4
        noise.update(small.square().sum().item(), 8, large.square().sum().item(), 32)
    wanted = 200 * spread**2 / true.square().sum().item()
    assert noise.examples == pytest.approx(wanted, rel=0.15)


def test_before_the_first_step_there_is_no_estimate() -> None:
    assert NoiseScale().examples is None
    noise = NoiseScale()
    noise.update(5.0, 8, 1.0, 16)
    assert noise.examples == math.inf, "the signal's estimate is below zero"
    with pytest.raises(ValueError, match="cannot be compared"):
        noise.update(1.0, 8, 1.0, 8)


@pytest.mark.parametrize(
    ("noise", "now", "chosen"),
    [
        (None, 3, 3),
        (64 * 3.2, 3, 3),
        (64 * 100, 3, 6),
        (math.inf, 3, 6),
        (math.inf, 6, 8),
        (1.0, 6, 3),
        (0.0, 3, 2),
        (1.0, 2, 2),
    ],
)
def test_a_step_grows_and_shrinks_towards_the_noise_scale_within_bounds(
    noise: float | None, now: int, chosen: int
) -> None:
    assert choose_micro_batches(noise, 64, now, least=2, most=8) == chosen

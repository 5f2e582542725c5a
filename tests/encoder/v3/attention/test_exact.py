"""Exact segments are full attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from dsv3.encoder.v3.attention import exact_segments, full_attention
from dsv3.errors import InputError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

Make = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]
Naive = Callable[..., Tensor]


def hide(mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)[:, None, None, :]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=3), segment=st.integers(1, 45))
def test_equals_naive_attention_at_any_length(
    random_texts: Make, naive: Naive, lengths: list[int], segment: int
) -> None:
    q, k, v, mask = random_texts(lengths)
    expected = naive(q, k, v, hide(mask))
    torch.testing.assert_close(exact_segments(q, k, v, mask, segment=segment), expected)
    torch.testing.assert_close(full_attention(q, k, v, mask), expected)


def test_float32_differs_from_full_attention_by_rounding_alone(random_texts: Make) -> None:
    q, k, v, mask = random_texts([700, 333], dtype=torch.float32, head_dim=32)
    exact = exact_segments(q, k, v, mask, segment=128)
    torch.testing.assert_close(exact, full_attention(q, k, v, mask), atol=2e-6, rtol=1e-5)


def test_without_a_mask_every_place_is_a_token(random_texts: Make) -> None:
    q, k, v, mask = random_texts([23])
    expected = exact_segments(q, k, v, mask, segment=5)
    torch.testing.assert_close(exact_segments(q, k, v, None, segment=5), expected)


def test_gradients_are_those_of_naive_attention(random_texts: Make, naive: Naive) -> None:
    q, k, v, mask = random_texts([30, 17])
    weight = torch.randn(q.shape, dtype=q.dtype) * mask[:, None, :, None]
    gradients = []
    for attend in (partial(exact_segments, segment=7), full_attention):
        a, b, c = (x.clone().requires_grad_() for x in (q, k, v))
        (attend(a, b, c, mask) * weight).sum().backward()
        gradients.append([a.grad, b.grad, c.grad])
    a, b, c = (x.clone().requires_grad_() for x in (q, k, v))
    (naive(a, b, c, hide(mask)) * weight).sum().backward()
    for ours in gradients:
        torch.testing.assert_close(ours, [a.grad, b.grad, c.grad])


def test_gradients_agree_with_finite_differences(random_texts: Make) -> None:
    q, k, v, mask = random_texts([5, 3], heads=1, head_dim=1)
    leaves = [x.requires_grad_() for x in (q.clone(), k.clone(), v.clone())]

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return exact_segments(q, k, v, mask, segment=2)

    assert torch.autograd.gradcheck(attend, leaves)


def test_padding_changes_nothing(random_texts: Make) -> None:
    q, k, v, mask = random_texts([30, 11])
    together = exact_segments(q, k, v, mask, segment=8)[1:, :, :11]
    alone = exact_segments(q[1:, :, :11], k[1:, :, :11], v[1:, :, :11], None, segment=8)
    torch.testing.assert_close(together, alone)


def test_a_segment_needs_tokens(random_texts: Make) -> None:
    q, k, v, mask = random_texts([5])
    with pytest.raises(InputError, match="at least 1 token"):
        exact_segments(q, k, v, mask, segment=0)

"""Dynamic segments against attention written out, with the rule of who sees whom spelt out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from dsv3.encoder.v3.attention import dynamic_segments, full_attention
from dsv3.encoder.v3.attention.routing import Plan, choose_blocks
from dsv3.encoder.v3.attention.segments import attend_segments
from dsv3.errors import InputError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

Make = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]
Naive = Callable[..., Tensor]

SHAPE: dict[str, Any] = {"segment": 8, "block": 4, "top_k": 2, "neighbours": 1}


def blocks_of(length: int, size: int) -> list[range]:
    return [range(at, min(at + size, length)) for at in range(0, length, size)]


def seen_blocks(q: Tensor, k: Tensor, plan: Plan) -> list[set[int]]:
    """Say which blocks each segment of one text in one head sees: q and k (length, head_dim)."""
    length = q.size(0)
    blocks = blocks_of(length, plan.block)
    seen = []
    for n, segment in enumerate(blocks_of(length, plan.segment)):
        question = q[segment.start : segment.stop].mean(0)
        near, scores = set(), {}
        for m, block in enumerate(blocks):
            places = [place for place in block if place > 0]  # [CLS] belongs to no block
            if abs(m * plan.block // plan.segment - n) <= plan.neighbours:
                near.add(m)
            elif places:
                scores[m] = float(question @ k[places].mean(0))
        best = sorted(scores, key=lambda m: scores[m], reverse=True)[: plan.top_k]
        seen.append(near | set(best))
    return seen


def spelt_out(naive: Naive, q: Tensor, k: Tensor, v: Tensor, plan: Plan) -> Tensor:
    """Attend in one text without padding: (heads, length, head_dim)."""
    out = torch.zeros_like(q)
    everything = set(range(len(blocks_of(q.size(1), plan.block))))
    for head in range(q.size(0)):
        seen = seen_blocks(q[head].detach(), k[head].detach(), plan)
        rows = blocks_of(q.size(1), plan.segment)
        # [CLS] sees everything, whatever its segment sees: it comes last.
        for queries, blocks in [*zip(rows, seen, strict=True), (range(1), everything)]:
            keys, values, counts = [k[head, :1]], [v[head, :1]], [1.0]
            for m, block in enumerate(blocks_of(q.size(1), plan.block)):
                places = [place for place in block if place > 0]
                if places and m in blocks:
                    keys.append(k[head, places])
                    values.append(v[head, places])
                    counts += [1.0] * len(places)
                elif places and plan.summary:
                    keys.append(k[head, places].mean(0, keepdim=True))
                    values.append(v[head, places].mean(0, keepdim=True))
                    counts.append(len(places))
            some = q[head, queries.start : queries.stop][None, None]
            bias = torch.tensor(counts, dtype=q.dtype).log()
            result = naive(some, torch.cat(keys)[None, None], torch.cat(values)[None, None], bias)
            out[head, queries.start : queries.stop] = result[0, 0]
    return out


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=2),
    block=st.integers(1, 5),
    per_segment=st.integers(1, 3),
    top_k=st.integers(0, 3),
    neighbours=st.integers(0, 2),
    summary=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_text_of_a_batch_sees_what_the_rule_says(
    random_texts: Make,
    naive: Naive,
    lengths: list[int],
    block: int,
    per_segment: int,
    top_k: int,
    neighbours: int,
    summary: bool,
    seed: int,
) -> None:
    q, k, v, mask = random_texts(lengths, seed=seed, heads=2, head_dim=3)
    plan = Plan(block * per_segment, block, top_k, neighbours, summary)
    out = dynamic_segments(
        q,
        k,
        v,
        mask,
        segment=plan.segment,
        block=block,
        top_k=top_k,
        neighbours=neighbours,
        summary=summary,
    )
    for text, length in enumerate(lengths):
        expected = spelt_out(
            naive, q[text, :, :length], k[text, :, :length], v[text, :, :length], plan
        )
        torch.testing.assert_close(out[text, :, :length], expected)


@pytest.mark.parametrize("summary", [False, True])
def test_is_full_attention_where_everything_fits(random_texts: Make, summary: bool) -> None:
    q, k, v, mask = random_texts([24, 9], dtype=torch.float32)
    out = dynamic_segments(q, k, v, mask, **SHAPE, summary=summary)
    assert torch.equal(out, full_attention(q, k, v, mask))


@pytest.mark.parametrize("summary", [False, True])
def test_routing_to_every_block_is_full_attention(random_texts: Make, summary: bool) -> None:
    q, k, v, mask = random_texts([61, 40])
    plan = Plan(segment=8, block=4, top_k=16, neighbours=0, summary=summary)
    out = attend_segments(q, k, v, mask, choose_blocks(q, k, mask, plan), plan)
    real = mask[:, None, :, None]
    torch.testing.assert_close(out * real, full_attention(q, k, v, mask) * real)


def test_a_summary_of_blocks_without_variety_is_full_attention(random_texts: Make) -> None:
    q, k, v, mask = random_texts([64])
    k, v = (x[:, :, ::4].repeat_interleave(4, dim=2) for x in (k, v))
    out = dynamic_segments(q, k, v, mask, segment=8, block=4, top_k=1, neighbours=0, summary=True)
    torch.testing.assert_close(out, full_attention(q, k, v, mask))


@pytest.mark.parametrize("summary", [False, True])
def test_gradients_are_those_of_the_rule(random_texts: Make, naive: Naive, summary: bool) -> None:
    q, k, v, mask = random_texts([45], heads=1)
    plan = Plan(**SHAPE, summary=summary)
    weight = torch.randn(q.shape, dtype=q.dtype)
    a, b, c = (x.clone().requires_grad_() for x in (q, k, v))
    (dynamic_segments(a, b, c, mask, **SHAPE, summary=summary) * weight).sum().backward()
    d, e, f = (x.clone().requires_grad_() for x in (q, k, v))
    (spelt_out(naive, d[0], e[0], f[0], plan) * weight[0]).sum().backward()
    torch.testing.assert_close([a.grad, b.grad, c.grad], [d.grad, e.grad, f.grad])


def test_gradients_agree_with_finite_differences(random_texts: Make) -> None:
    q, k, v, mask = random_texts([7, 5], heads=1, head_dim=1)
    leaves = [x.requires_grad_() for x in (q.clone(), k.clone(), v.clone())]

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = dynamic_segments(
            q, k, v, mask, segment=2, block=1, top_k=1, neighbours=0, summary=True
        )
        return out * mask[:, None, :, None]

    assert torch.autograd.gradcheck(attend, leaves)


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_padding_on_either_side_changes_nothing(
    random_texts: Make, summary: bool, left: bool
) -> None:
    q, k, v, mask = random_texts([70, 43])
    k[1, :, 43:] = 100.0  # padding that would be chosen if it could be
    shift = 27 if left else 0
    a, b, c = (x[1:, :, :43].clone() for x in (q, k, v))
    alone = dynamic_segments(a, b, c, None, **SHAPE, summary=summary)
    for x in (q, k, v):
        x[1] = x[1].roll(shift, dims=1)
    mask[1] = mask[1].roll(shift)
    together = dynamic_segments(q, k, v, mask, **SHAPE, summary=summary)
    torch.testing.assert_close(together[1:, :, shift : shift + 43], alone)


def test_the_first_token_sees_all_and_is_seen_by_all(random_texts: Make) -> None:
    q, k, v, mask = random_texts([64])
    far = {**SHAPE, "top_k": 0, "neighbours": 0}
    before = dynamic_segments(q, k, v, mask, **far)
    for place in (0, 1, 7, 8, 30, 63):
        changed = v.clone()
        changed[:, :, place] += 1.0
        moved = (dynamic_segments(q, k, changed, mask, **far) - before).abs().sum((0, 1, 3)) > 1e-9
        segment = torch.arange(64) // 8 == place // 8
        segment[0] = True
        expected = torch.ones(64, dtype=torch.bool) if place == 0 else segment
        assert torch.equal(moved, expected)


def test_the_block_asked_for_is_found(random_texts: Make) -> None:
    q, k, _, mask = random_texts([64])
    question = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=q.dtype)
    q[:, 0, 8:16] = question  # segment 1 of head 0 asks
    k[:, 0] = 0.0
    k[:, 0, 52:56] = 5 * question  # block 13 answers
    routes = choose_blocks(q, k, mask, Plan(8, 4, top_k=1, neighbours=1, summary=False))
    assert routes.blocks[0, 0, 1].tolist() == [13]
    assert bool(routes.chosen[0, 0, 1].all())


def test_the_neighbourhood_and_padding_are_never_chosen(random_texts: Make) -> None:
    q, k, _, mask = random_texts([64, 30])
    plan = Plan(8, 4, top_k=16, neighbours=1, summary=False)
    table = choose_blocks(q, k, mask, plan).table()
    near = plan.near(8, 16, q.device)
    assert not bool((table & near).any())
    assert not bool(table[1, :, :, 8:].any())  # 30 tokens fill 8 blocks
    assert bool(table[0].any(0).any(0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_call_gives_the_same_bits(random_texts: Make, dtype: torch.dtype) -> None:
    q, k, v, mask = random_texts([300, 170], dtype=dtype)
    first = dynamic_segments(q, k, v, mask, segment=32, block=8, summary=True)
    second = dynamic_segments(q, k, v, mask, segment=32, block=8, summary=True)
    assert torch.equal(first, second)
    assert first.dtype == dtype
    assert first.shape == q.shape


def test_a_batch_with_an_empty_text_stays_finite(random_texts: Make) -> None:
    q, k, v, mask = random_texts([64, 64])
    mask[1] = False
    leaves = [x.requires_grad_() for x in (q, k, v)]
    out = dynamic_segments(q, k, v, mask, **SHAPE)
    out[0].sum().backward()
    assert bool(out.isfinite().all())
    for leaf in leaves:
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"segment": 10, "block": 4}, "cannot be cut into blocks of 4"),
        ({"segment": 8, "block": 0}, "cannot be cut into blocks of 0"),
        ({"top_k": -1}, "top_k -1"),
        ({"neighbours": -1}, "neighbours -1"),
    ],
)
def test_impossible_settings_are_refused(
    random_texts: Make, setting: dict[str, Any], says: str
) -> None:
    q, k, v, mask = random_texts([20])
    with pytest.raises(InputError, match=says):
        dynamic_segments(q, k, v, mask, **setting)

from __future__ import annotations

import numpy as np
from dsv3.encoder.texts.batches import pack
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(0, 600), max_size=200), st.integers(1, 5000))
def test_every_text_is_in_one_batch_and_batches_keep_the_budget(
    lengths: list[int], budget: int
) -> None:
    counts = np.array(lengths, dtype=np.int64)
    batches = list(pack(counts, budget))
    placed = sorted(int(position) for batch in batches for position in batch)
    assert placed == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * counts[batch].max() <= budget


def test_little_is_wasted_on_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 256, size=5_000)
    computed = sum(len(batch) * lengths[batch].max() for batch in pack(lengths, 4096))
    assert computed < 1.02 * lengths.sum()


def test_longest_come_first() -> None:
    first, *_ = pack(np.array([3, 90, 14]), 90)
    assert first.tolist() == [1]

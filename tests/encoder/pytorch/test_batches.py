from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from dsv3.encoder.pytorch.batches import AHEAD, made_ahead, torch_batches


def test_batches_hold_every_text_once_within_the_budget() -> None:
    lengths = [3, 60, 17, 9, 64, 1, 33, 8] * 9
    texts = [[number + 1] * length for number, length in enumerate(lengths)]
    seen: list[int] = []
    for batch in torch_batches(texts, 256, 64, 0, first=100):
        rows, length = batch.ids.shape
        assert rows * length <= 256 + 7 * rows  # lengths are rounded up to a multiple of eight
        assert length % 8 == 0
        for row, position in enumerate(batch.positions - 100):
            real = batch.mask[row].sum()
            assert batch.ids[row, :real].tolist() == texts[position]
            assert batch.ids[row, real:].sum() == 0
        seen += (batch.positions - 100).tolist()
    assert sorted(seen) == list(range(len(texts)))


def test_padding_stays_within_the_limit_and_is_what_the_model_wants() -> None:
    (batch,) = torch_batches([[5] * 50, [6] * 3], 1000, 50, 1)
    assert batch.ids.shape == (2, 50)
    assert batch.ids[1].tolist() == [6] * 3 + [1] * 47
    assert batch.mask.sum(1).tolist() == [50, 3]


def test_batches_lose_little_to_padding() -> None:
    random = np.random.default_rng(0)
    texts = [[1] * int(length) for length in random.integers(4, 250, 2_000)]
    batches = list(torch_batches(texts, 4096, 256, 0))
    computed = sum(batch.ids.numel() for batch in batches)
    assert computed < 1.06 * sum(map(len, texts))


def test_what_is_made_ahead_comes_in_order_and_is_bounded() -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        for number in range(50):
            made += 1
            yield number

    stream = made_ahead(items())
    assert next(stream) == 0
    time.sleep(0.05)
    assert made <= AHEAD + 2
    assert list(stream) == list(range(1, 50))


def test_items_are_made_while_the_consumer_is_busy() -> None:
    both = threading.Barrier(2, timeout=10)

    def items() -> Iterator[int]:
        yield 0
        both.wait()
        yield 1

    stream = made_ahead(items())
    next(stream)
    both.wait()  # would never be passed if the next item were made only when it is asked for
    assert next(stream) == 1


def test_an_error_in_the_thread_reaches_the_consumer() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise ZeroDivisionError

    stream = made_ahead(items())
    assert next(stream) == 0
    with pytest.raises(ZeroDivisionError):
        next(stream)


def test_a_consumer_that_stops_ends_the_thread() -> None:
    before = threading.active_count()
    stream = made_ahead(iter(range(1_000)))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before

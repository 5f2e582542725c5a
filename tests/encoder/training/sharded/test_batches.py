from __future__ import annotations

import pytest
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.sharded.batches import Batches
from dsv3.encoder.training.sharded.schedule import rate_at
from dsv3.errors import InputError

EXAMPLES = [Example(str(number), "") for number in range(21)]


def queries(batches: Batches, number: int, rank: int = 0, processes: int = 1) -> list[str]:
    return [one.query for one in batches.part(number, rank, processes)]


def test_an_epoch_shows_each_example_once_in_an_order_of_its_own() -> None:
    batches = Batches(EXAMPLES, 4, 3, seed=5)
    assert batches.passes == 15
    epochs = [[q for n in range(5) for q in queries(batches, 5 * e + n)] for e in range(3)]
    for epoch in epochs:
        assert len(set(epoch)) == 20
    assert epochs[0] != epochs[1] != epochs[2]
    assert queries(Batches(EXAMPLES, 4, 3, seed=5), 7) == queries(batches, 7)
    assert queries(Batches(EXAMPLES, 4, 3, seed=6), 7) != queries(batches, 7)


def test_processes_share_a_batch_without_changing_it() -> None:
    batches = Batches(EXAMPLES, 8, 1, seed=0)
    parts = [queries(batches, 1, rank, 4) for rank in range(4)]
    assert [len(part) for part in parts] == [2, 2, 2, 2]
    assert [q for part in parts for q in part] == queries(batches, 1)


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(InputError, match="21 examples do not fill a batch of 22"):
        Batches(EXAMPLES, 22, 1, seed=0)


def test_the_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    assert rate_at(0.05, 0.1) == pytest.approx(0.5)
    assert rate_at(0.1, 0.1) == pytest.approx(1.0)
    assert rate_at(0.55, 0.1) == pytest.approx(0.5)
    assert rate_at(1.0, 0.1) == pytest.approx(0.0)
    assert rate_at(0.5, 1.0) == pytest.approx(0.5)
    assert rate_at(1.0, 1.0) == pytest.approx(1.0)

from __future__ import annotations

import pytest
import torch
from dsv3.encoder.v3 import V3Config
from dsv3.encoder.v3.gates import TASKS, Gates, Task


@pytest.fixture
def gates(config: V3Config) -> Gates:
    torch.manual_seed(0)
    return Gates(config).eval()


@pytest.mark.parametrize("task", TASKS)
def test_weights_are_the_softmax_over_the_two_highest_scores(gates: Gates, task: Task) -> None:
    x = torch.randn(40, 16)
    experts, weights = gates(x, task)
    logits = (x @ getattr(gates, task).weight.T).detach()
    for row in range(40):
        best = sorted(range(8), key=lambda e: -float(logits[row, e]))[:2]
        assert experts[row].tolist() == best
        torch.testing.assert_close(weights[row], logits[row, best].softmax(0))


def test_each_task_has_a_gate_of_its_own(gates: Gates) -> None:
    x = torch.randn(40, 16)
    assert not torch.equal(gates(x, "query")[0], gates(x, "document")[0])


def test_the_bias_moves_the_choice_and_not_the_scores(gates: Gates) -> None:
    x = torch.randn(40, 16)
    scores = (x @ gates.query.weight.T).softmax(-1)
    gates.bias[TASKS.index("query"), 5] = 10.0
    experts, weights = gates(x, "query")
    assert (experts[:, 0] == 5).all()
    chosen = scores.gather(1, experts)
    torch.testing.assert_close(weights, chosen / chosen.sum(-1, keepdim=True))
    untouched, _ = gates(x, "document")
    assert not (untouched[:, 0] == 5).all()


def test_load_counts_each_choice_of_each_gate_and_no_padding(gates: Gates) -> None:
    gates.train()
    x = torch.randn(10, 16)
    experts, _ = gates(x, "query")
    assert gates.load[0].tolist() == torch.bincount(experts.flatten(), minlength=8).tolist()
    assert gates.load[1].sum() == 0
    gates(x, "document", torch.arange(10) < 4)
    assert gates.load[1].sum() == 4 * 2


def test_nothing_is_counted_outside_training(gates: Gates) -> None:
    gates(torch.randn(10, 16), "query")
    assert gates.load.sum() == 0

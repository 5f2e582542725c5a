from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.encoder.training.sharded.cost import Machine, Work, least_gpus, plan, shape_of
from dsv3.encoder.training.sharded.settings import DistributedSettings
from dsv3.encoder.training.sharded.train import train_distributed
from dsv3.encoder.v3 import V3Config
from dsv3.encoder.v3.presets import preset

from .conftest import Together

WORK = Work()


def test_states_are_sixteen_bytes_a_parameter_over_all_gpus() -> None:
    shape = shape_of(preset("v3-base").config(), WORK)
    total = shape.shared + shape.divided
    assert total == pytest.approx(171.56e6, rel=1e-3)
    assert plan(shape, 1, WORK, Machine()).state == 16 * total
    assert plan(shape, 8, WORK, Machine()).state == pytest.approx(2 * total)
    assert plan(shape, 8, WORK, Machine(), expert_parallel=4).state == pytest.approx(2 * total)


def test_alone_nothing_is_sent_and_dividing_experts_sends_tokens_instead_of_weights() -> None:
    shape = shape_of(preset("v3-base").config(), WORK)
    alone = plan(shape, 1, WORK, Machine())
    assert alone.send_seconds == 0
    assert alone.step_seconds[0] == alone.step_seconds[1] == alone.compute_seconds > 0
    whole, divided = (plan(shape, 16, WORK, Machine(), expert_parallel=parts) for parts in (1, 8))
    assert divided.sent_weights < whole.sent_weights
    assert divided.sent_gradients < whole.sent_gradients
    assert divided.sent_tokens > whole.sent_tokens == 0
    assert divided.gathered < whole.gathered


def test_the_least_number_of_gpus_is_the_first_that_is_enough() -> None:
    shape = shape_of(preset("v3-260b").config(), WORK)
    machine = Machine()
    found = least_gpus(shape, WORK, machine, expert_parallel=8)
    assert found is not None
    room = machine.memory * machine.usable
    assert found.memory <= room
    assert plan(shape, found.gpus // 2, WORK, machine, expert_parallel=8).memory > room
    assert least_gpus(shape, WORK, Machine(memory=1e9)) is None


def test_the_bytes_calculated_are_the_bytes_counted(
    together: Together, calm: Path, examples: Path, tmp_path: Path
) -> None:
    settings = DistributedSettings(batch=16, compression="bf16")

    def work(rank: int) -> tuple[int, int]:
        step = train_distributed(calm, tmp_path / "out", examples, settings).steps[0]
        return step.gathered, step.reduced

    gathered, reduced = together(work)[0]
    # The tiny model computes in float32, twice as wide as the plan's bfloat16. Its root, kept
    # whole until the backward pass, is gathered once in four times.
    config = V3Config.from_pretrained(calm)
    shape = shape_of(config, Work(passes=1, gradient_bytes=2))
    planned = plan(shape, 2, Work(passes=1, gradient_bytes=2), Machine())
    assert reduced == pytest.approx(planned.sent_gradients, rel=0.02)
    assert 0.5 * planned.sent_weights * 2 < gathered <= 1.02 * planned.sent_weights * 2

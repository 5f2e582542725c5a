"""What a sharded run would take, as calculated, adds up."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from dsv3.encoder.v3.presets import preset


def load(name: str) -> Any:
    """Import a benchmark, which is no package's."""
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


scale_plan = load("scale_plan")
Machine, Work, plan = scale_plan.Machine, scale_plan.Work, scale_plan.plan
least_gpus, shape_of = scale_plan.least_gpus, scale_plan.shape_of
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

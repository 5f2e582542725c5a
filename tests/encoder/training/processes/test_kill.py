"""A process dies in the middle of a step: torchrun starts all again, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dsv3.encoder.training.examples import Example, write_examples

from .conftest import TINY

# A process that is told to dies at the end of a step, once.
CHILD = """
import os, signal, sys, time
from dsv3.cli.app import main
from dsv3.encoder.training.callbacks import RunLog

told, (fatal, rank) = RunLog.on_step_end, (int(part) for part in sys.argv.pop().split(","))

def dying(self, args, state, control, **others):
    time.sleep(0.05)
    first_try = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if state.global_step == fatal and int(os.environ["RANK"]) == rank and first_try:
        os.kill(os.getpid(), signal.SIGKILL)
    return told(self, args, state, control, **others)

RunLog.on_step_end = dying
main()
"""


@dataclass
class Run:
    code: int
    said: str
    report: dict[str, Any]


def torchrun(folder: Path, out: Path, examples: list[Example], *, restarts: int, fatal: str) -> Run:
    child, file = folder / "child.py", folder / "examples.jsonl"
    child.write_text(CHILD)
    write_examples(file, examples)
    settings = "--batch 8 --epochs 3 --most-micro-batches 2 --checkpoint-seconds 0.2 --json"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", "--max-restarts", str(restarts), str(child)]
    command += ["model", "fit", str(file), "--base", str(TINY), "--out", str(out)]
    done = subprocess.run(
        [*command, *settings.split(), fatal],
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    report = json.loads(done.stdout) if done.stdout else {}
    return Run(done.returncode, done.stderr, report)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_costs_no_step_of_the_curve(
    examples: list[Example], tmp_path: Path, rank: int
) -> None:
    whole = torchrun(tmp_path, tmp_path / "whole", examples, restarts=0, fatal="-1,0")
    assert whole.code == 0, whole.said
    restarted = torchrun(tmp_path, tmp_path / "again", examples, restarts=1, fatal=f"12,{rank}")
    assert restarted.code == 0, restarted.said
    assert "exitcode: -9" in restarted.said, "the process must have been killed"
    assert 1 <= restarted.report["resumed"] <= 12
    assert _curve(restarted) == _curve(whole)
    assert restarted.report["loads"] == whole.report["loads"]
    weights = [tmp_path / name / "model.safetensors" for name in ("whole", "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.slow
def test_the_next_run_goes_on_where_torchrun_gave_up(
    examples: list[Example], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = torchrun(tmp_path, out, examples, restarts=0, fatal="12,1")
    assert ended.code != 0
    assert not out.exists()
    done = torchrun(tmp_path, out, examples, restarts=0, fatal="-1,0")
    assert done.code == 0, done.said
    assert 1 <= done.report["resumed"] <= 12
    whole = torchrun(tmp_path, tmp_path / "whole", examples, restarts=0, fatal="-1,0")
    assert _curve(done) == _curve(whole)


def _curve(run: Run) -> dict[str, Any]:
    """Return what a whole and a resumed run share: all but the mean loss around the checkpoint."""
    curve = {name: run.report[name] for name in ("gradients", "accumulation")}
    return curve | {"losses": [pair for pair in run.report["losses"] if pair[0] > 14]}

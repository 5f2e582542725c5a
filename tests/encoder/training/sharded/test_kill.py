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

from .conftest import TINY

# A process that is told to dies at the beginning of a step, once.
CHILD = """
import os, signal, sys
from dsv3.cli.app import main
from dsv3.encoder.training.sharded.trainer import Trainer

step, (fatal, rank) = Trainer._step, (int(part) for part in sys.argv.pop().split(","))

def dying(self, due):
    first_try = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if len(self.steps) == fatal and self.processes.rank == rank and first_try:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, due)

Trainer._step = dying
main()
"""


@dataclass
class Run:
    code: int
    said: str
    report: dict[str, Any]


def torchrun(folder: Path, out: Path, examples: Path, *, restarts: int, fatal: str) -> Run:
    child = folder / "child.py"
    child.write_text(CHILD)
    settings = "--batch 8 --epochs 5 --most-passes 2 --checkpoint-seconds 0.2 --json".split()  # noqa: SIM905
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", "--max-restarts", str(restarts), str(child)]
    command += ["model", "fit", str(examples), "--base", str(TINY), "--out", str(out)]
    done = subprocess.run(
        [*command, *settings, fatal],
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
    examples: Path, tmp_path: Path, rank: int
) -> None:
    whole = torchrun(tmp_path, tmp_path / "whole", examples, restarts=0, fatal="-1,0")
    assert whole.code == 0, whole.said
    restarted = torchrun(tmp_path, tmp_path / "again", examples, restarts=1, fatal=f"15,{rank}")
    assert restarted.code == 0, restarted.said
    assert "exitcode: -9" in restarted.said, "the process must have been killed"
    assert 1 <= restarted.report["resumed"] <= 15
    assert _curve(restarted) == _curve(whole)
    assert restarted.report["loads"] == whole.report["loads"]
    weights = [tmp_path / name / "model.safetensors" for name in ("whole", "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.slow
def test_the_next_run_goes_on_where_torchrun_gave_up(examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = torchrun(tmp_path, out, examples, restarts=0, fatal="12,1")
    assert ended.code != 0
    assert not out.exists()
    done = torchrun(tmp_path, out, examples, restarts=0, fatal="-1,0")
    assert done.code == 0, done.said
    assert 1 <= done.report["resumed"] <= 12
    whole = torchrun(tmp_path, tmp_path / "whole", examples, restarts=0, fatal="-1,0")
    assert _curve(done) == _curve(whole)


def _curve(run: Run) -> list[tuple[float, int, float]]:
    return [(step["loss"], step["passes"], step["norm"]) for step in run.report["steps"]]

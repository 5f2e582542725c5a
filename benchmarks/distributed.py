"""Does training on two processes learn what one does, and at what cost?

    python benchmarks/distributed.py CATALOG_FOLDER [--keep FOLDER] [--only none,fp8,…]

v3-edge, upcycled from the default encoder, learns to find products by words of their titles. Each
run is `dsv3 model fit` under torchrun with one thread a process: two processes with gradients as
they are, and as FP16, bfloat16 and FP8; two of which one is killed on the way; one process alone.
Prints tables; what each run wrote stays in the folder to keep.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from dsv3.encoder.training.examples import Example, write_examples
from dsv3.encoder.upcycling.upcycle import upcycle_base
from dsv3.encoder.v3.folder import is_v3_folder

RUNS: dict[str, list[str]] = {
    "none": [],
    "fp16": ["--compression", "fp16"],
    "bf16": ["--compression", "bf16"],
    "fp8": ["--compression", "fp8"],
    "killed": ["--checkpoint-seconds", "2"],
    "alone": [],
}
SETTINGS = (
    "--batch 32 --max-tokens 24 --learning-rate 1e-4 --blend 1 --checkpoint-seconds 900".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Workplace:
    """The files of the runs."""

    folder: Path
    steps: int

    @property
    def base(self) -> Path:
        """Return the folder of the model that is trained."""
        return self.folder / "base"

    @property
    def examples(self) -> Path:
        """Return the file of training examples."""
        return self.folder / "examples.jsonl"

    def out(self, name: str) -> Path:
        """Return the folder that a run writes."""
        return self.folder / name.replace(" ", "-")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--only", default=",".join(RUNS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Workplace(options.keep or Path(temporary), options.steps)
        prepare(place, options.catalog)
        for name in options.only.split(","):
            if not place.out(name).exists():
                train(place, name)
        show({name: report(place, name) for name in RUNS if place.out(name).exists()})


def prepare(place: Workplace, catalog: Path) -> None:
    """Make the base and the examples, unless they are there."""
    place.folder.mkdir(parents=True, exist_ok=True)
    if not is_v3_folder(place.base):
        upcycle_base("default", place.base, preset_name="v3-edge")
    if not place.examples.exists():
        write_examples(place.examples, examples(catalog, 32 * place.steps))


def examples(catalog: Path, count: int) -> list[Example]:
    """Make queries of two or three words of real titles."""
    draw = random.Random(0)
    made = []
    with gzip.open(catalog / "products.jsonl.gz", "rt") as stream:
        for line in stream:
            title = str(json.loads(line).get("title", ""))
            words = title.split()
            if len(words) >= 4:
                chosen = sorted(draw.sample(range(len(words)), draw.choice((2, 3))))
                made.append(Example(" ".join(words[n] for n in chosen), title))
    return draw.sample(made, count)


def train(place: Workplace, name: str) -> None:
    """Run one training to its end; of "killed", kill a process once a checkpoint is there."""
    processes = 1 if name == "alone" else 2
    restarts = 1 if name == "killed" else 0
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), "--max-restarts", str(restarts)]
    command += ["-m", "dsv3", "model", "fit", str(place.examples), "--base", str(place.base)]
    command += ["--out", str(place.out(name)), *SETTINGS, *RUNS[name]]
    begin = time.monotonic()
    log = place.folder / f"{place.out(name).name}.log"
    with (
        log.open("w") as stream,
        subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, "OMP_NUM_THREADS": "1"}
        ) as running,
    ):
        if name == "killed":
            kill_one(running, place, log)
    assert running.returncode == 0, log.read_text()
    print(f"{name}: {time.monotonic() - begin:.0f} s in all", flush=True)


def kill_one(running: subprocess.Popen[bytes], place: Workplace, log: Path) -> None:
    """Wait for half of the steps and a checkpoint, then kill the second process."""
    checkpoints = place.folder / ".killed.training"
    half = f"step {place.steps // 2} of"
    while not (any(checkpoints.glob("checkpoint-*/whole")) and half in log.read_text()):
        assert running.poll() is None, log.read_text()
        time.sleep(0.05)
    workers = psutil.Process(running.pid).children()
    victim = max(workers, key=lambda process: process.pid)
    os.kill(victim.pid, signal.SIGKILL)


def report(place: Workplace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place.out(name) / "training.json").read_text())
    return found


def show(reports: dict[str, dict[str, Any]]) -> None:
    show_curves(reports)
    show_costs(reports)
    if {"none", "killed"} <= reports.keys():
        whole, killed = (
            [loss for _, loss in reports[name]["losses"]] for name in ("none", "killed")
        )
        apart = max(abs(one - other) for one, other in zip(whole, killed, strict=True))
        print(
            f"killed: went on from step {reports['killed']['resumed']}; "
            f"largest difference of a loss to the whole run: {apart}"
        )


def show_curves(reports: dict[str, dict[str, Any]]) -> None:
    """Print the losses, each the mean of the steps since the one before."""
    print("| step |" + "".join(f" {name} |" for name in reports))
    print("|---|" + "---:|" * len(reports))
    for lines in zip(*(one["losses"] for one in reports.values()), strict=True):
        print(f"| {lines[0][0]} |" + "".join(f" {loss:.4f} |" for _, loss in lines))


def show_costs(reports: dict[str, dict[str, Any]]) -> None:
    """Print the time of a step, the first ones' included."""
    print("| run | seconds a step | to alone |")
    print("|---|---:|---:|")
    seconds = {name: one["seconds"] / one["steps"] for name, one in reports.items()}
    for name, each in seconds.items():
        ratio = f"{seconds['alone'] / each:.2f}" if "alone" in seconds else ""
        print(f"| {name} | {each:.2f} | {ratio} |")


if __name__ == "__main__":
    main()

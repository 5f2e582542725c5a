"""Run a command and measure it: wall time, CPU time, peak memory of all its processes."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLED_EVERY = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command took.

    Attributes:
        wall: seconds from start to exit.
        cpu: seconds of user and system time, its child processes included.
        peak_mb: most memory that its process tree held at once, in MB; a page shared by two
            processes counts once (PSS). 0 where it was not sampled.
        output: what it printed.

    """

    wall: float
    cpu: float
    peak_mb: float
    output: str


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], *, memory: bool = True
) -> Measured:
    """Run a command to its end; a failure ends the benchmark with its last lines."""
    spent = _cpu_of_children()
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = [0.0]
    ended = threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peak, ended))
    if memory:
        sampler.start()
    output, errors = process.communicate()
    wall = time.perf_counter() - begin
    ended.set()
    if memory:
        sampler.join()
    if process.returncode:
        raise SystemExit(f"{command[0]} … failed ({process.returncode}):\n{errors[-2000:]}")
    return Measured(wall, _cpu_of_children() - spent, peak[0], output)


def size_mb(folder: Path) -> float:
    """Return the size of all files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without thread settings, with `settings` added.

    A system then has its own defaults, whatever started the benchmark.
    """
    ours = ("OMP_", "KMP_", "MKL_", "OPENBLAS_", "TOKENIZERS_", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **settings}


def machine() -> str:
    """Describe the load before a run."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}"


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sample(pid: int, peak: list[float], ended: threading.Event) -> None:
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        while not ended.wait(_SAMPLED_EVERY):
            total = 0
            for process in [parent, *parent.children(recursive=True)]:
                with suppress(psutil.Error):
                    total += process.memory_full_info().pss
            peak[0] = max(peak[0], total / 1e6)

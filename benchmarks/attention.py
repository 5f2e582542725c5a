"""Measure the time and the memory of segmented attention beside naive and fused full attention.

    python benchmarks/attention.py --lengths 2048 8192 16384 32768

One layer, 12 heads of 32, float32, one thread, no padding. Times are medians of rounds in which
the kinds take turns. Memory is what one call adds to the resident peak of a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from dsv3.encoder.v3.attention import dynamic_segments, exact_segments, full_attention
from torch import Tensor

HEADS, HEAD_DIM = 12, 32
MIB = 2**20


def naive(q: Tensor, k: Tensor, v: Tensor, _mask: None) -> Tensor:
    out: Tensor = (q @ k.transpose(2, 3) / HEAD_DIM**0.5).softmax(dim=3) @ v
    return out


KINDS: dict[str, Callable[..., Tensor]] = {
    "naive": naive,
    "SDPA": full_attention,
    "exact": exact_segments,
    "dynamic": dynamic_segments,
    "dynamic, summary": partial(dynamic_segments, summary=True),
    "dynamic, 1024": partial(dynamic_segments, segment=1024),
}


def fits(kind: str, length: int) -> bool:
    """Say whether a kind's scores, twice over, leave half of the free memory alone."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return kind != "naive" or 2 * 4 * HEADS * length**2 < free / 2


def texts(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return q, k, v as a layer makes them: views of one projection."""
    torch.manual_seed(0)
    q, k, v = torch.randn(1, length, 3, HEADS, HEAD_DIM).permute(2, 0, 3, 1, 4)
    return q, k, v


def peak() -> int:
    """Return the resident peak of this process since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget_peak() -> None:
    """Let the resident peak start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


@torch.no_grad()
def extra_memory(kind: str, length: int) -> float:
    """Return the MiB that one call adds at its peak; run in a process of its own."""
    KINDS[kind](*texts(2048), None)  # loads the kernels
    q, k, v = texts(length)
    forget_peak()
    before = peak()
    KINDS[kind](q, k, v, None)
    return (peak() - before) / MIB


def memory_elsewhere(kind: str, length: int) -> float:
    command = [sys.executable, __file__, "--memory-of", kind, "--lengths", str(length)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@torch.no_grad()
def times(kinds: list[str], length: int, rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each kind."""
    q, k, v = texts(length)
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            start = time.process_time()
            KINDS[kind](q, k, v, None)
            taken[kind].append(time.process_time() - start)
    return {kind: statistics.median(some) for kind, some in taken.items()}


def report(length: int, rounds: int) -> None:
    kinds = [kind for kind in KINDS if fits(kind, length)]
    seconds = times(kinds, length, rounds)
    memory = {kind: memory_elsewhere(kind, length) for kind in kinds}
    for kind in kinds:
        faster = " | ".join(
            f"{seconds[other] / seconds[kind]:.2f}x" if other in seconds else "-"
            for other in ("naive", "SDPA")
        )
        print(
            f"| {length:,} | {kind} | {1000 * seconds[kind]:,.0f} ms | {faster} "
            f"| {memory[kind]:,.0f} MiB |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[2048, 8192, 16384, 32768])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory_of:
        print(extra_memory(arguments.memory_of, arguments.lengths[0]))
        return
    print("| tokens | attention | time | faster than naive | than SDPA | extra memory |")
    print("|---|---|---|---|---|---|")
    for length in arguments.lengths:
        report(length, arguments.rounds)


if __name__ == "__main__":
    main()

"""Encode one long text with the whole of v3-edge: time, and memory beyond the loaded model.

    python benchmarks/attention_model.py --lengths 8192 16384 32768

Random weights of the preset: neither figure depends on them. Each case runs in a process of its
own, on one thread, in float32; time is the processor's, memory the resident peak of the encoding.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from dsv3.encoder.v3 import V3Model
from dsv3.encoder.v3.presets import preset

MIB = 2**20


def status(field: str) -> float:
    """Return a field of this process's status, in MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) * 1024 / MIB


@torch.no_grad()
def encode(attention: str, length: int) -> str:
    """Encode a text once; returns a row of the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = V3Model(preset("v3-edge").config(attention=attention))
    model.train(False)
    model.config.attention_segment = 512 if attention == "dynamic" else 1024
    model(torch.randint(1000, 30000, (1, 600)))  # loads the kernels
    text = torch.randint(1000, 30000, (1, length))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before, start = status("VmRSS"), time.process_time()
    out = model(text).last_hidden_state
    seconds = time.process_time() - start
    assert out.shape == (1, length, model.config.hidden_size)
    assert bool(out.isfinite().all())
    peak = status("VmHWM")
    return (
        f"| {length:,} | {attention} | {seconds:.1f} s "
        f"| {peak - before:,.0f} MiB | {peak:,.0f} MiB |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lengths", type=int, nargs="+", default=[8192, 16384, 32768])
    parser.add_argument("--kinds", nargs="+", default=["full", "exact", "dynamic"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(encode(options.kinds[0], options.lengths[0]))
        return
    print("| tokens | attention | time | extra memory | whole process |")
    print("|---|---|---|---|---|")
    for length in options.lengths:
        for kind in options.kinds:
            case = [__file__, "--one", "--kinds", kind, "--lengths", str(length)]
            subprocess.run([sys.executable, *case], check=True)


if __name__ == "__main__":
    main()

"""What do the experts cost on a CPU? A forward of V3 beside its dense base, one thread.

    python benchmarks/moe_cost.py [--repeats 15]

Three models take turns on the same token ids, and the medians are compared: the base as
transformers runs it, the base's shape in our code (V3 without experts), and V3 with every
implementation of experts. Times are those the processor spent on the thread, so that other
programs on the machine count only where they take caches and memory bandwidth away.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from dsv3.encoder.default import default_folder
from dsv3.encoder.upcycling.upcycle import upcycle
from dsv3.encoder.v3 import V3Model
from dsv3.encoder.v3.accounts import count_operations, dense_config
from dsv3.encoder.v3.presets import preset
from transformers import BertModel

SHAPES = [(1, 8), (1, 32), (1, 128), (64, 8), (64, 32), (64, 128)]
# batched_mm copies an expert's weights for every token, so it is timed on short batches only.
SLOW_ABOVE = 8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = BertModel.from_pretrained(str(default_folder()), add_pooling_layer=False)
    base.train(False)
    v3 = upcycle(base, **preset("v3-edge").mixture)
    ours = V3Model(dense_config(v3.config))
    ours.train(False)
    print("median milliseconds; ratio to the base as transformers runs it, and to our dense code")
    for batch, length in SHAPES:
        time_shape(base, ours, v3, batch, length, options.repeats)


def time_shape(
    base: BertModel, ours: V3Model, v3: V3Model, batch: int, length: int, repeats: int
) -> None:
    """Print a line for each way of running one shape."""
    ids = torch.randint(1000, 30000, (batch, length), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    ways: dict[str, Callable[[], object]] = {
        "base": lambda: base(ids, mask),
        "dense": lambda: ours(ids, mask),
    }
    for name in ("eager", "grouped_mm", "batched_mm"):
        if name != "batched_mm" or batch * length <= SLOW_ABOVE:
            ways[name] = lambda name=name: run_with(v3, name, ids, mask)  # type: ignore[misc]
    times = interleaved(ways, repeats if batch * length < 2000 else max(repeats // 3, 3))
    added = count_operations(v3, "document", length).added
    print(f"batch {batch}, {length} tokens; arithmetic alone {1 + added:.2f}")
    for name, median in times.items():
        print(
            f"  {name:10} {median * 1e3:9.2f}   {median / times['base']:6.2f}"
            f"   {median / times['dense']:6.2f}"
        )


def run_with(v3: V3Model, implementation: str, ids: torch.Tensor, mask: torch.Tensor) -> object:
    """Run V3 with one of transformers' implementations of experts."""
    v3.config._experts_implementation = implementation
    return v3(ids, mask, task="document")


@torch.inference_mode()
def interleaved(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return each way's median seconds of processor time; the ways take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.thread_time()
            way()
            seconds[name].append(time.thread_time() - begin)
    return {name: statistics.median(found) for name, found in seconds.items()}


if __name__ == "__main__":
    main()

"""The processor as OpenVINO sees it: which precision it computes fast, and on how many threads."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from openvino import CompiledModel, Core, Model

DEVICE = "CPU"


@cache
def core() -> Core:
    """Return the one OpenVINO core of this process."""
    return Core()


def computes_bf16() -> bool:
    """Say whether the processor multiplies bfloat16 numbers itself, at twice float32's speed."""
    return "BF16" in core().get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")


def compile_graph(graph: Model | Path, *, threads: int, bf16: bool) -> CompiledModel:
    """Compile a graph; one stored as a file has its weights mapped, not read."""
    settings: dict[str, Any] = {
        # Each process would pin its threads to the same first cores: two workers on one of them.
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    return core().compile_model(graph, DEVICE, settings)

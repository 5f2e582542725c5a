"""The processor as OpenVINO sees it, and graphs compiled for it when they are first run."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

from openvino import CompiledModel, Core, InferRequest, Model

from ...errors import EncoderError
from ..base import FloatArray
from .batch import Inputs

DEVICE = "CPU"
# Inputs that share a scale where the runtime rounds them to 8 bits itself.
_GROUP = 32


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
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP,  # of int8 weights alone
    }
    return core().compile_model(graph, DEVICE, settings)


class LazyGraph:
    """A graph's file, which is compiled when it is first run.

    Threads may share it: each has a request of its own, and they take turns computing.
    """

    def __init__(self, path: Path, *, threads: int, bf16: bool) -> None:
        self._path = path
        self._threads = threads
        self._bf16 = bf16
        self._compiled: CompiledModel | None = None
        self._compiling = threading.Lock()
        self._requests = threading.local()

    def run(self, given: Inputs) -> FloatArray:
        """Return the graph's first output.

        Raises:
            EncoderError: the file cannot be compiled.

        """
        request: InferRequest | None = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self.compiled().create_infer_request()
        found: FloatArray = request.infer(given)[0]
        return found

    def compiled(self) -> CompiledModel:
        """Return the compiled graph."""
        with self._compiling:
            if self._compiled is None:
                bf16 = self._bf16 and computes_bf16()
                try:
                    self._compiled = compile_graph(self._path, threads=self._threads, bf16=bf16)
                except RuntimeError as error:
                    first = str(error).strip().splitlines()[-1][:160]
                    raise EncoderError(f"{self._path} cannot be compiled: {first}") from error
            return self._compiled

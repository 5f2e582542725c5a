"""Run a sentence-transformers model by token budget; on a GPU in bfloat16, copies overlapped.

While the device computes one batch, a thread tokenises and pads the next ones into pinned
memory, and a stream of its own copies them over. Vectors come back the same way: the device is
waited for only when several results are on their way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base import FloatArray, IntArray
from .batches import TorchBatch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

# Tokens a batch computes: a core's cache holds few, a GPU's units starve on few.
CPU_BUDGET = 4096
GPU_BUDGET = 65_536
# Results on their way back before the oldest is waited for.
_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class _Returning:
    """A batch's vectors on the host, and the event that says they have arrived."""

    positions: IntArray
    vectors: Tensor
    arrived: Any = None

    def wait(self) -> tuple[IntArray, FloatArray]:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.positions, self.vectors.numpy()


class TorchRunner:
    """Computes batches on one device.

    Attributes:
        budget: tokens that fill the device well.
        pinned: whether batches should lie in pinned memory.

    """

    def __init__(self, model: SentenceTransformer, device: str, *, normalize: bool) -> None:
        import torch

        self._device = torch.device(device)
        self.pinned = self._device.type == "cuda"
        self.budget = GPU_BUDGET if self.pinned else CPU_BUDGET
        self._model = model.to(self._device).eval()
        self._normalize = normalize
        self._copies: Any = None
        if self.pinned:
            compute_in_bf16(model)
            self._copies = torch.cuda.Stream(self._device)

    def run(
        self, batches: Iterator[TorchBatch], task: str
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield positions and vectors (n, dim) of each batch, in order."""
        returning: deque[_Returning] = deque()
        for batch in batches:
            returning.append(self._start(batch, task))
            if len(returning) > (_IN_FLIGHT if self.pinned else 0):
                yield returning.popleft().wait()
        while returning:
            yield returning.popleft().wait()

    def _start(self, batch: TorchBatch, task: str) -> _Returning:
        """Queue a batch's computation; on a CPU it is then done."""
        import torch

        with torch.inference_mode():
            features = self._on_device(batch)
            vectors = self._model(features, task=task)["sentence_embedding"].float()
            if self._normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=1)
            if not self.pinned:
                return _Returning(batch.positions, vectors.cpu())
            host = torch.empty(vectors.shape, dtype=torch.float32, pin_memory=True)
            host.copy_(vectors, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record(torch.cuda.current_stream(self._device))
            return _Returning(batch.positions, host, arrived)

    def _on_device(self, batch: TorchBatch) -> dict[str, Tensor]:
        """Copy a batch over; on a GPU by a stream of its own, beside what is being computed."""
        import torch

        named = {"input_ids": batch.ids, "attention_mask": batch.mask}
        if self._copies is None:
            return {name: values.to(self._device) for name, values in named.items()}
        with torch.cuda.stream(self._copies):
            moved = {
                name: values.to(self._device, non_blocking=True) for name, values in named.items()
            }
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._copies)
        for values in moved.values():
            values.record_stream(computing)
        return moved


def compute_in_bf16(model: SentenceTransformer) -> None:
    """Let the transformer compute in bfloat16, and what pools its tokens in float32."""
    import torch

    transformer = model[0]
    transformer.to(torch.bfloat16)

    def widen(_: Any, __: Any, features: dict[str, Any]) -> dict[str, Any]:
        found = features["token_embeddings"]
        return {**features, "token_embeddings": found.float()}

    transformer.register_forward_hook(widen)

"""What FSDP sends: weights gathered, gradients compressed and summed; bytes counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp._fully_shard._fsdp_api import AllGather, ReduceScatter

from .wire import Wire


class Traffic:
    """Counts what this process sends to others.

    Attributes:
        gathered: bytes of weights sent.
        reduced: bytes of gradients sent.
        dispatched: bytes of tokens sent to experts and back, forward only.

    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Count from zero."""
        self.gathered = self.reduced = self.dispatched = 0

    def dispatch(self, sent: int) -> None:
        """Add the bytes of tokens sent to experts."""
        self.dispatched += sent


class _Allocation:
    """Allocates as torch does by itself."""

    def allocate(
        self, size: Sequence[int | torch.SymInt], *, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        """Return room for what is sent or received."""
        return torch.empty(*size, dtype=dtype, device=device)


class CountedAllGather(_Allocation, AllGather):
    """Gathers weights as torch does, and counts."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,
        async_op: bool = False,
    ) -> dist.Work | None:
        """Fill (processes * shard,) from each process's (shard,)."""
        self._traffic.gathered += _bytes(input_tensor) * (group.size() - 1)
        work: dist.Work | None = dist.all_gather_single(
            output_tensor, input_tensor, group, async_op
        )
        return work


class CompressedReduceScatter(_Allocation, ReduceScatter):
    """Sums gradients that travel in another format.

    Each process sends every other one its chunk, encoded, and sums what it receives in float32:
    the bytes of a reduce-scatter, with one rounding a number instead of one at each addition.
    """

    def __init__(self, wire: Wire, traffic: Traffic) -> None:
        self._wire = wire
        self._traffic = traffic

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,
        op: Any = None,
        async_op: bool = False,
    ) -> None:
        """Fill (shard,) with the sum over processes of their (processes * shard,)."""
        chunks = input_tensor.view(group.size(), -1)  # (processes, shard)
        payload = self._wire.encode(chunks)  # (processes, bytes)
        arrived = torch.empty_like(payload)
        dist.all_to_all_single(arrived, payload, group=group)
        self._traffic.reduced += _bytes(payload) * (group.size() - 1) // group.size()
        torch.sum(self._wire.decode(arrived, chunks.size(1)), dim=0, out=output_tensor)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()

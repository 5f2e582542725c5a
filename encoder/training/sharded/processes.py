"""Join the other processes, and know which part of the work is whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore, PrefixStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.rendezvous import rendezvous

# Long enough for the slowest of them to load a big model.
TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a run, as a line and as a rectangle.

    Attributes:
        rank: the number of this one.
        size: how many there are.
        device: what this one computes on.
        line: mesh of all, among which all but the experts' weights are sharded.
        rectangle: mesh (data, expert): a row of it holds all experts between its processes.
        words: group for small messages, on the CPU.
        files: group for writing checkpoints in the background; nothing else may use it, since
            messages of two threads would meet.

    """

    rank: int
    size: int
    device: torch.device
    line: DeviceMesh
    rectangle: DeviceMesh
    words: dist.ProcessGroup
    files: dist.ProcessGroup

    @property
    def first(self) -> bool:
        """Say whether this is the process that prints and writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all are here."""
        dist.barrier(self.words)


@contextmanager
def joined_processes(expert_parallel: int = 1) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be the only one, and leave them at the end.

    Args:
        expert_parallel: processes among which experts are divided; divides the number of all.

    """
    mine = not dist.is_initialized()
    device = _device()
    if mine:
        _join(device)
    try:
        rank, size = dist.get_rank(), dist.get_world_size()
        line = init_device_mesh(device.type, (size,), mesh_dim_names=("all",))
        shape = (size // expert_parallel, expert_parallel)
        rectangle = init_device_mesh(device.type, shape, mesh_dim_names=("data", "expert"))
        words, files = (dist.new_group(backend="gloo", timeout=TIMEOUT) for _ in range(2))
        yield Processes(rank, size, device, line, rectangle, words, files)
    finally:
        if mine:
            dist.destroy_process_group()


def process_count() -> int:
    """Return how many processes there are, or will be, without joining them."""
    return dist.get_world_size() if dist.is_initialized() else int(os.environ.get("WORLD_SIZE", 1))


def process_rank() -> int:
    """Return the number of this process, without joining the others."""
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", 0))


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device


def _join(device: torch.device) -> None:
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if "RANK" not in os.environ:
        dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
        return
    store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
    # After a restart torchrun's store may still hold the addresses of those who died.
    attempt = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=TIMEOUT)

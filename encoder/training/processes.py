"""Join the processes that torchrun started, and leave them at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from accelerate import PartialState  # type: ignore[import-untyped]
from torch.distributed.rendezvous import rendezvous

from ...errors import InputError

# Long enough for the slowest of them to load a big model.
_TIMEOUT = timedelta(minutes=30)


@contextmanager
def joined_processes() -> Iterator[PartialState]:
    """Join the processes that torchrun started, or be the only one, and leave them at the end.

    Processes without a GPU talk by gloo, others by NCCL.
    """
    mine = not dist.is_initialized()
    if mine and "RANK" in os.environ:
        _join()
    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        yield state
    finally:
        if mine and dist.is_initialized():
            dist.destroy_process_group()


def _join() -> None:
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store, rank, size = next(rendezvous("env://", timeout=_TIMEOUT))
    # After a restart torchrun's store may still hold the addresses of those who died.
    attempt = dist.PrefixStore(  # type: ignore[attr-defined]
        f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store
    )
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=_TIMEOUT)


def check_share(batch: int) -> None:
    """Refuse a batch that the processes cannot divide evenly among themselves.

    Raises:
        InputError: they cannot.

    """
    if batch % process_count():
        raise InputError(
            f"a batch of {batch} examples cannot be divided evenly among {process_count()} "
            "processes; choose a multiple"
        )


def process_count() -> int:
    """Return how many processes there are, or will be, without joining them."""
    return dist.get_world_size() if dist.is_initialized() else int(os.environ.get("WORLD_SIZE", 1))


def process_rank() -> int:
    """Return the number of this process, without joining the others."""
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", 0))

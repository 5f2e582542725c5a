"""Join the processes that torchrun started, and leave them at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from accelerate import PartialState  # type: ignore[import-untyped]

from ...errors import InputError


@contextmanager
def joined_processes() -> Iterator[PartialState]:
    """Join the processes that torchrun started, or be the only one, and leave them at the end.

    Processes without a GPU talk by gloo, others by NCCL.
    """
    mine = not dist.is_initialized()
    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        yield state
    finally:
        if mine and dist.is_initialized():
            dist.destroy_process_group()


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

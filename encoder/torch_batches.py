"""Token ids as padded tensors, made ahead of the model that computes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .base import IntArray
from .batches import pack

if TYPE_CHECKING:
    from torch import Tensor

# Batches that may wait: enough to hide a slow one, few enough to keep memory flat.
AHEAD = 4
_LENGTH_STEP = 8  # lengths divisible by this fill a GPU's matrix units
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TorchBatch:
    """Hold texts of like length: their places, ids and mask (n, length), padded on the right."""

    positions: IntArray
    ids: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class _End:
    """Say that nothing more comes, and why if that is an error."""

    error: BaseException | None = None


def torch_batches(
    texts: Sequence[Sequence[int]],
    budget: int,
    limit: int,
    padding: int,
    *,
    first: int = 0,
    pinned: bool = False,
) -> Iterator[TorchBatch]:
    """Yield batches of at most `budget` tokens, padding included, longest texts first.

    Args:
        texts: token ids, none longer than `limit`.
        budget: tokens a batch computes; a longer text makes a batch of its own.
        limit: longest text that the model takes.
        padding: the token id that stands where there is no token.
        first: position of the first text.
        pinned: put the tensors into memory that a GPU copies from by itself.

    """
    import torch

    lengths = np.array([len(ids) for ids in texts], dtype=np.int64)
    for positions in pack(lengths, budget):
        longest = min(-(-int(lengths[positions].max()) // _LENGTH_STEP) * _LENGTH_STEP, limit)
        ids = torch.full((len(positions), longest), padding, dtype=torch.int64, pin_memory=pinned)
        mask = torch.zeros((len(positions), longest), dtype=torch.int64, pin_memory=pinned)
        rows, marks = ids.numpy(), mask.numpy()
        for row, position in enumerate(positions):
            rows[row, : lengths[position]] = texts[position]
            marks[row, : lengths[position]] = 1
        yield TorchBatch(positions + first, ids, mask)


def made_ahead(items: Iterator[Item], ahead: int = AHEAD) -> Iterator[Item]:
    """Yield what another thread takes from `items`, which runs at most `ahead` items in front.

    An error raised there is raised here. A consumer that stops early stops the thread too.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(entry: Item | _End) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while not isinstance(entry := waiting.get(), _End):
            yield entry
        if entry.error is not None:
            raise entry.error
    finally:
        stopped.set()
        thread.join()

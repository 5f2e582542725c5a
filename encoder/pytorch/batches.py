"""Token ids as padded tensors, made ahead of the model that computes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..base import IntArray
from ..texts.batches import pack

if TYPE_CHECKING:
    from torch import Tensor

# Batches that may wait: enough to hide a slow one, few enough to keep memory flat.
AHEAD = 4
_LENGTH_STEP = 8  # lengths divisible by this fill a GPU's matrix units
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TorchBatch:
    """Texts of like length: their places, ids and mask (n, length), padded on the right."""

    positions: IntArray
    ids: Tensor
    mask: Tensor


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
    """Yield items, none of them None, which another thread makes up to `ahead` in front.

    An error raised there is raised here.
    """
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, items, None) for _ in range(ahead))
        try:
            while (item := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(next, items, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)

"""Token ids as the arrays a compiled graph takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..base import IntArray
from ..texts.batches import pack

Task = Literal["query", "document"]
Inputs = dict[str, npt.NDArray[np.int32]]

# Tokens a batch computes: activations of this many stay in a core's own cache.
TOKEN_BUDGET = 1024
# Each new shape costs the runtime a compilation; a few padding tokens cost less.
_LENGTH_STEP = 4
_TASKS: dict[Task, int] = {"query": 0, "document": 1}


def batches(texts: Sequence[Sequence[int]], limit: int) -> Iterator[tuple[IntArray, Inputs]]:
    """Yield positions and inputs of each batch, padded to a few lengths up to `limit`."""
    lengths = np.array([len(ids) for ids in texts], dtype=np.int64)
    for positions in pack(lengths, TOKEN_BUDGET):
        yield positions, inputs([texts[position] for position in positions], limit)


def inputs(texts: Sequence[Sequence[int]], limit: int) -> Inputs:
    """Pad token ids on the right: ids (n, length), lengths (n,)."""
    lengths = np.array([len(ids) for ids in texts], dtype=np.int32)
    longest = min(-(-int(lengths.max()) // _LENGTH_STEP) * _LENGTH_STEP, limit)
    ids = np.zeros((len(texts), longest), dtype=np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    return {"ids": ids, "lengths": lengths}


def for_task(given: Inputs, task: Task) -> Inputs:
    """Add which gate decides, for a model with experts."""
    return {**given, "task": np.array(_TASKS[task], dtype=np.int32)}

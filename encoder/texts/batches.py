"""Cut a list of texts into batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..base import IntArray


def pack(lengths: IntArray, budget: int) -> Iterator[IntArray]:
    """Yield the positions of each batch, longest texts first.

    A batch computes (its texts) x (its longest text) tokens; texts of like length are put
    together so that this stays within `budget`, save for a single text that is longer.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        stop = start + max(budget // longest, 1)
        yield order[start:stop]
        start = stop

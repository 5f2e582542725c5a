"""Rank a pool of products by an encoder alone, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..encoder.base import FloatArray
from .run import Run

if TYPE_CHECKING:
    from ..encoder.base import Encoder

_ASKED_AT_ONCE = 256


def dense_run(
    name: str,
    encoder: Encoder,
    queries: Mapping[str, str],
    product_ids: Sequence[str],
    vectors: FloatArray,
    k: int = 100,
) -> Run:
    """Return the `k` products nearest to each query.

    Args:
        name: what to call the run.
        encoder: encodes the queries.
        queries: id -> text.
        product_ids: (n,) ids.
        vectors: (n, dim) of the products, by the same encoder.
        k: products for each query.

    """
    names = list(queries)
    kept = min(k, len(product_ids))
    rankings: dict[str, list[str]] = {}
    scores: dict[str, list[float]] = {}
    for begin in range(0, len(names), _ASKED_AT_ONCE):
        part = names[begin : begin + _ASKED_AT_ONCE]
        found = encoder.encode_queries([queries[query] for query in part]) @ vectors.T
        best = np.argsort(-found, axis=1, kind="stable")[:, :kept]
        for query, places, row in zip(part, best, found, strict=True):
            rankings[query] = [product_ids[place] for place in places]
            scores[query] = row[places].tolist()
    return Run(name, rankings, scores)

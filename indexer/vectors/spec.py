"""Choose what index fits a catalog, and check one that was asked for by hand."""

from __future__ import annotations

import math

from ...errors import InputError
from .backend import Faiss, faiss, reason
from .structure import look_into

# Measured with benchmarks/vectors.py on 384-dimensional product vectors, one thread, recall@10
# of at least 0.97. Scoring every vector takes 1.0 ms at 19,000 and 5.4 ms at 100,000, is exact
# and needs no building.
FLAT_COUNT = 50_000
# At 100,000 vectors the graph and the lists are even (1.2 and 1.3 ms), and the graph needs no
# training; at 1,000,000 the lists take half the time (2.0 against 4.1 ms), are built in less
# (130 against 465 s of wall time) and take a quarter of the memory (0.45 against 1.8 GB).
GRAPH_COUNT = 250_000
# Candidates for each node while the graph is built; 40, the FAISS default, finds up to 0.04 less.
GRAPH_EFFORT = 80
# Neighbours of a node at the lowest level of HNSW32, 4 bytes each.
_GRAPH_LINK_BYTES = 2 * 32 * 4 + 16
# A list should hold enough vectors to train its centroid and few enough to scan quickly.
_MIN_LISTS, _MAX_LISTS = 64, 65_536

# Names for compressed vectors: a byte a dimension, and a bit a dimension with random rotation
# (Gao and Long 2024, "RaBitQ"). The best candidates are scored again from exact vectors, which
# stay on disk.
_COMPRESSED = {"int8": "SQ8", "binary": "RaBitQ"}

_EXAMPLES = "int8, binary, Flat, SQ8, HNSW32, IVF256,Flat or IVF1024,RaBitQfs,Refine(SQ8)"


def choose_spec(count: int, dim: int, memory_bytes: float) -> str:
    """Choose a FAISS factory string for `count` vectors that fits into memory.

    `memory_bytes` is what the index may take; the graph holds the vectors whole.
    """
    if count <= FLAT_COUNT:
        return "Flat"
    if count <= GRAPH_COUNT and count * (4 * dim + _GRAPH_LINK_BYTES) <= memory_bytes:
        return "HNSW32"
    return f"IVF{lists_for(count)},RaBitQfs,Refine(SQ8)"


def resolve_spec(wanted: str, count: int, dim: int, memory_bytes: float) -> str:
    """Return a factory string for "auto", "int8", "binary", or a factory string itself.

    Compressed vectors are kept in one piece as long as scoring them all is quick, and in
    inverted lists beyond that.
    """
    if wanted == "auto":
        return choose_spec(count, dim, memory_bytes)
    if wanted not in _COMPRESSED:
        return wanted
    codes = _COMPRESSED[wanted]
    return codes if count <= FLAT_COUNT else f"IVF{lists_for(count)},{codes}"


def lists_for(count: int) -> int:
    """Return a power of two near 2 * sqrt(count), the number of inverted lists."""
    lists: int = 2 ** round(math.log2(2 * math.sqrt(max(count, 1))))
    return min(_MAX_LISTS, max(_MIN_LISTS, lists))


def make_index(spec: str, dim: int) -> Faiss:
    """Make an empty FAISS index for inner products.

    Raises InputError where the factory string is not one, or takes no filter.
    """
    if dim < 1:
        raise InputError(f"a vector index needs a dim of at least 1, got {dim}")
    module = faiss()
    try:
        index = module.index_factory(dim, spec, module.METRIC_INNER_PRODUCT)
        structure = look_into(index)
    except (RuntimeError, InputError) as error:
        raise InputError(
            f"index {spec!r} with dim {dim} cannot be used: {reason(error)}; "
            f"take for example {_EXAMPLES}"
        ) from error
    if structure.kind == "graph":
        structure.core.hnsw.efConstruction = GRAPH_EFFORT
    return index

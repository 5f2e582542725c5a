"""Set thread counts and wait policy before a numeric library starts its pools.

OpenMP threads spin while they wait. On a machine whose cores are shared, one query encoding
then takes tens of times longer than its arithmetic. Each value is a default: what the user
has set in the environment stays.
"""

from __future__ import annotations

import os

_DEFAULTS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "TOKENIZERS_PARALLELISM": "false",
}


def set_defaults() -> None:
    """Set the wait policy for threads that later imports will start."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def let_tokenizers_use_threads() -> None:
    """Let the Rust tokenizers of this process use every core, as a GPU needs to be fed."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"


def available_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker process that computes on one thread."""
    return {
        **_DEFAULTS,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }

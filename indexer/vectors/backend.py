"""Import FAISS when it is first needed, and say what is wrong where it cannot be used."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from ...errors import MissingExtra, ShopError
from ...threads import set_defaults

# FAISS ships no types: its module and its objects are known by this name alone.
Faiss = Any


@cache
def faiss() -> Faiss:
    """Import FAISS; raises MissingExtra where absent, ShopError where two wheels collided."""
    set_defaults()
    try:
        import faiss as module
    except ImportError as error:
        raise MissingExtra("faiss-cpu", "cpu", "the vector index") from error
    check_wheels(module, installed_distributions())
    return module


def installed_distributions() -> list[str]:
    """Name every installed distribution that begins with "faiss", in lower case."""
    names = (dist.metadata["Name"] for dist in importlib.metadata.distributions())
    return sorted({name.lower() for name in names if name and name.lower().startswith("faiss")})


def check_wheels(module: Faiss, distributions: Iterable[str]) -> None:
    """Raise ShopError where a GPU wheel is installed but its GPU classes are missing.

    faiss-cpu and faiss-gpu write the same folder, so the one installed last wins silently.
    """
    gpu_wheels = [name for name in distributions if name.startswith("faiss-gpu")]
    if not gpu_wheels or hasattr(module, "GpuIndexFlat"):
        return
    others = [name for name in distributions if name.startswith("faiss-cpu")]
    wheels = " ".join([*gpu_wheels, *others])
    raise ShopError(
        f"{gpu_wheels[0]} is installed but its GpuIndexFlat is missing: faiss-cpu and faiss-gpu "
        f"write the same folder and overwrite each other; mend it with: "
        f"pip uninstall -y {wheels} && pip install 'dsv3[gpu]'"
    )


def gpu_count(module: Faiss) -> int:
    """Count the GPUs this build of FAISS can use."""
    return int(module.get_num_gpus()) if hasattr(module, "GpuIndexFlat") else 0


@contextmanager
def threads_for(module: Faiss, queries: int) -> Iterator[None]:
    """Keep a single query on one thread; a batch may use all that are allowed.

    The count belongs to the calling thread, so concurrent searches do not disturb each other.
    """
    if queries > 1:
        yield
        return
    before = module.omp_get_max_threads()
    module.omp_set_num_threads(1)
    try:
        yield
    finally:
        module.omp_set_num_threads(before)


def reason(error: Exception) -> str:
    """Cut a FAISS error down to what it says, without the C++ signature and file."""
    return str(error).rsplit("Error: ", 1)[-1].replace("' failed: ", "': ").strip()

"""Train and search on a GPU where FAISS was built for one and one is there.

The stock GPU indexes take no filter and silently ignore one that is given, so only searches
without filter and without tombstones are sent to them.
"""

from __future__ import annotations

from ...encoder.base import FloatArray, IntArray
from .backend import Faiss, faiss, gpu_count
from .plan import Plan
from .structure import Structure


def usable(structure: Structure) -> bool:
    """Tell whether a GPU is there and has this kind of index."""
    module = faiss()
    if structure.kind not in ("flat", "lists") or not gpu_count(module):
        return False
    known = (
        module.IndexFlat,
        module.IndexIVFFlat,
        module.IndexIVFPQ,
        module.IndexIVFScalarQuantizer,
    )
    return isinstance(structure.core, known) and not structure.refined


def train(index: Faiss, structure: Structure, vectors: FloatArray) -> None:
    """Train an index, its centroids on the GPU where there is one."""
    module = faiss()
    core = structure.core
    if structure.kind == "lists":
        # We choose the sample ourselves; without this FAISS warns on the terminal.
        core.cp.min_points_per_centroid = 1
        if gpu_count(module):
            core.clustering_index = module.index_cpu_to_all_gpus(module.IndexFlatIP(core.d))
    if hasattr(core, "pq"):
        core.pq.cp.min_points_per_centroid = 1
    index.train(vectors)


def copy_to_gpu(index: Faiss) -> Faiss:
    """Copy an index to the first GPU."""
    module = faiss()
    return module.index_cpu_to_gpu(module.StandardGpuResources(), 0, index)


def search(copy: Faiss, queries: FloatArray, plan: Plan) -> tuple[FloatArray, IntArray]:
    """Search a GPU copy without filter; returns scores and positions."""
    if plan.breadth:
        copy.nprobe = plan.breadth
    scores, positions = copy.search(queries, plan.fetch)
    return scores, positions

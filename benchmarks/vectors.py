"""Measure recall and latency of filtered vector search beside FAISS called by hand.

    python benchmarks/vectors.py --vectors embeddings.npy --queries queries.npy --keep folder

The vectors are made from real embeddings: each is a product's own, moved by Gaussian noise of
the embeddings' covariance and brought back to unit length. Without --vectors they come from
synthetic clusters. What is built is kept in --keep and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
from dsv3.indexer.vectors.backend import faiss
from dsv3.indexer.vectors.base import VectorIndex
from dsv3.indexer.vectors.build import build_index
from dsv3.indexer.vectors.load import load_index
from dsv3.indexer.vectors.plan import REFINED_FACTOR
from dsv3.indexer.vectors.spec import lists_for
from dsv3.indexer.vectors.structure import search_parameters

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
SHARES = [1.0, 0.5, 0.1, 0.01, 0.001, 0.0001]
K = 10
RAW_BREADTH = {"HNSW32": 64, "IVF": 16}
BATCH = 20_000


def main() -> None:
    arguments = read_arguments()
    keep = arguments.keep / f"{arguments.count}"
    keep.mkdir(parents=True, exist_ok=True)
    vectors, queries = data(arguments, keep)
    queries = queries[: arguments.searches]
    rng = np.random.default_rng(7)
    masks = [None if s == 1 else rng.random(len(vectors)) < s for s in SHARES]
    truths = [truth(vectors, queries, mask) for mask in masks]
    specs = arguments.specs or [
        "Flat",
        "HNSW32",
        f"IVF{lists_for(len(vectors))},RaBitQfs,Refine(SQ8)",
    ]
    rows = []
    for spec in specs:
        index = kept_index(spec, vectors, keep)
        for share, mask, best in zip(SHARES, masks, truths, strict=True):
            rows.append(measure(spec, index, vectors, queries, share, mask, best))
            print(json.dumps(rows[-1]), flush=True)
        del index
    print(table(rows))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path, help="(n, dim) real embeddings, .npy")
    parser.add_argument("--queries", type=Path, help="(n, dim) real query embeddings, .npy")
    parser.add_argument("--keep", type=Path, default=Path("build/benchmark-vectors"))
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--specs", nargs="*", help="factory strings")
    return parser.parse_args()


def data(arguments: argparse.Namespace, keep: Path) -> tuple[Floats, Floats]:
    """Load or make the vectors and queries."""
    paths = keep / "vectors.npy", keep / "queries.npy"
    if not paths[0].exists():
        rng = np.random.default_rng(0)
        seeds = unit(np.load(arguments.vectors)) if arguments.vectors else clusters(rng, 20_000)
        asked = unit(np.load(arguments.queries)) if arguments.queries else seeds[:500]
        spread = np.linalg.cholesky(np.cov(seeds.T) + 1e-6 * np.eye(seeds.shape[1]))
        mix = spread.astype(np.float32)
        exact = arguments.count <= len(seeds)
        made = seeds[: arguments.count] if exact else moved(rng, seeds, mix, arguments.count, 0.5)
        np.save(paths[0], made)
        np.save(paths[1], moved(rng, asked, mix, 1000, 0.3))
    return np.load(paths[0], mmap_mode="r"), np.load(paths[1])


def clusters(rng: np.random.Generator, count: int, dim: int = 384) -> Floats:
    """Make synthetic embeddings: clusters of uneven size in a space of 64 dimensions."""
    centres = rng.standard_normal((500, 64), dtype=np.float32)
    sizes = rng.zipf(1.5, size=count) % 500
    points = centres[sizes] + 0.5 * rng.standard_normal((count, 64), dtype=np.float32)
    noise = 0.3 * rng.standard_normal((count, dim), dtype=np.float32)
    return unit(points @ rng.standard_normal((64, dim), dtype=np.float32) / 8 + noise)


def moved(rng: np.random.Generator, seeds: Floats, mix: Floats, count: int, scale: float) -> Floats:
    """Draw from the seeds and add Gaussian noise of their covariance."""
    made = np.empty((count, seeds.shape[1]), np.float32)
    for start in range(0, count, BATCH):
        part = made[start : start + BATCH]
        noise = rng.standard_normal(part.shape, dtype=np.float32) @ mix.T
        part[:] = unit(seeds[rng.integers(0, len(seeds), len(part))] + scale * noise)
    return made


def unit(vectors: Floats) -> Floats:
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def truth(vectors: Floats, queries: Floats, mask: npt.NDArray[np.bool_] | None) -> Floats:
    """Return the (n, K) best scores by brute force."""
    best = np.full((len(queries), K), -np.inf, np.float32)
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        if mask is not None:
            part = part[mask[start : start + BATCH]]
        scores = np.concatenate([best, queries @ part.T], axis=1)
        best = -np.partition(-scores, K - 1, axis=1)[:, :K]
    return -np.sort(-best, axis=1)


def kept_index(spec: str, vectors: Floats, keep: Path) -> VectorIndex:
    """Open the index built before, or build it."""
    folder = keep / spec.replace(",", "_")
    if not (folder / "index.json").exists():
        start = time.perf_counter(), time.process_time()
        count = len(vectors)
        batches = (
            (np.arange(i, min(i + BATCH, count)), np.asarray(vectors[i : i + BATCH]))
            for i in range(0, count, BATCH)
        )
        index = build_index(
            spec,
            vectors.shape[1],
            "cosine",
            count,
            batches,
            lambda wanted: np.ascontiguousarray(vectors[:: max(1, count // wanted)]),
            scratch=keep,
        )
        wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        index.save(folder)
        print(f"built {spec}: {wall:.0f} s, {cpu:.0f} s of CPU", flush=True)
        del index
    for file in folder.iterdir():  # warm disk
        with file.open("rb") as stream:
            while stream.read(1 << 24):
                pass
    start_time = time.perf_counter()
    opened = load_index(folder)
    print(f"opened {spec}: {1000 * (time.perf_counter() - start_time):.0f} ms", flush=True)
    return opened


def measure(
    spec: str,
    index: VectorIndex,
    vectors: Floats,
    queries: Floats,
    share: float,
    mask: npt.NDArray[np.bool_] | None,
    best: Floats,
) -> dict[str, Any]:
    """Time our search, FAISS at a fixed breadth, and FAISS at our breadth, turn by turn."""
    plan = index.search(queries[:1], K, mask).plan
    ours: Callable[[Floats], Rows] = lambda query: index.search(query, K, mask).rows[0]  # noqa: E731
    fixed = by_hand(index, mask, next((v for n, v in RAW_BREADTH.items() if spec.startswith(n)), 0))
    lanes = {"ours": ours, "fixed": fixed}
    if share == 1.0:
        breadth = int(plan.split()[2].replace(",", "")) if plan.split()[0] in ("HNSW", "IVF") else 0
        lanes["same"] = by_hand(index, mask, breadth, factor=2 * REFINED_FACTOR)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in lanes}
    hits = dict.fromkeys(lanes, 0)
    wanted = max(1, int(np.isfinite(best).sum()))
    for search in lanes.values():
        for query in queries[:20]:
            search(query[None])
    for number, query in enumerate(queries):
        # Each goes first in turn: whoever does finds the others' vectors in the cache.
        for turn in range(len(lanes)):
            name = list(lanes)[(number + turn) % len(lanes)]
            search = lanes[name]
            start = time.perf_counter(), time.thread_time()
            found = search(query[None])
            times[name].append((time.perf_counter() - start[0], time.thread_time() - start[1]))
            limit = best[number][np.isfinite(best[number])][-1]
            hits[name] += int((vectors[found[found >= 0]] @ query >= limit - 1e-5).sum())
    result: dict[str, Any] = {"spec": spec, "share": share, "plan": plan}
    for name in lanes:
        wall, cpu = np.array(times[name]).T * 1000
        result[name] = {
            "recall": round(min(1.0, hits[name] / wanted), 4),
            "p50": round(float(np.median(wall)), 3),
            "p99": round(float(np.quantile(wall, 0.99)), 3),
            "cpu_p50": round(float(np.median(cpu)), 3),
            "cpu_p99": round(float(np.quantile(cpu, 0.99)), 3),
        }
    return result


def by_hand(
    index: Any, mask: npt.NDArray[np.bool_] | None, breadth: int, factor: float = 8.0
) -> Callable[[Floats], Rows]:
    """Search the same FAISS index on one thread at a fixed breadth; the selector is made before."""
    module = faiss()
    module.omp_set_num_threads(1)
    bits = None if mask is None else np.packbits(mask, bitorder="little")
    selector = None if bits is None else module.IDSelectorBitmap(bits)
    parameters = search_parameters(index.index, breadth=breadth, factor=factor, selector=selector)

    def search(query: Floats) -> Rows:
        held: Rows = index.index.search(query, K, params=parameters)[1][0]
        return held

    return search


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| index | pass | plan | recall@10 | p50 ms | p99 ms | CPU p50 | CPU p99 "
        "| raw recall | raw p50 | raw CPU p50 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, raw = row["ours"], row["fixed"]
        lines.append(
            f"| {row['spec']} | {100 * row['share']:g} % | {row['plan']} | {ours['recall']:.3f} | "
            f"{ours['p50']:.2f} | {ours['p99']:.2f} | {ours['cpu_p50']:.2f} | "
            f"{ours['cpu_p99']:.2f} | {raw['recall']:.3f} | {raw['p50']:.2f} | "
            f"{raw['cpu_p50']:.2f} |"
        )
    for row in rows:
        if "same" in row:
            same, ours = row["same"], row["ours"]
            lines.append(
                f"\n{row['spec']}, unfiltered, against FAISS by hand at the same breadth: CPU p50 "
                f"{ours['cpu_p50']:.3f} against {same['cpu_p50']:.3f} ms, "
                f"ratio {ours['cpu_p50'] / same['cpu_p50']:.2f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

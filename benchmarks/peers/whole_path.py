"""Compare indexing a product file from nothing: dsv3, txtai, Chroma, with the same weights.

    python -m benchmarks.peers.whole_path sample_data/catalogue.jsonl --peer-python PYTHON

Every measurement is a process of its own with an empty cache folder; the systems take turns, in
an order that shifts from round to round. The ratio of a system is that of its medians to dsv3's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .measure import clean_environment, machine, run, size_mb
from .systems import System, all_systems

_MEASURES = ("wall", "cpu", "peak_mb", "disk_mb")


def main() -> None:
    """Measure, print each figure as it comes, then the table."""
    asked = _arguments()
    systems = all_systems(asked.peer_python, ["--price-unit", asked.price_unit])
    names = asked.systems or ["dsv3", "txtai", "chromadb"]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    asked.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.keep) as scratch:
        products = subset(asked.products, asked.count, Path(scratch))
        for turn in range(asked.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                before = machine()
                figures = measure(systems[name], products, asked.keep / f"{name}-{turn}")
                found[name].append(figures)
                print(json.dumps({"system": name, **figures, "before": before}), flush=True)
    show(found)


def measure(system: System, products: Path, folder: Path) -> dict[str, float]:
    """Index once into a new folder, with nothing cached."""
    with tempfile.TemporaryDirectory() as caches:
        environment = clean_environment(DSV3_CACHE=caches, XDG_CACHE_HOME=caches)
        done = run(system.index(products, folder), {**environment, **system.environment})
        made = size_mb(Path(caches))
    return {
        "wall": round(done.wall, 2),
        "cpu": round(done.cpu, 2),
        "peak_mb": round(done.peak_mb),
        "disk_mb": round(size_mb(folder), 1),
        "cache_mb": round(made, 1),
    }


def subset(path: Path, count: int | None, folder: Path) -> Path:
    """Return a file of `count` lines spread evenly over another, or that file as it is."""
    if count is None:
        return path
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        lines = stream.readlines()
    edges = [round(place * len(lines) / count) for place in range(count + 1)]
    kept = folder / "products.jsonl"
    kept.write_text("".join(lines[begin] for begin, end in pairwise(edges) if begin < end))
    return kept


def show(found: dict[str, list[dict[str, float]]]) -> None:
    """Print medians and their ratios to the first system's."""
    medians = {
        name: {measure: _median(figures, measure) for measure in (*_MEASURES, "cache_mb")}
        for name, figures in found.items()
    }
    first = next(iter(medians.values()))
    print("\n| system | wall s | x | CPU s | x | peak MB | x | disk MB | x | cache MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, middle in medians.items():
        cells = [f"{middle[each]:,.1f} | {middle[each] / first[each]:.2f}" for each in _MEASURES]
        print(f"| {name} | {' | '.join(cells)} | {middle['cache_mb']:,.1f} |")


def _median(figures: Sequence[dict[str, float]], measure: str) -> float:
    return statistics.median(each[measure] for each in figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("products", type=Path, help="JSON Lines, perhaps gzipped")
    parser.add_argument("--peer-python", required=True, help="interpreter that has the peers")
    parser.add_argument("--systems", nargs="+", help="dsv3, txtai and chromadb if not given")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--count", type=int, help="products, spread evenly; all if not given")
    parser.add_argument("--price-unit", default="units", choices=("units", "cents"))
    parser.add_argument("--keep", type=Path, default=Path("build/peers"), help="where indexes go")
    return parser.parse_args()


if __name__ == "__main__":
    main()

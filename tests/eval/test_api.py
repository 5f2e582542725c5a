from __future__ import annotations

import subprocess
import sys

import dsv3.eval
import pytest


def test_every_name_can_be_imported() -> None:
    for name in dsv3.eval.__all__:
        assert getattr(dsv3.eval, name) is not None
    assert dir(dsv3.eval) == sorted(dsv3.eval.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dsv3.eval.nonsense  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, dsv3.eval, dsv3.cli.eval;"
        "heavy = {'numpy', 'scipy', 'torch', 'faiss', 'ir_measures', 'bm25s', 'jinja2', 'mteb'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

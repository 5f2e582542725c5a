"""What every test may use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

CATALOG = Path(__file__).parents[1] / "sample_data" / "catalogue.jsonl"
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "icecat"


@pytest.fixture(scope="session")
def icecat() -> Path:
    """Return the folder of the real catalog; skip where it is absent."""
    if not (REAL_DATA / "products.jsonl.gz").exists():
        pytest.skip("the real catalog is not on this machine")
    return REAL_DATA


@pytest.fixture(scope="session")
def sample_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample shop under the hashing encoder; a test that changes it takes a copy."""
    from dsv3.indexer.index import index_shop
    from dsv3.indexer.ingest import Reading

    made = tmp_path_factory.mktemp("sample") / "shop.dsv3"
    index_shop(made, Reading([str(CATALOG)]), changes={"encoder": "hashing"}, workers=1)
    return made


@pytest.fixture
def dsv3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs `dsv3` with arguments, in this process, as a user would."""
    from dsv3.cli.app import main

    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["dsv3", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else 0
        return CompletedProcess(sys.argv, status, *capsys.readouterr())

    return run

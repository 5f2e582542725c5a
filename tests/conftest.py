"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "icecat"


@pytest.fixture(scope="session")
def icecat() -> Path:
    """Return the folder of the real catalogue; skip where it is absent."""
    if not (REAL_DATA / "products.jsonl.gz").exists():
        pytest.skip("the real catalogue is not on this machine")
    return REAL_DATA

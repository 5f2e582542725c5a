from __future__ import annotations

from pathlib import Path

import pytest

_NAMED = (
    "wireless mouse laser printer toner cartridge black laptop bag leather red running shoe "
    "usb cable charger garden chair oak table cotton shirt kettle steel 2.4 GHz HDMI"
)
WORDS = _NAMED.split()


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Return 700 different product-like texts of very different lengths."""
    made = []
    for number in range(700):
        length = 3 + (number * 7) % 40
        chosen = [
            WORDS[(number * 13 + step * (1 + number % 5)) % len(WORDS)] for step in range(length)
        ]
        made.append(f"{' '.join(chosen)} {number}")
    return made


@pytest.fixture(autouse=True)
def _own_cache_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep tests away from the user's cache folder; one folder serves the whole run."""
    monkeypatch.setenv("DSV3_CACHE", str(_shared_folder(tmp_path_factory)))


def _shared_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "dsv3-cache"
    folder.mkdir(exist_ok=True)
    return folder

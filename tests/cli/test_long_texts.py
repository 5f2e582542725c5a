"""`dsv3 index` tells how many texts are long, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"


@pytest.fixture
def products(tmp_path: Path) -> Path:
    path = tmp_path / "products.jsonl"
    lines = [
        {"id": str(number), "title": f"usb hub {number}", "description": "word " * (400 * number)}
        for number in range(4)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("setting", "told"),
    [("", "tokens and cut there"), (",long_text=pool", "tokens and encoded in pieces")],
)
def test_long_texts_are_counted(
    dsv3: Callable[..., CompletedProcess[str]], products: Path, setting: str, told: str
) -> None:
    shop = products.with_name("shop.dsv3")
    arguments = ["index", products, "--into", shop, "--encoder", f"{TINY}{setting}"]
    first = dsv3(*arguments, "--json")
    texts = json.loads(first.stdout)["texts"]
    assert texts["long"] == 3
    assert texts["long_text"] == (setting.partition("=")[2] or "cut")
    again = dsv3(*arguments, "--rebuild")
    shown = " ".join(again.stdout.split())
    assert f"3 in all longer than {texts['max_tokens']} {told}" in shown

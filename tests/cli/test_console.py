"""Nothing that a source says steers the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3.cli.console import visible

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\x7f"


def test_marks_that_steer_are_spelled_out() -> None:
    assert visible("a\x1b[1mb\tc\nd\x9b") == "a\\u001b[1mb\tc\nd\\u009b"
    assert json.loads(visible(json.dumps({"a": HOSTILE}, ensure_ascii=False))) == {"a": HOSTILE}
    assert visible("Ähre 日本 👍🏽") == "Ähre 日本 👍🏽"


@pytest.mark.parametrize(
    "code", [0x61C, 0x200E, 0x2069, 0xFEFF, 0xAD, 0x206A, 0x2028, 0xD800, 0x0D], ids=hex
)
def test_every_mark_that_steers_or_hides_is_spelled_out(code: int) -> None:
    assert visible(f"a{chr(code)}b") == f"a\\u{code:04x}b"


def test_marks_beyond_the_first_plane_are_spelled_as_json_does() -> None:
    assert visible("\U000e0041") == "\\udb40\\udc41"


@pytest.mark.parametrize("text", ["👩\u200d🔧 可 é", "نامه\u200cها", "🏳️\u200d🌈"])
def test_joiners_of_emoji_and_letters_stay(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize("json_wanted", [False, True])
def test_no_escape_sequence_of_a_source_reaches_the_terminal(
    dsv3: Callable[..., CompletedProcess[str]], tmp_path: Path, json_wanted: bool
) -> None:
    source = tmp_path / f"a{HOSTILE}.csv"
    rows = [f"id,title,price,a{HOSTILE}", f"1{HOSTILE},Red {HOSTILE} lamp,5,x{HOSTILE}"]
    source.write_bytes("\n".join([*rows, f'2,B,"{HOSTILE}",', ""]).replace("\r", "").encode())
    shop = tmp_path / f"s{HOSTILE}"
    flag = ["--json"] if json_wanted else []
    asked = [
        ("index", source, "--into", shop, "--encoder", "hashing", "--workers", "1"),
        ("search", "", "--in", shop, "--explain", "--facet", "title"),
        ("search", "lamp", "--in", shop, "--where", f"nothing = '{HOSTILE}'"),
        ("search", "lamp", "--in", f"none{HOSTILE}"),
        ("info", shop),
        ("index", source, "--into", shop, "--map", f"title={HOSTILE}"),
    ]
    for command in asked:
        done = dsv3(*command, *(flag if command[0] != "index" or json_wanted else []))
        assert not any(mark in done.stdout + done.stderr for mark in "\x1b\x07\x9b\u202e\r\x7f"), (
            command
        )
    assert "u001b" in done.stderr

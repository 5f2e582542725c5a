"""The README's commands are run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from dsv3.cli.app import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that looks like the repository to commands that read its samples."""
    made = tmp_path_factory.mktemp("readme")
    (made / "sample_data").symlink_to(ROOT / "sample_data")
    return made


def test_every_command_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for command in commands():
        if command[0] == "make":
            assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            continue
        assert command[0] == "dsv3"
        quick = {"index": ["--encoder", "hashing"], "eval": ["--bm25", "default"]}
        monkeypatch.setattr(sys, "argv", [*command, *quick.get(command[1], [])])
        with pytest.raises(SystemExit) as done:
            main()
        shown = capsys.readouterr()
        assert not done.value.code, (command, shown.err)
        assert shown.out.strip(), command


def test_every_program_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        sys, "argv",
        ["dsv3", "index", "sample_data/catalogue.jsonl", "--into", "shop.dsv3",
         "--encoder", "hashing", "--json"],
    )  # fmt: skip
    with pytest.raises(SystemExit):
        main()
    for program in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_every_file_that_is_named_is_there() -> None:
    linked = re.findall(r"\]\(([\w./-]+)\)", README)
    run = re.findall(r"\b(benchmarks/[\w-]+\.py)", README)
    assert run
    for name in [*linked, *run]:
        assert (ROOT / name).exists(), name

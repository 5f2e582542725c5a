from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Fit = Callable[..., CompletedProcess[str]]
TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    path = tmp_path / "examples.jsonl"
    line = '{{"query": "lamp {0}", "positive": "red desk lamp {0}"}}\n'
    path.write_text("".join(line.format(number) for number in range(12)))
    return path


@pytest.fixture
def fit(dsv3: Callable[..., CompletedProcess[str]]) -> Fit:
    return lambda examples, out, *options: dsv3(
        "model", "fit", examples, "--base", TINY, "--out", out, *options
    )


def test_fit_writes_a_folder_and_tells_each_step(fit: Fit, examples: Path, tmp_path: Path) -> None:
    done = fit(examples, tmp_path / "out", "--batch", "4", "--validation", str(examples))
    assert done.returncode == 0
    assert "3 steps by 1 processes; loss" in done.stdout
    assert "validation:" in done.stdout
    assert "layer 2, document gate: an expert has" in done.stdout
    assert done.stderr.startswith("step 1 of 3")
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_fit_prints_one_object(fit: Fit, examples: Path, tmp_path: Path) -> None:
    done = fit(examples, tmp_path / "out", "--batch", "6", "--json")
    found = json.loads(done.stdout)
    assert [step for step, _ in found["losses"]] == [1, 2]
    assert found["processes"] == 1
    assert done.stderr == ""


def test_only_the_first_process_says_what_is_wrong(
    fit: Fit, examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    told = fit(examples, tmp_path / "out", "--batch", "5")
    assert "cannot be divided evenly among 2" in told.stderr
    assert told.returncode == 2
    monkeypatch.setenv("RANK", "1")
    silent = fit(examples, tmp_path / "out", "--batch", "5")
    assert silent.returncode == 2
    assert silent.stdout + silent.stderr == ""

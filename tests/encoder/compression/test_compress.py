from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from dsv3.encoder.compression.compress import RECORD, Compression, compress_model
from dsv3.encoder.compression.distil import DISTILLATION
from dsv3.encoder.compression.prune import Pruning
from dsv3.encoder.load import load_encoder
from dsv3.encoder.v3.summary import summarise
from dsv3.errors import EncoderError, InputError

Runner = Callable[..., CompletedProcess[str]]
SHORT = replace(DISTILLATION, steps=4, batch_size=8, max_tokens=24)
PRUNING = Pruning(texts=20, curve_texts=8, max_tokens=24)


class Watcher:
    """Follow the stages; break off in one of them."""

    def __init__(self, broken: str = "") -> None:
        self.stages: list[str] = []
        self._broken = broken

    def start(self, stage: str, total: int | None = None) -> None:
        self.stages.append(stage)
        if stage == self._broken:
            raise KeyboardInterrupt

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


def _how(*methods: str, recovery: int = 0) -> Compression:
    return Compression(methods, distillation=SHORT, pruning=PRUNING, recovery=recovery)


@pytest.mark.parametrize("methods", [("distil",), ("prune",), ("prune", "distil")])
def test_what_is_written_is_a_model_of_both_runtimes(
    folder: Path, methods: tuple[str, ...], documents: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "small"
    done = compress_model(str(folder), out, documents, _how(*methods, recovery=2))
    assert done["parameters"] < done["parameters_before"]
    assert done["methods"] == sorted(methods)
    name = f"{out},precision=fp32"
    compiled, torch = (load_encoder(name, runtime=runtime) for runtime in ("compiled", "torch"))
    for task in ("encode_queries", "encode_documents"):
        ours, theirs = (getattr(encoder, task)(documents[:30]) for encoder in (compiled, torch))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert json.loads((out / RECORD).read_text())["methods"] == sorted(methods)
    if "prune" in methods:
        assert summarise(str(out))["parameters"]["total"] == done["parameters"]


def test_all_methods_together_make_a_compiled_encoder(
    folder: Path, documents: list[str], tmp_path: Path
) -> None:
    watcher = Watcher()
    out = tmp_path / "small"
    done = compress_model(
        str(folder), out, documents, _how("int8", "prune", "distil"), progress=watcher
    )
    assert done["methods"] == ["distil", "prune", "int8"]
    assert watcher.stages == ["teacher", "distil", "refit", "rank", "curves"]
    encoder = load_encoder(str(out))
    assert encoder.encode_documents(documents[:3]).shape == (3, 32)
    assert json.loads((out / RECORD).read_text())["int8"]["mean_cosine"] > 0.95


def test_int8_alone_is_the_export(folder: Path, documents: list[str], tmp_path: Path) -> None:
    out = tmp_path / "small"
    done = compress_model(str(folder), out, documents, _how("int8"))
    assert done["parameters"] == done["parameters_before"]
    assert done["cosine"] == pytest.approx(1, abs=1e-5)
    ours = load_encoder(str(out)).encode_documents(documents)
    theirs = load_encoder(f"{folder},precision=fp32").encode_documents(documents)
    assert (ours * theirs).sum(axis=1).mean() > 0.97


@pytest.mark.parametrize("stage", ["teacher", "distil", "curves"])
def test_broken_off_it_leaves_nothing(
    stage: str, tiny: Path, documents: list[str], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        compress_model(
            str(tiny),
            tmp_path / "small",
            documents,
            _how("distil", "prune"),
            progress=Watcher(stage),
        )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_is_said(tiny: Path, documents: list[str], tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()
    with pytest.raises(InputError, match="is not empty"):
        compress_model(str(tiny), used, documents, _how("prune"))
    with pytest.raises(InputError, match="no method 'zip'; there are distil, prune, int8"):
        compress_model(str(tiny), tmp_path / "out", documents, _how("zip"))
    with pytest.raises(InputError, match="no method was named"):
        compress_model(str(tiny), tmp_path / "out", documents, _how())
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EncoderError, match="not a sentence-transformers model"):
        compress_model(str(empty), tmp_path / "out", documents, _how("prune"))


def test_the_command_compresses(
    dsv3: Runner, tiny: Path, documents: list[str], tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(documents))
    out = tmp_path / "small"
    arguments = ["model", "compress", tiny, out, "--texts", texts, "-q"]
    shown = dsv3(*arguments, "--method", "prune", "--max-tokens", 16)
    assert shown.returncode == 0
    assert "Loss when one part alone is pruned" in shown.stdout
    assert "mean cosine to the original" in shown.stdout
    assert dsv3(*arguments, "--method", "prune").returncode == InputError.exit_code
    wrong = dsv3(*arguments, "--method", "distil", "--layers", "a")
    assert "write numbers with commas" in wrong.stderr


def test_the_command_prints_one_object(
    dsv3: Runner, tiny: Path, documents: list[str], tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(documents))
    shown = dsv3(
        "model", "compress", tiny, tmp_path / "small", "--texts", texts, "--method", "distil",
        "--layers", "0,2", "--steps", 2, "--batch", 8, "--json",
    )  # fmt: skip
    found = json.loads(shown.stdout)
    assert found["distil"]["layers"] == [0, 2]
    assert len(found["distil"]["losses"]) == 2

"""A run trains, is seeded, keeps its best state, and goes on where it was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.graded import GradedList, graded_columns
from dsv3.encoder.training.held_out import HeldOut
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.encoder.training.train import REPORT, Progress, finished_run, train_encoder
from dsv3.errors import EncoderError, InputError
from safetensors.numpy import load_file

TINY = Path(__file__).parents[1] / "v3" / "tiny"
THINGS = ("mouse", "keyboard", "lamp", "cable", "desk", "chair", "phone", "camera")
EXAMPLES = [
    Example(f"{colour} {thing}", f"{thing} {colour} {n} pieces", topic=thing)
    for n, colour in enumerate(("red", "blue", "green", "black", "white", "grey"))
    for thing in THINGS
]
SETTINGS = TrainingSettings(
    batch_size=8,
    mini_batch_size=8,
    learning_rate=2e-3,
    evaluations=2,
    max_tokens=16,
    bf16=False,
    blend=1.0,
)


def weights(folder: Path) -> dict[str, object]:
    return {name: array.tolist() for name, array in load_file(folder / "model.safetensors").items()}


def test_trains_and_reports(tmp_path: Path) -> None:
    seen: list[Progress] = []
    trained = train_encoder(
        TINY,
        tmp_path / "model",
        EXAMPLES,
        held_out=HeldOut.of(EXAMPLES),
        settings=replace(SETTINGS, epochs=6),
        on_progress=seen.append,
    )
    assert trained.steps == 36
    assert [step.step for step in seen] == list(range(1, 37))
    assert trained.losses[-1][1] < trained.losses[0][1]
    assert trained.best[1] > trained.held_out[0][1]
    assert {load.task for load in trained.loads} == {"query", "document"}
    report = json.loads((tmp_path / "model" / REPORT).read_text())
    assert report["best_step"] == trained.best[0]
    assert not (tmp_path / ".model.training").exists()

    from dsv3 import load_encoder

    made = load_encoder(str(tmp_path / "model"), runtime="torch")
    assert made.max_tokens == load_encoder(str(TINY), runtime="torch").max_tokens


def test_seeds_give_the_same_run_again(tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("one", "two", "other")]
    for folder, seed in zip(made, (1, 1, 2), strict=True):
        train_encoder(TINY, folder, EXAMPLES, settings=replace(SETTINGS, seed=seed))
    assert weights(made[0]) == weights(made[1])
    assert weights(made[0]) != weights(made[2])


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    seen: list[Progress] = []
    given: dict[str, Any] = {"held_out": HeldOut.of(EXAMPLES), "on_progress": seen.append}
    first = train_encoder(TINY, tmp_path / "model", EXAMPLES, settings=SETTINGS, **given)
    steps = len(seen)
    again = train_encoder(TINY, tmp_path / "model", EXAMPLES, settings=SETTINGS, **given)
    assert len(seen) == steps == first.steps
    assert again.to_json() == first.to_json()
    with pytest.raises(InputError, match="not empty"):
        train_encoder(TINY, tmp_path / "model", EXAMPLES[:-1], settings=SETTINGS, **given)
    other = tmp_path / "other"
    shutil.copytree(TINY, other)
    run: dict[str, Any] = {"graded": (), "settings": SETTINGS}
    train_encoder(other, tmp_path / "second", EXAMPLES, settings=SETTINGS)
    assert finished_run(other, tmp_path / "second", EXAMPLES, **run) is not None
    shutil.copyfile(tmp_path / "model" / "model.safetensors", other / "model.safetensors")
    assert finished_run(other, tmp_path / "second", EXAMPLES, **run) is None


def test_a_larger_batch_than_memory_gives_the_same_run(tmp_path: Path) -> None:
    """The gates' balance is counted by mini-batch, so it is turned off by a dense base."""
    from dsv3.encoder.v3.gate_load import gates_of
    from sentence_transformers import SentenceTransformer

    base = tmp_path / "base"
    model = SentenceTransformer(str(TINY))
    for _, gates in gates_of(model):
        gates.loss_weight = 0.0
    first: Any = model[0]
    first.auto_model.config.router_aux_loss_coef = 0.0
    first.auto_model.config.hidden_dropout_prob = 0.0
    first.auto_model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(str(base), create_model_card=False)
    losses = [
        train_encoder(
            base, tmp_path / f"{size}", EXAMPLES, settings=replace(SETTINGS, mini_batch_size=size)
        ).losses
        for size in (8, 3)
    ]
    for (_, one), (_, other) in zip(*losses, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_learns_from_graded_lists_and_leading_dimensions(tmp_path: Path) -> None:
    lists = [
        GradedList(
            thing,
            tuple(f"{other} x" for other in THINGS),
            tuple(float(other == thing) for other in THINGS),
        )
        for thing in THINGS
    ]
    settings = replace(SETTINGS, graded=0.5, matryoshka=(16,), epochs=2)
    trained = train_encoder(TINY, tmp_path / "model", EXAMPLES, graded=lists, settings=settings)
    assert trained.steps == 24
    assert trained.losses[-1][1] < trained.losses[0][1]


def test_graded_rows_hold_the_best_product() -> None:
    one = GradedList("q", tuple(f"text {n}" for n in range(20)), (1.0, *[0.0] * 19))
    rows = graded_columns([one, GradedList("flat", ("a", "b"), (0.0, 0.0))], 5, scale=4.0)
    assert len(rows) == 5
    for row in rows:
        assert row["document_0"] == "text 0"
        assert row["label"] == [4.0] + [0.0] * 7


def test_held_out_figure_is_ndcg() -> None:
    """One right answer at rank 2 of 3 is worth 1 / log2(3)."""

    class Model:
        def encode_query(self, texts: list[str], **_: object) -> list[list[float]]:
            return [[1.0, 0.0]]

        def encode_document(self, texts: list[str], **_: object) -> list[list[float]]:
            return [[0.9, 0.1], [0.8, 0.2], [0.0, 1.0]]

    task = HeldOut({"q": "?"}, {"a": "", "b": "", "c": ""}, {"q": {"b": 1.0}})
    assert task.ndcg(Model()) == pytest.approx(0.63093, abs=1e-5)  # type: ignore[arg-type]


def test_a_blend_lies_between(tmp_path: Path) -> None:
    shares = {"base": 0.0, "half": 0.5, "whole": 1.0}
    for name, share in shares.items():
        train_encoder(TINY, tmp_path / name, EXAMPLES, settings=replace(SETTINGS, blend=share))
    base, half, whole = (load_file(tmp_path / name / "model.safetensors") for name in shares)
    original = load_file(TINY / "model.safetensors")
    for name, weight in original.items():
        assert np.allclose(base[name], weight, atol=1e-7)
        assert np.allclose(half[name], (weight + whole[name]) / 2, atol=1e-6)
    assert any(not np.allclose(whole[name], weight, atol=1e-4) for name, weight in original.items())


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Killed after a checkpoint, the same call ends with the weights of an undisturbed run."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from dataclasses import replace\n"
        "from test_train import EXAMPLES, SETTINGS, TINY\n"
        "from dsv3.encoder.training.train import train_encoder\n"
        "train_encoder(TINY, Path(sys.argv[1]), EXAMPLES, settings=replace(SETTINGS, epochs=4),\n"
        "              on_progress=lambda step: time.sleep(0.2))\n"
    )
    whole, command = (
        [sys.executable, str(script), str(tmp_path / name)] for name in ("whole", "killed")
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # sums differ with the number of threads
    subprocess.run(whole, check=True, env=environment)
    process = subprocess.Popen(command, env=environment)
    scratch = tmp_path / ".killed.training"
    deadline = time.monotonic() + 120
    while not list(scratch.glob("checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    subprocess.run(command, check=True, env=environment)
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2"):
        train_encoder(TINY, tmp_path / "model", EXAMPLES[:1])
    with pytest.raises(EncoderError, match="not a sentence-transformers model"):
        train_encoder(tmp_path, tmp_path / "model", EXAMPLES)
    with pytest.raises(InputError, match="must be above 0"):
        TrainingSettings(epochs=0)
    with pytest.raises(InputError, match="graded 2 is a share"):
        TrainingSettings(graded=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_encoder(TINY, tmp_path / "full", EXAMPLES)

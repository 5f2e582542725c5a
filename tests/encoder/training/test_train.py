"""A run trains, is seeded, keeps its best state, and goes on where it was killed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.training.checkpoints import RUN, last_checkpoint, prepare_checkpoints
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.graded import GradedList, graded_columns
from dsv3.encoder.training.report import Progress
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.encoder.training.train import REPORT, finished_run, train_encoder
from dsv3.encoder.training.validation import ValidationSet
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
        validation=ValidationSet.of(EXAMPLES),
        settings=replace(SETTINGS, epochs=6),
        on_progress=seen.append,
    )
    assert trained.steps == 36
    assert [step.step for step in seen] == list(range(1, 37))
    assert trained.losses[-1][1] < trained.losses[0][1]
    assert trained.best[1] > trained.validation[0][1]
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
    given: dict[str, Any] = {"validation": ValidationSet.of(EXAMPLES), "on_progress": seen.append}
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


def test_the_validation_figure_is_ndcg() -> None:
    """One right answer at rank 2 of 3 is worth 1 / log2(3)."""

    class Model:
        def encode_query(self, texts: list[str], **_: object) -> list[list[float]]:
            return [[1.0, 0.0]]

        def encode_document(self, texts: list[str], **_: object) -> list[list[float]]:
            return [[0.9, 0.1], [0.8, 0.2], [0.0, 1.0]]

    task = ValidationSet({"q": "?"}, {"a": "", "b": "", "c": ""}, {"q": {"b": 1.0}})
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


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Stands for whatever ends a process."""


def stop_at(step: int) -> Callable[[Progress], None]:
    def told(progress: Progress) -> None:
        if progress.step == step:
            raise Stopped

    return told


@pytest.mark.parametrize("changes", [{}, {"most_micro_batches": 3}, {"micro_batches": 2}])
def test_a_stopped_run_goes_on_with_dropout_and_moments_as_they_were(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    settings = replace(SETTINGS, epochs=3, checkpoint_seconds=1e-6, **changes)
    given: dict[str, Any] = {"validation": ValidationSet.of(EXAMPLES), "settings": settings}
    whole = train_encoder(TINY, tmp_path / "whole", EXAMPLES, **given)
    with pytest.raises(Stopped):
        train_encoder(TINY, tmp_path / "out", EXAMPLES, on_progress=stop_at(8), **given)
    assert not (tmp_path / "out").exists()
    seen: list[int] = []
    resumed = train_encoder(
        TINY,
        tmp_path / "out",
        EXAMPLES,
        on_progress=lambda progress: seen.append(progress.step),
        **given,
    )
    assert resumed.resumed == 7, "in the second epoch"
    assert seen[0] == 8
    assert resumed.losses == whole.losses
    assert resumed.accumulation == whole.accumulation
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")
    assert not (tmp_path / ".out.training").exists(), "a finished run needs no checkpoints"


def test_another_run_s_checkpoints_are_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS, checkpoint_seconds=1e-6)
    with pytest.raises(Stopped):
        train_encoder(TINY, tmp_path / "out", EXAMPLES, settings=settings, on_progress=stop_at(3))
    said = r"other settings \(learning_rate was 0\.002, and is 0\.1\)"
    with pytest.raises(InputError, match=said):
        train_encoder(
            TINY, tmp_path / "out", EXAMPLES, settings=replace(settings, learning_rate=0.1)
        )
    with pytest.raises(InputError, match=r"other settings \(examples was"):
        train_encoder(TINY, tmp_path / "out", EXAMPLES[:-1], settings=settings)


def test_a_checkpoint_that_is_not_whole_is_not_gone_on_with(tmp_path: Path) -> None:
    run = {"seed": 0}
    (tmp_path / "checkpoint-9").mkdir()
    (tmp_path / "checkpoint-7").mkdir()
    (tmp_path / "checkpoint-7" / "whole").touch()
    (tmp_path / RUN).write_text(json.dumps(run))
    prepare_checkpoints(tmp_path, run)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-7"
    assert not (tmp_path / "checkpoint-9").exists()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(EncoderError, match="no longer a number at step"):
        train_encoder(TINY, tmp_path / "out", EXAMPLES, settings=settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch_size 0 must be above 0"),
        ({"negatives": -1}, "negatives -1 must be at least 0"),
        (
            {"micro_batches": 3, "most_micro_batches": 2},
            r"most_micro_batches \(2\) is below micro_batches \(3\)",
        ),
        ({"compression": "int4"}, "no gradient compression 'int4'"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TrainingSettings(**changes)


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2"):
        train_encoder(TINY, tmp_path / "model", EXAMPLES[:1])
    with pytest.raises(EncoderError, match="no encoder there"):
        train_encoder(tmp_path, tmp_path / "model", EXAMPLES)
    with pytest.raises(InputError, match="must be above 0"):
        TrainingSettings(epochs=0)
    with pytest.raises(InputError, match="graded 2 is a share"):
        TrainingSettings(graded=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_encoder(TINY, tmp_path / "full", EXAMPLES)

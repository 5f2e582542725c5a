"""Training by one process and by two is the same training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dsv3.encoder.training.sharded import trainer
from dsv3.encoder.training.sharded.report import TrainingReport
from dsv3.encoder.training.sharded.settings import DistributedSettings
from dsv3.encoder.training.sharded.train import train_distributed
from dsv3.errors import Dsv3Error, EncoderError, InputError
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from .conftest import TINY, Together

SETTINGS = DistributedSettings(batch=16, passes=2, negatives=1, epochs=2, learning_rate=1e-3)


def summary(report: TrainingReport) -> dict[str, Any]:
    """Return what must not depend on the number of processes."""
    return {
        "losses": [step.loss for step in report.steps],
        "norms": [step.norm for step in report.steps],
        "tokens": [step.tokens for step in report.steps],
        "loads": [load.shares for load in report.loads],
    }


def assert_same(found: Path, wanted: Path, moved_from: Path) -> None:
    """Compare weights; what they moved by must be far more than what they differ by."""
    first, second, before = (
        load_file(folder / "model.safetensors") for folder in (found, wanted, moved_from)
    )
    assert first.keys() == second.keys() == before.keys()
    for name in second:
        apart, moved = ((other[name] - second[name]).abs() for other in (first, before))
        if name.endswith("query_key_value.bias"):
            # A bias of all keys changes no softmax: its gradient is rounding, enlarged by Adam.
            apart, moved = (torch.cat(one.chunk(3)[::2]) for one in (apart, moved))
        apart, moved = apart.max(), moved.max()
        assert apart <= 2e-3 * moved + 1e-7, (name, apart, moved)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="sharded"),
        pytest.param({"expert_parallel": 2}, id="experts divided"),
        pytest.param({"reshard": False, "gradient_checkpointing": True}, id="kept and recomputed"),
    ],
)
def test_two_processes_train_what_one_does(
    together: Together, calm: Path, examples: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    wanted = together(lambda rank: summary(train_distributed(calm, one, examples, SETTINGS)), 1)[0]
    settings = replace(SETTINGS, **changes)
    found = together(lambda rank: summary(train_distributed(calm, two, examples, settings)))
    assert found[0] == found[1]
    assert found[0]["tokens"] == wanted["tokens"]
    for name in ("losses", "norms"):
        assert found[0][name] == pytest.approx(wanted[name], rel=1e-4)
    for mine, theirs in zip(found[0]["loads"], wanted["loads"], strict=True):
        assert mine == pytest.approx(theirs, abs=2e-3)
    assert_same(two, one, calm)
    assert not (tmp_path / "two.checkpoints").exists()


@pytest.mark.slow
def test_four_processes_divide_experts_in_two_rows(
    together: Together, calm: Path, examples: Path, tmp_path: Path
) -> None:
    one, four = tmp_path / "one", tmp_path / "four"
    wanted = together(lambda rank: summary(train_distributed(calm, one, examples, SETTINGS)), 1)[0]
    settings = replace(SETTINGS, expert_parallel=2)
    work = together(lambda rank: summary(train_distributed(calm, four, examples, settings)), 4)
    assert work[3]["losses"] == pytest.approx(wanted["losses"], rel=1e-4)
    assert work[3]["norms"] == pytest.approx(wanted["norms"], rel=1e-4)
    assert_same(four, one, calm)


def test_what_is_written_is_a_model_folder_with_the_report(examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[int] = []
    report = train_distributed(
        TINY, out, examples, SETTINGS, told=lambda step: told.append(step.number)
    )
    assert told == [step.number for step in report.steps] == [1, 2, 3, 4]
    assert report.examples == 128
    assert all(step.loss > 0 and step.norm > 0 and step.rate > 0 for step in report.steps)
    assert {(load.layer, load.task) for load in report.loads} == {
        (layer, task) for layer in (0, 2) for task in ("query", "document")
    }
    written = json.loads((out / "training.json").read_text())
    assert written["steps"][3]["loss"] == report.steps[3].loss
    model = SentenceTransformer(str(out), device="cpu", local_files_only=True)
    before = SentenceTransformer(str(TINY), device="cpu", local_files_only=True)
    assert model.encode_query(["red lamp"]).shape == (1, 32)
    assert abs(model.encode_query(["red lamp"]) - before.encode_query(["red lamp"])).max() > 1e-4


def test_a_dense_encoder_learns_its_lessons(dense: Path, examples: Path, tmp_path: Path) -> None:
    settings = DistributedSettings(batch=16, epochs=12, learning_rate=3e-3)
    report = train_distributed(dense, tmp_path / "out", examples, settings)
    assert report.loads == []
    first, last = report.steps[:4], report.steps[-4:]
    assert sum(step.loss for step in last) < 0.7 * sum(step.loss for step in first)


@pytest.fixture
def dense(calm: Path, tmp_path: Path) -> Path:
    """Return a small BERT with the same words."""
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    words = AutoTokenizer.from_pretrained(calm)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(tmp_path / "bert")
    words.save_pretrained(tmp_path / "bert")
    modules = [Transformer(str(tmp_path / "bert")), Pooling(32)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(
        str(tmp_path / "dense"), create_model_card=False
    )
    return tmp_path / "dense"


@pytest.mark.parametrize(("compression", "share"), [("fp16", 0.5), ("bf16", 0.5), ("fp8", 0.25)])
def test_compressed_gradients_take_fewer_bytes_for_nearly_the_same_curve(
    together: Together,
    calm: Path,
    examples: Path,
    tmp_path: Path,
    compression: Any,
    share: float,
) -> None:
    plain = replace(SETTINGS, learning_rate=3e-4)
    packed = replace(plain, compression=compression)

    def work(rank: int) -> list[tuple[float, int]]:
        found = []
        for name, settings in (("plain", plain), ("packed", packed)):
            report = train_distributed(calm, tmp_path / name, examples, settings)
            found += [(step.loss, step.reduced) for step in report.steps]
        return found

    found = together(work)[0]
    for (loss, sent), (other, less) in zip(found[:4], found[4:], strict=True):
        # Blocks are filled up to 1024 numbers, which shows in so small a model.
        assert share * sent <= less <= 1.5 * share * sent
        assert other == pytest.approx(loss, rel=0.02)
    assert found[0][0] == found[4][0], "the first loss comes before any gradient"
    assert found[3][0] != found[7][0]


def test_steps_grow_with_the_noise_on_one_process_and_on_two(
    together: Together,
    calm: Path,
    examples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainer, "_STEPS_BETWEEN_CHOICES", 2)
    settings = DistributedSettings(batch=4, passes=1, most_passes=4, learning_rate=1e-5)
    alone = train_distributed(calm, tmp_path / "one", examples, settings)
    # None also stands for noise that drowns the signal, as it may in a step or two.
    assert any(step.noise is not None for step in alone.steps)
    assert sum(step.passes for step in alone.steps) == 16
    assert alone.steps[0].passes == 2, "a measured step has two passes to compare"
    assert alone.choices[0] == (1, 1)
    assert len(alone.choices) > 1, "the noise of so small a batch calls for more"
    assert {passes for _, passes in alone.choices} <= {1, 2, 3, 4}

    def work(rank: int) -> tuple[list[tuple[int, int]], list[float | None]]:
        report = train_distributed(calm, tmp_path / "two", examples, settings)
        return report.choices, [step.noise for step in report.steps]

    for choices, noise in together(work):
        assert choices == alone.choices
        assert noise == pytest.approx([step.noise for step in alone.steps], rel=0.02)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch": 0}, "batch must be at least 1, not 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"negatives": -1}, "negatives must be at least 0"),
        ({"passes": 3, "most_passes": 2}, r"most_passes \(2\) is below passes \(3\)"),
        ({"expert_parallel": 2}, "need a multiple of 2 processes, and there are 1"),
        ({"batch": 65}, "64 examples do not fill a batch of 65"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    examples: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        train_distributed(TINY, tmp_path / "out", examples, DistributedSettings(**changes))


def test_a_batch_that_processes_cannot_share_is_refused() -> None:
    with pytest.raises(InputError, match="a batch of 64 examples cannot be divided evenly among 3"):
        DistributedSettings(batch=64).check_processes(3)


def test_missing_files_are_named(examples: Path, tmp_path: Path) -> None:
    cases: list[tuple[Path, Path, type[Dsv3Error], str]] = [
        (tmp_path / "no", examples, EncoderError, "no encoder there"),
        (TINY, tmp_path / "no.jsonl", InputError, r"no\.jsonl cannot be read"),
    ]
    for base, file, kind, said in cases:
        with pytest.raises(kind, match=said):
            train_distributed(base, tmp_path / "out", file, SETTINGS)
    with pytest.raises(InputError, match="is not empty"):
        train_distributed(TINY, TINY, examples, SETTINGS)


def test_a_loss_that_is_no_number_ends_the_run(calm: Path, examples: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(EncoderError, match="no longer a number at step"):
        train_distributed(calm, tmp_path / "out", examples, settings)
    assert not (tmp_path / "out").exists()

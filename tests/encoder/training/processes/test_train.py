"""Training by one process and by two is the same training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dsv3.encoder.training import accumulation
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.graded import GradedList
from dsv3.encoder.training.processes import check_share
from dsv3.encoder.training.report import Trained
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.encoder.training.train import train_encoder
from dsv3.encoder.training.validation import ValidationSet
from dsv3.errors import InputError
from safetensors.torch import load_file

from .conftest import Together

SETTINGS = TrainingSettings(
    batch_size=16,
    negatives=1,
    epochs=2,
    learning_rate=1e-3,
    max_tokens=None,
    bf16=False,
    blend=1.0,
    evaluations=2,
)


def summary(trained: Trained) -> dict[str, Any]:
    """Return what must not depend on the number of processes."""
    return {
        "losses": [loss for _, loss in trained.losses],
        "gradients": [norm for _, norm in trained.gradients],
        "validation": [value for _, value in trained.validation],
        "loads": [load.shares for load in trained.loads],
        "accumulation": [(step, number) for step, number, _ in trained.accumulation],
    }


def assert_same(found: Path, wanted: Path, moved_from: Path) -> None:
    """Compare weights; what they moved by must be far more than what they differ by."""
    first, second, before = (
        load_file(folder / "model.safetensors") for folder in (found, wanted, moved_from)
    )
    assert first.keys() == second.keys() == before.keys()
    for name in second:
        apart, moved = ((other[name] - second[name]).abs() for other in (first, before))
        if name.endswith("key.bias"):
            continue  # it changes no softmax: its gradient is rounding, enlarged by Adam
        if name.endswith("query_key_value.bias"):
            # A bias of all keys changes no softmax: its gradient is rounding, enlarged by Adam.
            apart, moved = (torch.cat(one.chunk(3)[::2]) for one in (apart, moved))
        apart, moved = apart.max(), moved.max()
        assert apart <= 5e-3 * moved + 1e-7, (name, apart, moved)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"micro_batches": 2}, id="accumulated"),
        pytest.param({"gradient_checkpointing": True}, id="recomputed"),
        pytest.param({"graded": 0.5, "matryoshka": (16,)}, id="graded"),
    ],
)
def test_two_processes_train_what_one_does(
    together: Together,
    calm: Path,
    examples: list[Example],
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    settings = replace(SETTINGS, **changes)
    lists = [GradedList("lamp", ("desk lamp", "lamp", "red desk"), (1.0, 0.5, 0.0))] * 3

    def work(name: str) -> dict[str, Any]:
        trained = train_encoder(
            calm,
            tmp_path / name,
            examples,
            graded=lists,
            validation=ValidationSet.of(examples[:20]),
            settings=settings,
        )
        return summary(trained)

    wanted = together(lambda rank: work("one"), 1)[0]
    found = together(lambda rank: work("two"))
    assert found[0] == found[1]
    for name in ("losses", "gradients"):
        assert found[0][name] == pytest.approx(wanted[name], rel=1e-3)
    assert found[0]["validation"] == pytest.approx(wanted["validation"], abs=0.02)
    for mine, theirs in zip(found[0]["loads"], wanted["loads"], strict=True):
        assert mine == pytest.approx(theirs, abs=2e-3)
    assert_same(tmp_path / "two", tmp_path / "one", calm)
    assert not (tmp_path / ".two.training").exists()


def test_a_batch_larger_than_memory_is_encoded_in_parts_on_two_processes(
    together: Together, dense: Path, examples: list[Example], tmp_path: Path
) -> None:
    def work(name: str, size: int) -> dict[str, Any]:
        settings = replace(SETTINGS, mini_batch_size=size)
        return summary(train_encoder(dense, tmp_path / name, examples, settings=settings))

    wanted = together(lambda rank: work("whole", 16))[0]
    found = together(lambda rank: work("parts", 3))[0]
    assert found["losses"] == pytest.approx(wanted["losses"], rel=1e-4)
    assert_same(tmp_path / "parts", tmp_path / "whole", dense)


@pytest.fixture
def dense(calm: Path, tmp_path: Path) -> Path:
    """Return a small BERT with the same words."""
    from sentence_transformers import SentenceTransformer
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


@pytest.mark.parametrize("compression", ["fp16", "bf16", "fp8"])
def test_compressed_gradients_give_nearly_the_same_curve(
    together: Together, calm: Path, examples: list[Example], tmp_path: Path, compression: Any
) -> None:
    plain = replace(SETTINGS, learning_rate=3e-4)
    packed = replace(plain, compression=compression)

    def work(rank: int) -> list[list[float]]:
        return [
            summary(train_encoder(calm, tmp_path / name, examples, settings=settings))["losses"]
            for name, settings in (("plain", plain), ("packed", packed))
        ]

    wanted, found = together(work)[0]
    assert found == pytest.approx(wanted, rel=0.02)
    assert found[0] == wanted[0], "the first loss comes before any gradient"
    assert found != wanted


def test_steps_grow_with_the_noise_on_one_process_and_on_two(
    together: Together,
    calm: Path,
    examples: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accumulation, "_STEPS_BETWEEN_CHOICES", 2)
    settings = replace(SETTINGS, batch_size=4, most_micro_batches=4, learning_rate=1e-5)

    def work(name: str) -> dict[str, Any]:
        return summary(train_encoder(calm, tmp_path / name, examples, settings=settings))

    wanted = together(lambda rank: work("one"), 1)[0]
    assert wanted["accumulation"], "the noise of so small a batch calls for more"
    assert {number for _, number in wanted["accumulation"]} <= {1, 2, 3, 4}
    for found in together(lambda rank: work("two")):
        assert found["accumulation"] == wanted["accumulation"]
        assert found["losses"] == pytest.approx(wanted["losses"], rel=1e-3)


def test_a_batch_that_processes_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="a batch of 64 examples cannot be divided evenly among 3"):
        check_share(64)


def test_examples_that_fill_no_batch_of_two_processes_are_refused(
    together: Together, calm: Path, examples: list[Example], tmp_path: Path
) -> None:
    def work(rank: int) -> str:
        with pytest.raises(InputError) as raised:
            train_encoder(
                calm, tmp_path / "out", examples, settings=replace(SETTINGS, batch_size=66)
            )
        return str(raised.value)

    assert "64 examples do not fill a batch of 66" in together(work)[0]

"""A run that ends early goes on as if it had not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dsv3.encoder.training.sharded.checkpoint import Checkpoints, read_progress
from dsv3.encoder.training.sharded.processes import joined_processes
from dsv3.encoder.training.sharded.report import Step
from dsv3.encoder.training.sharded.settings import DistributedSettings
from dsv3.encoder.training.sharded.train import train_distributed
from dsv3.errors import EncoderError, InputError
from safetensors.torch import load_file

from .conftest import TINY, Together

SETTINGS = DistributedSettings(
    batch=8, epochs=2, most_passes=2, learning_rate=1e-3, checkpoint_seconds=1e-6
)


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Stands for whatever ends a process."""


def stop_after(number: int) -> Callable[[Step], None]:
    def told(step: Step) -> None:
        if step.number == number:
            raise Stopped

    return told


def losses(base: Path, out: Path, examples: Path, settings: DistributedSettings) -> list[float]:
    return [step.loss for step in train_distributed(base, out, examples, settings).steps]


def test_a_stopped_run_goes_on_with_dropout_moments_and_noise_as_they_were(
    examples: Path, tmp_path: Path
) -> None:
    wanted = losses(TINY, tmp_path / "whole", examples, SETTINGS)
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        train_distributed(TINY, out, examples, SETTINGS, told=stop_after(7))
    folder = tmp_path / "out.checkpoints"
    progress = read_progress(folder)
    assert progress is not None
    assert 1 <= progress["step"] <= 6
    assert not out.exists()
    told: list[int] = []
    report = train_distributed(
        TINY, out, examples, SETTINGS, told=lambda step: told.append(step.number)
    )
    assert report.resumed == progress["step"]
    assert told[0] == report.resumed + 1
    assert [step.loss for step in report.steps] == wanted
    weights = load_file(out / "model.safetensors")
    for name, weight in load_file(tmp_path / "whole" / "model.safetensors").items():
        assert torch.equal(weights[name], weight)
    assert not folder.exists(), "a finished run needs no checkpoints"


def test_one_process_goes_on_where_two_were_stopped(
    together: Together, calm: Path, examples: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, most_passes=None)
    wanted = losses(calm, tmp_path / "whole", examples, settings)
    out = tmp_path / "out"

    def work(rank: int) -> int:
        # Both are stopped: told is called in the first process alone.
        from dsv3.encoder.training.sharded.trainer import Trainer

        original: Any = Trainer._note

        def note(self: Trainer, *args: object) -> None:
            original(self, *args)
            if len(self.steps) == 6:
                raise Stopped

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "_note", note)
            with pytest.raises(Stopped):
                train_distributed(calm, out, examples, settings)
        return rank

    together(work)
    report = train_distributed(calm, out, examples, settings)
    assert report.resumed >= 1
    assert [step.loss for step in report.steps] == pytest.approx(wanted, rel=1e-4)


def test_another_run_s_checkpoints_are_refused(examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        train_distributed(TINY, out, examples, SETTINGS, told=stop_after(5))
    other = replace(SETTINGS, learning_rate=2e-3)
    said = r"holds a run with other settings \(learning_rate was 0\.001, and is 0\.002\)"
    with pytest.raises(InputError, match=said):
        train_distributed(TINY, out, examples, other)
    with examples.open("a") as stream:
        stream.write('{"query": "a", "positive": "b"}\n')
    with pytest.raises(InputError, match=r"other settings \(examples was"):
        train_distributed(TINY, out, examples, SETTINGS)


def test_a_pointer_to_nothing_is_an_error(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    (tmp_path / "CURRENT").write_text("000000004")
    with pytest.raises(EncoderError, match="no whole checkpoint; remove"):
        read_progress(tmp_path)


def test_the_copy_is_taken_before_training_goes_on(tmp_path: Path) -> None:
    model = torch.nn.Linear(300, 300)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    with joined_processes() as processes:
        checkpoints = Checkpoints(tmp_path / "kept", processes, {"a": 1}, 1e-9, keep=2)
        model(torch.ones(1, 300)).sum().backward()
        optimizer.step()
        saved = []
        for number in range(1, 5):
            saved.append(model.weight.detach().clone())
            due = [checkpoints.due]
            checkpoints.save(model, optimizer, {"step": number})
            due.append(checkpoints.due)
            assert due == [True, False], "after saving, one is being written"
            optimizer.step()
            with torch.no_grad():
                model.weight.add_(1)
            checkpoints.finish()
        assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [
            "000000003",
            "000000004",
            "CURRENT",
        ]
        progress = checkpoints.resume(model, optimizer)
        assert progress is not None
        assert progress["step"] == 4
        assert torch.equal(model.weight, saved[-1])
        (tmp_path / "kept" / "CURRENT").write_text("000000003")
        assert checkpoints.resume(model, optimizer) is not None
        assert torch.equal(model.weight, saved[-2])
        for path in (tmp_path / "kept" / "000000003").glob("*.distcp"):
            path.write_bytes(b"")
        with pytest.raises(EncoderError, match="cannot be read"):
            checkpoints.resume(model, optimizer)


def test_a_checkpoint_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import Future

    from torch.distributed.checkpoint import state_dict_saver

    def full(*args: object, **kwargs: object) -> Future[None]:
        failed: Future[None] = Future()
        failed.set_exception(OSError("No space left on device"))
        return failed

    monkeypatch.setattr(state_dict_saver, "async_save", full)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    with joined_processes() as processes:
        checkpoints = Checkpoints(tmp_path / "kept", processes, {"a": 1}, 1.0, keep=2)
        checkpoints.save(model, optimizer, {"step": 1})
        with pytest.raises(EncoderError, match=r"No space left on device\); make room"):
            checkpoints.publish()
    assert read_progress(tmp_path / "kept") is None

"""Checkpoints by time, which count once they are whole; the folder that holds those of one run."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sentence_transformers.util import get_rank, get_world_size
from transformers import TrainerCallback

from ...errors import EncoderError, InputError
from ...files import sync_tree, write_whole

# Names the run that a folder's checkpoints belong to.
RUN = "run.json"
# Written last: a checkpoint without it was not finished.
_WHOLE = "whole"


class CheckpointCallback(TrainerCallback):
    """Asks for a checkpoint when it is time, and marks each that is whole and on the disk.

    The first process's clock counts.

    Args:
        seconds: time between two.

    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._saved = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint, except at the end, which needs none."""
        due = time.monotonic() - self._saved >= self._seconds
        if get_world_size() > 1:
            said = torch.tensor(float(due), device=args.device)
            dist.broadcast(said, 0)
            due = bool(said)
        if due and state.global_step < state.max_steps:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Mark the checkpoint that the trainer has written.

        Raises:
            EncoderError: a weight is no number, which no later step would mend.

        """
        if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
            raise EncoderError(lost(state.global_step))
        if get_world_size() > 1:
            dist.barrier()  # each process writes the state of its own random numbers
        if get_rank() == 0:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            sync_tree(folder)
            write_whole(folder / _WHOLE, b"")
        self._saved = time.monotonic()


def lost(step: int) -> str:
    """Say that a run cannot go on."""
    return (
        f"the loss or its gradient is no longer a number at step {step}; "
        "choose a lower learning rate"
    )


def prepare_checkpoints(folder: Path, run: dict[str, Any]) -> None:
    """Make the folder for a run's checkpoints; remove what was not finished in it.

    Args:
        folder: may hold checkpoints of the same run.
        run: what decides it, as JSON can hold it.

    Raises:
        InputError: the folder holds checkpoints of another run, or cannot be written.

    """
    if last_checkpoint(folder) is not None:
        _check_same(folder, run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("checkpoint-*"):
            if not (path / _WHOLE).is_file():
                shutil.rmtree(path)
        write_whole(folder / RUN, json.dumps(run).encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}") from error


def last_checkpoint(folder: Path) -> Path | None:
    """Return the last whole checkpoint of a folder; None where there is none."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _check_same(folder: Path, run: dict[str, Any]) -> None:
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    for name, value in json.loads(json.dumps(run)).items():
        if name not in found or found[name] != value:
            raise InputError(
                f"{folder} holds an unfinished run with other settings ({name} was "
                f"{found.get(name)}, and is {value}); give the same, or remove the folder to "
                "begin anew"
            )

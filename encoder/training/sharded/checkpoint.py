"""Save the state of a run by time and in the background; find the last whole one again."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.optim import Optimizer

from ....errors import EncoderError, InputError
from ....files import write_whole
from .processes import Processes

POINTER = "CURRENT"
PROGRESS = "progress.json"


@dataclass
class Checkpoints:
    """Keeps the checkpoints of one run in a folder.

    A checkpoint is a folder that torch's distributed checkpoint writes, each process its own
    shards, and `progress.json`. It counts once `CURRENT` names it, which is replaced last.

    Attributes:
        folder: holds them; all processes must see the same one.
        processes: of the run.
        curve: the settings and inputs that decide the losses; a checkpoint of others is refused.
        seconds: time between two.
        keep: how many of the published ones stay.

    """

    folder: Path
    processes: Processes
    curve: dict[str, Any]
    seconds: float
    keep: int
    _saved: float = field(default_factory=time.monotonic)
    _pending: tuple[str, Future[Any]] | None = None

    @property
    def due(self) -> bool:
        """Say whether it is time for the next; only the first process's clock should count."""
        return self._pending is None and time.monotonic() - self._saved >= self.seconds

    def save(self, model: nn.Module, optimizer: Optimizer, progress: dict[str, Any]) -> None:
        """Start to save; the copy is taken before this returns, the writing goes on behind.

        All processes call it at the same step.
        """
        self.finish()
        name = f"{progress['step']:09d}"
        place = self.folder / name
        if self.processes.first:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            whole = {"curve": self.curve, "processes": self.processes.size, **progress}
            write_whole(place / PROGRESS, json.dumps(whole).encode())
        self.processes.wait()
        started = state_dict_saver.async_save(
            self._state(model, optimizer),
            checkpoint_id=place,
            process_group=self.processes.files,
        )
        self._pending = name, cast("Future[Any]", started)
        self._saved = time.monotonic()

    def publish(self, *, wait: bool = False) -> None:
        """Make a checkpoint whose writing is done the one to resume from.

        Raises:
            EncoderError: it could not be written.

        """
        if self._pending is None or not (wait or self._pending[1].done()):
            return
        (name, writing), self._pending = self._pending, None
        try:
            writing.result()
        except (Exception, CheckpointException) as error:  # whatever the storage raised
            raise EncoderError(
                f"{self.folder / name}: the checkpoint could not be written "
                f"({_first_line(error)}); make room, or name another folder for checkpoints"
            ) from error
        if self.processes.first:
            write_whole(self.folder / POINTER, name.encode())
            self._prune(name)

    def finish(self) -> None:
        """Wait for a checkpoint that is being written, and publish it."""
        self.publish(wait=True)

    def remove(self) -> None:
        """Remove all: the run is over, and its model saved."""
        self.finish()
        self.processes.wait()
        if self.processes.first:
            shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self, model: nn.Module, optimizer: Optimizer) -> dict[str, Any] | None:
        """Load the last published checkpoint into a model and its optimiser.

        Returns:
            its progress, or None where there is none.

        Raises:
            InputError: it is another run's.

        """
        progress = read_progress(self.folder)
        if progress is None:
            return None
        check_curve(self.folder, progress["curve"], self.curve)
        state = self._state(model, optimizer)
        same = progress["processes"] == self.processes.size
        if not same:
            del state["random"]  # each process had its own; there is none for this many
        place = self.folder / f"{progress['step']:09d}"
        try:
            state_dict_loader.load(state, checkpoint_id=place, process_group=self.processes.files)
        except (Exception, CheckpointException) as error:  # whatever a damaged file provokes
            raise EncoderError(
                f"{place}: the checkpoint cannot be read ({_first_line(error)}); "
                f"remove {self.folder} to begin anew"
            ) from error
        set_state_dict(
            model,
            optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )
        if same:
            _set_random(state["random"][str(self.processes.rank)])
        return progress

    def _state(self, model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
        weights, moments = get_state_dict(model, optimizer)
        random = {str(self.processes.rank): _random(self.processes.device)}
        return {"model": weights, "optimizer": moments, "random": random}

    def _prune(self, current: str) -> None:
        found = sorted(one.name for one in self.folder.iterdir() if one.is_dir())
        kept = [name for name in found if name <= current][-self.keep :]
        for name in found:
            if name not in kept:
                shutil.rmtree(self.folder / name, ignore_errors=True)


def read_progress(folder: Path) -> dict[str, Any] | None:
    """Read how far the last published checkpoint of a folder is; None where there is none.

    Raises:
        EncoderError: what it names is not there.

    """
    try:
        name = (folder / POINTER).read_text().strip()
    except FileNotFoundError:
        return None
    try:
        found = json.loads((folder / name / PROGRESS).read_text())
        return cast("dict[str, Any]", found) if found["curve"] else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(
            f"{folder / name}: no whole checkpoint; remove {folder} to begin anew"
        ) from error


def check_curve(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with a run of other settings, examples or base.

    Raises:
        InputError: they differ; the message says in what.

    """
    here = json.loads(json.dumps(wanted))
    different = sorted(name for name in here if found.get(name) != here[name])
    if different:
        name = different[0]
        raise InputError(
            f"{folder} holds a run with other settings ({name} was {found.get(name)}, "
            f"and is {here[name]}); give the same, or remove the folder to begin anew"
        )


def _random(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the state of the generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_random(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]

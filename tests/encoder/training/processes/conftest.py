"""Two processes in a test: forked from it, so that nothing is imported again."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import random
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import datasets  # noqa: F401
import pytest
import torch
import torch.distributed as dist
from accelerate.state import AcceleratorState  # type: ignore[import-untyped]
from dsv3.encoder.training import dataset, trainer  # noqa: F401 - children need not import it
from dsv3.encoder.training.examples import Example

TINY = Path(__file__).parents[2] / "v3" / "tiny"
WORDS = [
    "red",
    "blue",
    "black",
    "white",
    "large",
    "small",
    "usb",
    "cable",
    "camera",
    "lamp",
    "desk",
]


class Together(Protocol):
    def __call__(self, work: Callable[[int], Any], size: int = 2) -> list[Any]: ...


@pytest.fixture
def together(tmp_path: Path) -> Together:
    """Return what runs a function in processes that share a gloo group; it is given its rank."""
    if torch.cuda.is_available():
        pytest.skip("a forked process cannot use CUDA")
    runs = iter(range(100))

    def run(work: Callable[[int], Any], size: int = 2) -> list[Any]:
        folder = tmp_path / f"together-{next(runs)}"
        folder.mkdir()
        fork = multiprocessing.get_context("fork")
        started = [
            fork.Process(target=_child, args=(work, rank, size, folder)) for rank in range(size)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join(120)
        for process in started:
            process.kill()
        errors = "".join(path.read_text() for path in sorted(folder.glob("*.error")))
        assert not errors, errors
        assert [process.exitcode for process in started] == [0] * size
        return [torch.load(folder / f"{rank}.pt") for rank in range(size)]

    return run


def _child(work: Callable[[int], Any], rank: int, size: int, folder: Path) -> None:
    gc.freeze()  # what other tests left, and its threads, belongs to the parent: never collect it
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    os.environ |= {"LOCAL_WORLD_SIZE": str(size), "OMP_NUM_THREADS": "1"}
    AcceleratorState._reset_state(reset_partial_state=True)  # the parent's
    try:
        store = dist.FileStore(  # type: ignore[attr-defined]
            str(folder / "store"), size
        )
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
        torch.save(work(rank), folder / f"{rank}.pt")
        (folder / f"{rank}.done").touch()
        _wait_for(folder, size)
    except BaseException:
        (folder / f"{rank}.error").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def _wait_for(folder: Path, size: int) -> None:
    """Wait until all are done: one that leaves early would cut the others' connections."""
    while len([*folder.glob("*.done"), *folder.glob("*.error")]) < size:
        time.sleep(0.01)


@pytest.fixture
def calm(tmp_path: Path) -> Path:
    """Return a small V3 without dropout, and with a balance loss that counts."""
    folder = tmp_path / "calm"
    shutil.copytree(TINY, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "router_aux_loss_coef": 0.5,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def examples() -> list[Example]:
    """Return 64 examples of different lengths, topics and grades, some with negatives."""
    draw = random.Random(0)  # noqa: S311
    made = []
    for number in range(64):
        words = draw.sample(WORDS, 6)
        made.append(
            Example(
                query=" ".join(words[: 1 + number % 3]),
                positive=f"{' '.join(words)} {number}",
                negatives=tuple(" ".join(draw.sample(WORDS, 5)) for _ in range(number % 3)),
                grade=(0.5, 1.0)[number % 2],
                topic=("", "lamp", "desk lamp")[number % 3],
            )
        )
    return made

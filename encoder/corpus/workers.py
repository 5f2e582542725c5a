"""Worker processes that encode batches, one thread each, fed through bounded queues.

They are plain subprocesses rather than `multiprocessing` ones: no fork after a numeric
library has started its threads, no second import of the caller's `__main__`, and the
environment is set before anything is imported.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import numpy as np

from ...closing import Closing
from ...errors import EncoderError
from ...threads import worker_environment
from ..base import Encoder, FloatArray
from .worker import FAILED, read_frame, write_frame

Tag = TypeVar("Tag")
# Enough that workers stay busy while the next texts are read, counted and sorted.
_WAITING_PER_WORKER = 4
_SECONDS_TO_END = 5.0


class EncoderWorkers(Closing, Generic[Tag]):
    """Encodes batches in several processes; a tag comes back with each batch's vectors.

    `submit` waits while the queue is full; call it only when `full()` is false, and take
    results in between, so that neither side waits for the other for ever.
    """

    def __init__(self, encoder: Encoder, count: int) -> None:
        if encoder.recipe is None:
            raise EncoderError(f"{encoder.name} was not loaded by name; encode with workers=1")
        self._dim = encoder.dim
        self._fingerprint = encoder.fingerprint
        self._capacity = count * _WAITING_PER_WORKER
        self._pending = 0
        self._batches: queue.SimpleQueue[tuple[Tag, Sequence[str]] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Tag, FloatArray] | EncoderError] = (
            queue.SimpleQueue()
        )
        name, runtime = encoder.recipe["name"], encoder.recipe["runtime"]
        self._processes = [_start(name, runtime) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._feed, args=(process,), daemon=True)
            for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    def full(self) -> bool:
        """Say whether a result must be taken before another batch is submitted."""
        return self._pending >= self._capacity

    def pending(self) -> int:
        """Count the batches submitted whose results have not been taken."""
        return self._pending

    def submit(self, tag: Tag, texts: Sequence[str]) -> None:
        """Queue one batch."""
        self._pending += 1
        self._batches.put((tag, texts))

    def result(self, *, wait: bool = True) -> tuple[Tag, FloatArray] | None:
        """Take one finished batch; None if none is finished and `wait` is false.

        Raises:
            EncoderError: a worker could not load the encoder, failed on a batch, or died.

        """
        try:
            found = self._results.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(found, EncoderError):
            raise found
        self._pending -= 1
        return found

    def close(self) -> None:
        """End the workers at once; what they were computing is dropped."""
        for process in self._processes:
            process.kill()
        for _ in self._threads:
            self._batches.put(None)
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)
        for process in self._processes:
            process.wait(_SECONDS_TO_END)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):  # what was still to be written has no reader
                        stream.close()

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Pass batches to one worker and its vectors back, until told to stop."""
        try:
            greeting = _reply(process)
            if greeting.decode() != self._fingerprint:
                raise EncoderError(
                    "the model's files changed while it was in use; start the command again"
                )
            while (batch := self._batches.get()) is not None:
                tag, texts = batch
                vectors = _ask(process, texts)
                self._results.put(
                    (tag, np.frombuffer(vectors, dtype=np.float32).reshape(-1, self._dim))
                )
        except EncoderError as error:
            self._results.put(error)


def _start(name: str, runtime: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "dsv3.encoder.corpus.worker", name, runtime],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **worker_environment(), "PYTHONPATH": path},
        # Ctrl-C goes to the parent alone, which then ends the workers.
        start_new_session=True,
    )


def _ask(process: subprocess.Popen[bytes], texts: Sequence[str]) -> bytes:
    if process.stdin is None:
        raise EncoderError("an encoding process has no input")
    try:
        write_frame(process.stdin, json.dumps(list(texts)).encode())
    except OSError as error:
        raise _death(process) from error
    return _reply(process)


def _reply(process: subprocess.Popen[bytes]) -> bytes:
    """Read one reply without its status byte."""
    reply = read_frame(process.stdout) if process.stdout is not None else None
    if reply is None:
        raise _death(process)
    if reply[:1] == FAILED:
        raise EncoderError(reply[1:].decode())
    return reply[1:]


def _death(process: subprocess.Popen[bytes]) -> EncoderError:
    try:
        code: int | str = process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        code = "unknown"
    return EncoderError(
        f"an encoding process died (exit {code}), perhaps for lack of memory; what is encoded "
        "is kept: run again, with fewer workers if it recurs"
    )

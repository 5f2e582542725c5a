"""One writer of a shop at a time, first come, first served."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import ShopError
from ..files import Pinned

WAIT = 60.0
"""Seconds that a writer waits for those before it, unless told otherwise."""

_POLL = 0.005  # seconds between two looks at a lock that another process holds

_guard = threading.Lock()
_lines: dict[tuple[int, int], deque[threading.Event]] = {}


@contextmanager
def writing(folder: Path, wait: float = WAIT) -> Iterator[Pinned]:
    """Hold the lock of a shop's folder; give the folder that is locked.

    Threads of a process stand in line. Of several processes, the one that comes next holds a
    second lock while it waits for the first, so that who has just written cannot pass it by.

    Args:
        folder: of the shop; it exists.
        wait: seconds to wait for other writers; 0 does not wait.

    Raises:
        ShopError: others were still writing then, or the folder cannot be written.
    """
    deadline = time.monotonic() + wait
    with ExitStack() as held:
        try:
            held.enter_context(_in_line(_identity(folder), deadline))
            pinned = held.enter_context(_locked(folder, deadline))
        except Timeout:
            raise ShopError(
                f"{folder} is being changed by another process or thread, and still was after "
                f"{wait:g} seconds; try again when it is done, or wait longer"
            ) from None
        except OSError as error:
            raise ShopError(f"{folder} cannot be changed: {error.strerror or error}") from None
        yield pinned


@contextmanager
def _in_line(place: tuple[int, int], deadline: float) -> Iterator[None]:
    """Wait behind the threads of this process that came before."""
    turn = threading.Event()
    with _guard:
        line = _lines.setdefault(place, deque())
        line.append(turn)
        line[0].set()
    try:
        if not turn.wait(_left(deadline)):
            raise Timeout(str(place))
        yield
    finally:
        with _guard:
            line.remove(turn)
            if line:
                line[0].set()
            else:
                del _lines[place]


@contextmanager
def _locked(folder: Path, deadline: float) -> Iterator[Pinned]:
    """Hold the lock file of the folder that bears this name when the lock is had."""
    while True:
        pinned = Pinned(folder)
        lock = FileLock(pinned.path / ".lock")
        queue = FileLock(pinned.path / ".queue")
        with queue.acquire(timeout=_left(deadline), poll_interval=_POLL):
            lock.acquire(timeout=_left(deadline), poll_interval=_POLL)
        if pinned.in_place:
            break
        lock.release()  # another folder was put in its place meanwhile
        pinned.close()
    try:
        yield pinned
    finally:
        lock.release()
        pinned.close()


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())

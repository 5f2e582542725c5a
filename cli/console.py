"""Where output goes: a terminal gets tables and progress, a pipe gets plain lines."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

STAGES = {
    "read": ("Reading", "bytes"),
    "encode": ("Encoding", "products"),
    "vectors": ("Vectors", "products"),
    "write": ("Writing", ""),
    "keywords": ("Keywords", "products"),
    "columns": ("Columns", "products"),
    "mine": ("Hard negatives", "queries"),
    "filter": ("Filtering", "examples"),
    "train": ("Training", "steps"),
    "teacher": ("Teacher", "texts"),
    "distil": ("Distilling", "steps"),
    "refit": ("Watching", "batches"),
    "rank": ("Ranking", "batches"),
    "curves": ("Curves", "cuts"),
}


_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f]|[^\x00-\x7f]")
_STEERING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # Unicode's categories
_JOINERS = "\u200c\u200d"  # of letters and of emoji


def visible(text: str) -> str:
    """Return text with whatever could steer a terminal, or turn the text's order, spelled out.

    Escape sequences in headers, cells and messages end here. They are spelled as in JSON, so that
    JSON stays the same.
    """
    return _SUSPECT.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    mark = found[0]
    if unicodedata.category(mark) not in _STEERING or mark in _JOINERS:
        return mark
    units = mark.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))


def echo(text: str, *, err: bool = False) -> None:
    """Print a line of plain text."""
    import typer

    typer.echo(visible(text), err=err)


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; a pipe gets 120 columns."""
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                if not segment.control and _SUSPECT.search(segment.text):
                    segment = Segment(visible(segment.text), segment.style)
                yield segment

    made = Plain(stderr=stderr, highlight=False)
    if made.is_terminal or "COLUMNS" in os.environ:
        return made
    return Plain(stderr=stderr, highlight=False, width=120)


def tell_of_lost_catalog(folder: Path) -> None:
    """Say where a shop's catalog is gone: its last generation is shown, and cannot change."""
    from ..indexer.shop import Shop

    shop = Shop(folder)
    if shop.exists and shop.settings.catalog is None and not shop.sqlite.exists():
        echo(
            f"dsv3: {shop.sqlite} is gone; what was indexed last is shown. "
            f"How to restore it: dsv3 info {folder}",
            err=True,
        )


class _Bars:
    """Shows a bar for each stage: done, rate, time left."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def start(self, stage: str, total: int | None = None) -> None:
        """Begin a bar."""
        name, unit = STAGES[stage]
        self._task = self._bars.add_task(name, total=total, unit=unit, rate="")
        self._begin = time.monotonic()

    def advance(self, done: int = 1) -> None:
        """Move the bar on."""
        if self._task is None:
            return
        self._bars.advance(self._task, done)
        task = self._bars.tasks[self._task]
        elapsed = time.monotonic() - self._begin
        if elapsed > 0:
            self._bars.update(self._task, rate=f"{task.completed / elapsed:,.0f}/s")

    def finish(self) -> None:
        """Fill the bar."""
        if self._task is not None:
            task = self._bars.tasks[self._task]
            total = task.total or task.completed or 1
            self._bars.update(self._task, total=total, completed=total)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """Give a progress that is shown on a terminal, and silent elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield Silent()
        return
    with Bars(
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]} {task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=screen,
    ) as bars:
        yield _Bars(bars)

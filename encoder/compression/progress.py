"""What compression tells whoever waits for it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Follow a run stage by stage: "teach", "distil", "refit", "rank", "curves"."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Begin a stage of `total` steps."""

    def advance(self, done: int = 1) -> None:
        """Count steps as done."""

    def finish(self) -> None:
        """End the stage."""


class Silent:
    """Show nothing."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Begin a stage."""

    def advance(self, done: int = 1) -> None:
        """Count steps as done."""

    def finish(self) -> None:
        """End the stage."""

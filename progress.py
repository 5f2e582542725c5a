"""What long work tells whoever watches."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of stages and of what each has done."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Begin a stage of `total` units, if that is known."""

    def advance(self, done: int = 1) -> None:
        """Count units as done."""

    def finish(self) -> None:
        """End the stage."""


class Silent:
    """Watches without a word."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Pass over."""

    def advance(self, done: int = 1) -> None:
        """Pass over."""

    def finish(self) -> None:
        """Pass over."""

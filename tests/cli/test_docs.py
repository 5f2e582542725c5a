"""The command reference is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from dsv3.cli.app import app
from typer.cli import get_docs_for_click

REFERENCE = Path(__file__).parents[2] / "docs" / "cli.md"


def reference() -> str:
    command: Any = typer.main.get_command(app)
    context: Any = command.make_context("dsv3", [], resilient_parsing=True)
    made = get_docs_for_click(obj=command, ctx=context, name="dsv3", title="The command line")
    return "\n".join(line.rstrip() for line in made.splitlines()).strip() + "\n"


def test_the_reference_is_current() -> None:
    """Write it again with: python tests/cli/test_docs.py."""
    assert REFERENCE.read_text() == reference()


if __name__ == "__main__":
    REFERENCE.write_text(reference())

"""The command `dsv3`: its commands by name, and how an error is shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import Dsv3Error
from ..files import full_disk_told
from . import catalog, indexing, model, rules, searching, serving, training, tuning
from . import eval as evaluating
from .console import echo


class _Commands(TyperGroup):
    """Says what an interruption means; by itself typer ends without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            goes_on = ctx.invoked_subcommand in ("index", "train")
            what = "; the same command goes on from what was kept" if goes_on else ""
            echo(f"dsv3: interrupted{what}", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    name="dsv3",
    cls=_Commands,
    help="Product search for shops: index a catalog, search it, measure how good it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index")(indexing.index)
app.command("search")(searching.search)
app.command("serve")(serving.serve)
app.command("info")(catalog.info)
app.command("delete")(catalog.delete)
app.command("train")(training.train)
app.command("tune")(tuning.tune)
app.add_typer(evaluating.app, name="eval")
app.add_typer(model.app, name="model")
app.add_typer(rules.app, name="rules")


def _show_version(wanted: bool) -> None:
    if wanted:
        echo(f"dsv3 {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; an error of ours is one line and a non-zero exit."""
    try:
        with full_disk_told(Path.cwd(), "free some space and run the same command again"):
            app()
    except Dsv3Error as error:
        echo(f"dsv3: {error}", err=True)
        sys.exit(error.exit_code)

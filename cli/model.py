"""`dsv3 model …`: make and inspect V3 models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import echo
from .model_compress import compress
from .model_export import export
from .model_fit import fit

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(
    help="Make, inspect and compile encoders.", no_args_is_help=True, rich_markup_mode=None
)
app.command("export")(export)
app.command("compress")(compress)
app.command("fit")(fit)


@app.command()
def upcycle(
    base: Annotated[str, typer.Argument(help="Dense encoder: a folder, a hub name, or 'default'.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    preset: Annotated[
        str | None,
        typer.Option(help="Shape of the mixture, as v3-edge; by default the one like the base."),
    ] = None,
    noise: Annotated[
        float, typer.Option(help="Noise on the experts, as a share of their spread.", min=0)
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of gates and noise.")] = 0,
    max_tokens: Annotated[
        int | None, typer.Option(help="Longest text that is not cut; the base's by default.", min=8)
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="Typical texts, one a line, on which experts start evenly loaded."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Turn a dense encoder into V3 with the same embeddings."""
    from ..encoder.texts.text import read_lines
    from ..encoder.upcycling.upcycle import upcycle_base

    done = upcycle_base(
        base,
        out,
        preset_name=preset,
        noise=noise,
        seed=seed,
        max_tokens=max_tokens,
        texts=read_lines(texts) if texts else (),
    )
    if json:
        _print_json(done)
        return
    echo(
        f"{out}: {done['total']:,} parameters from {done['base_total']:,}; "
        f"cosine to the base at least {done['least_cosine']:.6f} on {done['probes']} texts, "
        "through both gates"
    )


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A preset, as v3-edge, or a V3 folder.")],
    query_tokens: Annotated[int, typer.Option(help="Length of a query.", min=1)] = 8,
    document_tokens: Annotated[int, typer.Option(help="Length of a document.", min=1)] = 128,
    texts: Annotated[
        Path | None,
        typer.Option(help="Texts, one a line, on which to measure the experts' load."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Count a model's parameters, operations and memory, beside the article's figures."""
    from ..encoder.texts.text import read_lines
    from ..encoder.v3.summary import summarise

    found = summarise(name, query_tokens=query_tokens, document_tokens=document_tokens)
    if texts is not None:
        from ..encoder.pytorch.load import load_model
        from ..encoder.v3.gate_load import measure_load

        found["load"] = measure_load(load_model(Path(name), device=None), read_lines(texts))
    if json:
        _print_json(found)
        return
    from .console import console

    screen = console()
    screen.print(_counts(found))
    if "load" in found:
        screen.print(loads_table(found["load"]))
    for line in found["algebra"]:
        screen.print(line, style="dim")


def _print_json(found: dict[str, Any]) -> None:
    import orjson

    echo(orjson.dumps(found).decode())


def _counts(found: dict[str, Any]) -> Table:
    """Return the counts as a table: the model, its dense counterpart, the article."""
    from rich.table import Table

    shape, size, article = found["shape"], found["parameters"], found["article"]
    table = Table(title=_title(found), title_justify="left", box=None)
    table.add_column("")
    for heading in (found["name"], "dense", "more", "article"):
        table.add_column(heading, justify="right")
    table.add_row(
        "Parameters",
        _short(size["total"]),
        _short(size["dense"]),
        f"{size['added']:+.1%}",
        f"{article['added_parameters']:+.0%}",
    )
    article_active = f"{article['active'] / article['total']:.0%} of the total"
    share = f"{size['active'] / size['total']:.0%} of the total"
    table.add_row("  active", _short(size["active"]), "", share, article_active)
    table.add_row("  embeddings", _short(size["embeddings"]), "", "", "")
    for one in found["operations"]:
        table.add_row(
            f"FLOPs a token, {one['task']} of {one['length']}",
            _short(one["sparse"]),
            _short(one["dense"]),
            f"{one['added']:+.1%}",
            f"{article['added_operations']:+.0%}",
        )
    for dtype, size_bytes in found["memory"].items():
        table.add_row(f"Weights in {dtype}", f"{_short(size_bytes)}B", "", "", "")
    table.add_row(
        "Experts a layer, top-k, gates",
        f"{shape['experts']}, {shape['top_k']}, 2",
        "",
        "",
        f"{article['experts']}, {article['top_k']}, {article['gates']}",
    )
    return table


def _title(found: dict[str, Any]) -> str:
    shape = found["shape"]
    return (
        f"{found['name']}: {shape['layers']} layers {shape['hidden']} wide; in "
        f"{len(shape['moe_layers'])} of them {shape['experts']} experts "
        f"{shape['expert_width']} wide and a shared one of {shape['shared_width']}"
    )


def loads_table(loads: list[dict[str, Any]]) -> Table:
    """Return each gate's load as a table, a column an expert."""
    from rich.table import Table

    table = Table(title="Share of the tokens' choices", title_justify="left", box=None)
    table.add_column("Layer, gate")
    for expert in range(len(loads[0]["shares"]) if loads else 0):
        table.add_column(f"#{expert}", justify="right")
    for load in loads:
        name = f"{load['layer']}, {load['task']}"
        table.add_row(name, *(f"{share:.1%}" for share in load["shares"]))
    return table


def _short(number: float) -> str:
    """Write 35659872 as 35.66 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return f"{number:.0f} "

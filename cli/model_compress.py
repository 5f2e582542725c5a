"""`dsv3 model compress`: make an encoder smaller and faster."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import echo


class MethodChoice(StrEnum):
    """The methods, so that typer lists and checks them."""

    distil = "distil"
    prune = "prune"
    int8 = "int8"


def compress(
    name: Annotated[str, typer.Argument(help="Model: a folder, a hub name, or 'default'.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    method: Annotated[
        list[MethodChoice],
        typer.Option(help="May be given several times; the order is distil, prune, int8."),
    ],
    texts: Annotated[
        Path | None,
        typer.Option(help="Product texts, one a line, without labels; by default the shop's."),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="What shoppers type, one a line; by default words out of the texts."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of distillation.", min=1)] = 400,
    batch: Annotated[int, typer.Option(help="Texts of either kind in a step.", min=2)] = 32,
    learning_rate: Annotated[float, typer.Option(help="Its peak.", min=0)] = 4e-4,
    max_tokens: Annotated[
        int, typer.Option(help="Texts are cut to this while learning and measuring.", min=8)
    ] = 64,
    layers: Annotated[
        str | None,
        typer.Option(help="Layers to keep, as 0,2,5; by default those nearest to the teacher."),
    ] = None,
    ratio: Annotated[
        float, typer.Option(help="Share of heads and channels to prune.", min=0.2, max=0.5)
    ] = 0.3,
    idle: Annotated[
        float,
        typer.Option(help="Experts below this share of an even load are removed.", min=0, max=1),
    ] = 0.05,
    recovery: Annotated[int, typer.Option(help="Steps of distillation after pruning.", min=0)] = 0,
    shop: Annotated[
        Path | None, typer.Option("--in", help="A shop: for its texts, and to measure in.")
    ] = None,
    judgments: Annotated[
        Path | None, typer.Option(help="Measure both models' ranking of the shop on these.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Make an encoder smaller: half the layers, narrower layers, 8-bit numbers, or all of it."""
    from dataclasses import replace

    from ..encoder.compression.compress import Compression, compress_model
    from ..encoder.compression.distil import DISTILLATION
    from ..encoder.compression.prune import Pruning
    from ..encoder.texts.text import read_lines
    from .console import shown_progress

    how = Compression(
        methods=[each.value for each in method],
        layers=_layers(layers),
        distillation=replace(
            DISTILLATION,
            steps=steps,
            batch_size=batch,
            learning_rate=learning_rate,
            max_tokens=max_tokens,
            seed=seed,
        ),
        pruning=Pruning(ratio=ratio, idle=idle, max_tokens=max_tokens, seed=seed),
        recovery=recovery,
    )
    documents = _documents(texts, shop, judgments)
    with shown_progress(quiet=quiet or json) as progress:
        done = compress_model(
            name,
            out,
            documents,
            how,
            queries=read_lines(queries) if queries else (),
            progress=progress,
        )
    rows = []
    if shop is not None and judgments is not None:
        from ..eval.compression import measure_models
        from ..eval.judgments.load import load_qrels

        rows = measure_models({name: name, str(out): str(out)}, shop, load_qrels(judgments, "auto"))
    if json:
        import orjson

        done["measured"] = rows
        echo(orjson.dumps(done, option=orjson.OPT_NON_STR_KEYS).decode())
        return
    _show(done)
    if rows:
        from ..eval.compression import as_table

        echo("\n".join(as_table(rows)))
        for row in rows:
            if row.comparison is not None:
                echo(f"{row.name}: {row.comparison.verdict}")


def _documents(texts: Path | None, shop: Path | None, judgments: Path | None) -> list[str]:
    """Return the texts of a file, else of a shop."""
    from ..encoder.texts.text import read_lines
    from ..errors import InputError

    if judgments is not None and shop is None:
        raise InputError("--judgments measures the ranking of a shop: name it with --in")
    if texts is not None:
        return read_lines(texts)
    if shop is None:
        raise InputError("give product texts with --texts, or a shop with --in")
    from ..eval.compression import shop_texts

    return shop_texts(shop)


def _layers(named: str | None) -> list[int] | None:
    from ..errors import InputError

    if named is None:
        return None
    try:
        return [int(layer) for layer in named.split(",")]
    except ValueError:
        raise InputError(f"--layers {named}: write numbers with commas, as 0,2,5") from None


def _show(done: dict[str, Any]) -> None:
    """Print the ratios by layer as a table, and what became of the model."""
    if "prune" in done:
        from rich.table import Table

        from .console import console

        table = Table(title="Loss when one part alone is pruned", title_justify="left", box=None)
        sites = done["prune"]["sites"]
        for heading in ("Layer", "Part", *sites[0]["curve"], "chosen"):
            table.add_column(heading, justify="left" if heading == "Part" else "right")
        for site in sites:
            losses = [f"{loss:.4f}" for loss in site["curve"].values()]
            part = str(site["part"]).replace("_", "-")
            table.add_row(str(site["layer"]), part, *losses, f"{site['ratio']:.2f}")
        console().print(table)
    cosine = done.get("int8", {}).get("mean_cosine")
    rounded = f"; compiled to int8, {cosine:.4f} to what was compiled" if cosine else ""
    echo(
        f"{done['folder']}: {done['parameters']:,} parameters from {done['parameters_before']:,}; "
        f"mean cosine to the original {done['cosine']:.4f}{rounded}"
    )

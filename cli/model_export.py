"""`dsv3 model export`: compile an encoder so that it runs fast and without torch."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo
from .eval_change import Adopt, MostLoss, judge

if TYPE_CHECKING:
    pass


class PrecisionChoice(StrEnum):
    """The precisions, so that typer lists and checks them."""

    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


def export(
    name: Annotated[str, typer.Argument(help="Encoder: a folder, a hub name, or 'default'.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            help="Folder to write, whose path is then an encoder's name. Without it the cache, "
            "where NAME,precision=… finds it.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="Of the arithmetic; int8 changes the vectors a little.")
    ] = PrecisionChoice.fp32,
    texts: Annotated[
        Path | None,
        typer.Option(help="Typical product texts, one a line, for int8 and for the check."),
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Compare the vectors with the original's, run by torch.")
    ] = True,
    shop: Annotated[
        Path | None, typer.Option("--in", help="Shop on which to judge what precision costs.")
    ] = None,
    judgments: Annotated[
        Path | None, typer.Option("--judgments", "-j", help="Graded judgments of that shop.")
    ] = None,
    most_loss: MostLoss = 0.012,
    adopt: Adopt = False,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Compile an encoder, so that it runs fast and without torch.

    With a shop and judgments, say what it costs in nDCG@10 there, exit with 1 if that is too
    much, and with --adopt make it the shop's encoder if it is not.
    """
    if (shop is None) != (judgments is None) or (adopt and shop is None):
        raise InputError("to judge an export give both --in and --judgments")
    from ..encoder.export import export_encoder
    from ..encoder.texts.text import read_lines

    made = export_encoder(
        name,
        out,
        precision=precision.value,
        texts=read_lines(texts) if texts else (),
        verify=check,
    )
    known_as = str(out.resolve()) if out else f"{name},precision={precision.value}"
    size = sum(made.sizes.values())
    known = {"encoder": known_as, "bytes": size, **made.to_json()}
    if not json:
        checked = f"; cosine to the original at least {made.least_cosine:.5f}" if check else ""
        echo(f"{known_as}: {made.precision}, {size / 1e6:.0f} MB{checked}")
    if shop is not None and judgments is not None:
        judge(
            shop,
            {"encoder": known_as},
            judgments,
            most_loss=most_loss,
            adopt=adopt,
            json=json,
            known=known,
        )
    elif json:
        import orjson

        echo(orjson.dumps(known).decode())

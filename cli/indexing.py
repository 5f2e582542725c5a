"""`dsv3 index`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from ..indexer.index import Indexed
    from ..indexer.sources.fields import FieldMap


class Device(StrEnum):
    """Where encoders compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Unit(StrEnum):
    """What a price counts."""

    units = "units"
    cents = "cents"


def index(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files (.jsonl .json .csv .tsv .parquet, each also .gz), tables "
            "(sqlite:///shop.db#products), or - for standard input. None: finish or rebuild "
            "from the catalog.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[Path, typer.Option(help="The shop's folder.")] = Path("shop.dsv3"),
    fields: Annotated[
        list[str] | None,
        typer.Option("--map", help="Our field = theirs, as in title=product_name."),
    ] = None,
    price_unit: Annotated[Unit, typer.Option(help="What a price without a unit counts.")] = (
        Unit.units
    ),
    sync: Annotated[
        bool, typer.Option("--sync", help="Delete products that are no longer in the sources.")
    ] = False,
    allow_deleting: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the products that --sync may delete."),
    ] = 0.1,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad record.")] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="default, a model's folder or its hub name. Settings may follow: precision "
            "(fp32, bf16, int8) and long_text (cut, or pool: long texts are encoded in pieces "
            "and averaged), as in default,long_text=pool."
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="The text that is encoded, as in '{title}. {brand}. {description}'."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--index",
            help="auto, int8 or binary (a number or a bit a dimension), or a FAISS factory string.",
        ),
    ] = None,
    dim: Annotated[
        int | None, typer.Option(help="Keep this many leading dimensions of each vector.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of stemming: english, german, chinese, none …")
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option(help="Keep the catalog at this URL, as in postgresql+psycopg://host/db."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that encode; one for each core if not given."),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="Where texts are encoded; auto takes a GPU where there is one.")
    ] = Device.auto,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Derive everything anew from the catalog.")
    ] = False,
    adopt_catalog: Annotated[
        bool,
        typer.Option(
            "--adopt-catalog",
            help="Go on from the catalog as it is, though the shop was indexed from another "
            "one, from a later state of it, or from one that is gone.",
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for others that change the shop.")
    ] = 60.0,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Then drop cached vectors of other encoders and of texts that no product has.",
        ),
    ] = False,
    if_not_worse: Annotated[
        bool,
        typer.Option(
            "--if-not-worse",
            help="Change encoder, index, dim or template only if judged search stays as good.",
        ),
    ] = False,
    judgments: Annotated[
        Path | None,
        typer.Option(
            "--judgments",
            "-j",
            help="For --if-not-worse; a trained encoder brings some of its own.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one summary object.")] = False,
) -> None:
    """Read products into a shop and make it searchable; run it again to take in changes."""
    from ..indexer.index import index_shop
    from ..indexer.ingest import Reading
    from .console import console, shown_progress

    reading = None
    if sync and not sources:
        raise InputError("--sync needs the sources to bring the shop in step with")
    if sources:
        reading = Reading(
            sources, _pairs(fields or []), price_unit.value, strict, sync, allow_deleting
        )
    screen = console(stderr=True)

    def show_fields(source: str, recognised: FieldMap) -> None:
        if not json:
            from .render import fields_table

            screen.print(fields_table(source, recognised))

    changes = {
        "encoder": encoder,
        "template": template,
        "index": kind,
        "dim": dim,
        "language": language,
    }
    if if_not_worse and json:
        raise InputError("--if-not-worse prints a table; for JSON: dsv3 eval change --adopt --json")
    complete = True

    def show(done: Indexed) -> None:
        nonlocal complete
        kept = sync and done.ingested is not None and bool(done.ingested.kept)
        complete = not kept and not (done.built and done.built.left_out)
        _show(done, into, json=json)

    with shown_progress(quiet=json) as progress:
        how: dict[str, Any] = {
            "changes": changes,
            "catalog_url": catalog,
            "workers": workers,
            "device": device.value,
            "rebuild": rebuild,
            "adopt_catalog": adopt_catalog,
            "wait": wait,
            "prune": prune,
            "progress": progress,
            "on_recognised": show_fields,
        }
        if if_not_worse:
            from ..eval.change import index_if_not_worse
            from .eval_change import verdict_table

            index_if_not_worse(
                into, reading, judgments=judgments,
                on_indexed=show,
                on_judged=lambda verdict: console().print(verdict_table(verdict)),
                **how,
            )  # fmt: skip
        else:
            done = index_shop(into, reading, **how)
    if not if_not_worse:
        show(done)
    if not complete:
        raise typer.Exit(1)


def _show(done: Indexed, shop: Path, *, json: bool) -> None:
    if json:
        import orjson

        echo(orjson.dumps(summary(done, shop)).decode())
    else:
        from .console import console
        from .render import index_summary

        index_summary(console(), summary(done, shop))


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise InputError(f"--map {pair!r}: write our field, '=' and theirs, as in title=name")
        pairs[ours] = theirs
    return pairs


def summary(done: Indexed, shop: Path) -> dict[str, Any]:
    """Return what an index run did as one object."""
    found: dict[str, Any] = {
        "shop": str(shop),
        "products": done.products,
        "seconds": round(done.seconds, 3),
    }
    if done.ingested is not None:
        ingested = done.ingested
        found["records"] = {
            "read": ingested.read,
            "added": ingested.added,
            "changed": ingested.changed,
            "unchanged": ingested.unchanged,
            "deleted": ingested.deleted,
            "duplicate_ids": ingested.duplicates,
            "rejected": dict(ingested.rejected),
            "skipped": dict(ingested.skipped),
            "cut": dict(ingested.cut),
        }
        if ingested.kept:
            found["nothing_deleted"] = ingested.kept
    if done.built is not None:
        built = done.built
        found["generation"] = built.manifest.number
        found["index"] = built.manifest.index
        found["texts"] = {
            "encoded": built.encoding.encoded,
            "reused": built.encoding.reused,
            "long": built.manifest.texts_cut,
            "long_text": built.manifest.encoder["long_text"],
            "max_tokens": built.manifest.encoder["max_tokens"],
        }
        if built.left_out:
            found["left_out"] = dict(built.left_out)
        if built.never_filled:
            found["texts"]["never_filled"] = built.never_filled
    if done.pruned:
        found["pruned"] = done.pruned
    return found

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
    from ..indexer.ingest import Ingested, Reading
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
            help="Files (XML, JSON, JSON Lines, delimited text, .xlsx, .xls, .ods, Parquet, HTML "
            "with JSON-LD, each also compressed or in a zip), addresses (https://...), tables "
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
    encoding: Annotated[
        str | None,
        typer.Option(help="How texts of the sources are encoded, where their bytes mislead."),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(help="Where the products stand in XML or JSON, as in catalog/product."),
    ] = None,
    include_unpublished: Annotated[
        bool,
        typer.Option("--include-unpublished", help="Take drafts, archived and hidden products."),
    ] = False,
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="A public address may redirect to a private one."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Read the sources and show what they hold; store nothing."),
    ] = False,
    sync: Annotated[
        bool, typer.Option("--sync", help="Delete products that are no longer in the sources.")
    ] = False,
    allow_deleting: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of the products that --sync may delete; if not given 0.1, and none where a "
            "record could not be read.",
        ),
    ] = None,
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
    if not sources and (check or sync):
        raise InputError(f"{'--check' if check else '--sync'} needs the sources to read")
    reading = None
    if sources:
        from ..indexer.ingest import Reading
        from ..indexer.sources.records import ReadOptions

        reading = Reading(
            sources,
            _pairs(fields or []),
            price_unit.value,
            strict,
            sync,
            allow_deleting,
            ReadOptions(encoding, items, include_unpublished, allow_private),
        )
    if check and reading:
        _check(reading, json=json)
        return
    how: dict[str, Any] = {
        "changes": {
            "encoder": encoder,
            "template": template,
            "index": kind,
            "dim": dim,
            "language": language,
        },
        "catalog_url": catalog,
        "workers": workers,
        "device": device.value,
        "rebuild": rebuild,
        "adopt_catalog": adopt_catalog,
        "wait": wait,
        "prune": prune,
    }
    if not if_not_worse:
        _index(into, reading, how, json=json)
    elif json:
        raise InputError("--if-not-worse prints a table; for JSON: dsv3 eval change --adopt --json")
    else:
        _index_if_not_worse(into, reading, how, judgments)


def _index(shop: Path, reading: Reading | None, how: dict[str, Any], *, json: bool) -> None:
    from ..indexer.index import index_shop
    from .console import shown_progress

    with shown_progress(quiet=json) as progress:
        shown = None if json else _show_fields
        done = index_shop(shop, reading, progress=progress, on_recognised=shown, **how)
    _show(done, shop, json=json)
    if not _complete(done, reading):
        raise typer.Exit(1)


def _index_if_not_worse(
    shop: Path, reading: Reading | None, how: dict[str, Any], judgments: Path | None
) -> None:
    from ..eval.change import index_if_not_worse
    from .console import console, shown_progress
    from .eval_change import verdict_table

    complete = True

    def show(done: Indexed) -> None:
        nonlocal complete
        complete = _complete(done, reading)
        _show(done, shop, json=False)

    with shown_progress(quiet=False) as progress:
        index_if_not_worse(
            shop,
            reading,
            judgments=judgments,
            on_indexed=show,
            on_judged=lambda verdict: console().print(verdict_table(verdict)),
            progress=progress,
            on_recognised=_show_fields,
            **how,
        )
    if not complete:
        raise typer.Exit(1)


def _complete(done: Indexed, reading: Reading | None) -> bool:
    """Tell whether all was done that was asked for."""
    sync = reading is not None and reading.sync
    kept = sync and done.ingested is not None and bool(done.ingested.kept)
    return not kept and not (done.built and done.built.left_out)


def _show_fields(source: str, recognised: FieldMap) -> None:
    from .console import console
    from .render import fields_table

    console(stderr=True).print(fields_table(source, recognised))


def _check(reading: Reading, *, json: bool) -> None:
    """Show what the sources of `reading` hold."""
    from ..indexer.ingest import check
    from .console import console, shown_progress

    with shown_progress(quiet=json) as progress:
        found = check(reading, progress)
    if json:
        import orjson

        told = {"records": records(found), "sources": sources_told(found, examples=True)}
        echo(orjson.dumps(told, default=str).decode())
    else:
        from .render import show_check

        show_check(console(), found)
    if found.none_taken:
        raise InputError(found.none_taken)


def _show(done: Indexed, shop: Path, *, json: bool) -> None:
    if json:
        import orjson

        echo(orjson.dumps(summary(done, shop)).decode())
    else:
        from .console import console
        from .render import index_summary

        index_summary(console(), summary(done, shop), done.ingested)


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
        found["records"] = records(ingested)
        found["sources"] = sources_told(ingested)
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


def records(done: Ingested) -> dict[str, Any]:
    """Return what came of records, counted, as one object."""
    return {
        "read": done.read,
        "added": done.added,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "deleted": done.deleted,
        "duplicate_ids": done.duplicates,
        "rejected": dict(done.rejected),
        "unchanged_sources": done.met.unchanged,
        "without_products": done.met.without_products,
        "skipped": dict(done.met.skipped),
        "unpublished": dict(done.met.unpublished),
        "cut": dict(done.met.cut),
        "no_price": dict(done.met.no_price),
        "currencies": dict(done.met.currencies),
        "lost_codes": dict(done.met.lost_codes),
        "other_ids": dict(done.met.other_ids),
    }


def sources_told(done: Ingested, *, examples: bool = False) -> list[dict[str, Any]]:
    """Return for each source what was recognised, how full its fields are, and what looks odd."""
    told = []
    for report in done.reports:
        columns, how = report.fields.columns, report.fields.how
        one: dict[str, Any] = {
            "source": report.source,
            "recognised": done.met.recognised.get(report.source, {}),
            "products": report.products,
            "fields": {
                name: {"columns": columns[name], "how": how[name], "share": round(share, 4)}
                for name, share in report.shares.items()
                if name in columns
            },
            "warnings": list(report.warnings()),
        }
        if examples:
            one["examples"] = report.examples
        told.append(one)
    return told

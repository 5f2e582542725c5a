"""Turn results and summaries into what is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from ..indexer.product import LONGEST_TEXT
from ..retriever.results import WARNINGS, Hit, Results

if TYPE_CHECKING:
    from rich.console import Console

    from ..indexer.ingest import Ingested
    from ..indexer.product import Product
    from ..indexer.sources.fields import FieldMap
    from ..retriever.expectations import Outcome


_NARROW = 60  # columns of a terminal below which brands are left out
_GAP = 2


def hit_lines(results: Results, *, page: bool = False) -> Iterator[str]:
    """Yield a JSON object for each hit; if asked for, one more with what is true of them all."""
    for hit in results.hits:
        product = asdict(hit.product)
        line = {"rank": hit.rank, "score": hit.score, "variants": hit.variants, **product}
        if hit.explanation is not None:
            line["explanation"] = asdict(hit.explanation)
        yield orjson.dumps(line).decode()
    if page:
        summary = {
            "total": results.total,
            "facets": {
                name: [asdict(value) for value in values] for name, values in results.facets.items()
            },
            "plan": dict(results.plan),
            "took": dict(results.took),
        }
        yield orjson.dumps(summary).decode()


def show_results(
    console: Console, query: str, results: Results, *, offset: int, explain: bool
) -> None:
    """Print a page of hits as a table, then facets and explanations."""
    if not results.hits:
        console.print(
            f"No more than {results.total:,} products." if offset else "No products match."
        )
    else:
        console.print(_hits_table(results, console.width, explain=explain))
        last = results.hits[-1].rank
        console.print(
            f"{results.hits[0].rank:,}-{last:,} of {results.total:,} products, "
            f"{results.took['total']:.0f} ms"
            + ("; every variant: --expand" if any(h.variants > 1 for h in results.hits) else ""),
            style="dim",
        )
    for name, values in results.facets.items():
        table = Table(title=name, title_justify="left", box=None, show_header=False)
        for value in values:
            table.add_row(Text(value.value), f"{value.count:,}")
        console.print(table)
    for what, text in results.plan.items():
        if explain or what in ("filter", *WARNINGS):
            console.print(Text(f"{what}: {text}", style="dim"))


def _hits_table(results: Results, width: int, *, explain: bool) -> Table:
    columns = ["#", "Title", "Brand", "Price", "Variants", "Score", "Lanes"]
    shown = columns if explain else columns[:-1]
    if all(hit.variants == 1 for hit in results.hits):
        shown = [name for name in shown if name != "Variants"]
    if width < _NARROW:
        shown.remove("Brand")
    rows = [dict(zip(columns, _hit_cells(hit), strict=True)) for hit in results.hits]
    others = sum(
        max(cell_len(line) for row in rows for line in [name, *row[name].split("\n")]) + _GAP
        for name in shown
        if name != "Title"
    )
    table = Table(box=None, pad_edge=False)
    for name in shown:
        table.add_column(
            name,
            justify="right" if name in ("#", "Price", "Variants", "Score") else "left",
            style="dim" if name in ("#", "Score", "Lanes") else "",
            overflow="ellipsis",
            no_wrap=name != "Title" or not explain,
            max_width=max(width - others, 8) if name == "Title" else None,
        )
    for row in rows:
        table.add_row(*(Text(row[name]) for name in shown))
    return table


def _hit_cells(hit: Hit) -> tuple[str, ...]:
    product = hit.product
    return (
        str(hit.rank),
        product.title,
        set_cell_size(product.brand or "", 20).rstrip(),
        _price(product.price, product.currency),
        f"{hit.variants:,}" if hit.variants > 1 else "",
        f"{hit.score:.3f}",
        _lanes(hit),
    )


def _price(price: float | None, currency: str | None) -> str:
    if price is None:
        return ""
    return f"{price:,.2f} {currency}" if currency else f"{price:,.2f}"


def _lanes(hit: Hit) -> str:
    if hit.explanation is None:
        return ""
    parts = ["exact code"] if hit.explanation.exact_code else []
    parts += hit.explanation.rules
    for name, lane in hit.explanation.lanes.items():
        rank = f"#{lane.rank}" if lane.rank else "-"
        parts.append(f"{name} {rank} {lane.score:.3f}")
    parts += [f"{name} {value:+.3f}" for name, value in hit.explanation.evidence.items()]
    if hit.explanation.cross_encoder is not None:
        parts.append(f"cross-encoder {hit.explanation.cross_encoder:.3f}")
    return "\n".join(parts)


def expectations_table(outcomes: Sequence[Outcome]) -> Table:
    """Return what became of each expectation of a shop's rules."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Line", justify="right", style="dim")
    table.add_column("Query", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("Otherwise", overflow="fold")
    for each in outcomes:
        verdict = Text("failed", style="red") if each.failures else Text("ok", style="green")
        cells = (str(each.expectation.line), Text(each.expectation.query), verdict)
        table.add_row(*cells, Text("\n".join(each.failures)))
    return table


def fields_table(
    source: str, recognised: FieldMap, shares: Mapping[str, float] | None = None
) -> Table:
    """Return what a source's fields were recognised as, and which share of products has them."""
    table = Table(title=Text(f"Fields of {source}"), title_justify="left", box=None)
    table.add_column("Ours", no_wrap=True)
    table.add_column("Theirs", overflow="fold")
    table.add_column("How", no_wrap=True)
    if shares is not None:
        table.add_column("Filled", no_wrap=True, justify="right")
    table.add_column("For example", overflow="ellipsis", max_width=40)
    for row in recognised.describe():
        cells: list[str | Text] = [row.field, Text(row.column), row.how, Text(row.sample)]
        if shares is not None:
            cells.insert(3, f"{shares[row.field]:.0%}" if row.field in shares else "")
        table.add_row(*cells)
    return table


def show_check(console: Console, found: Ingested) -> None:
    """Print what sources hold, as a run would take it."""
    for report in found.reports:
        told = found.met.recognised.get(report.source, {})
        what = "; ".join(f"{name} {value}" for name, value in told.items())
        console.print(Text(f"{report.source}: {what}" if what else report.source, style="bold"))
        console.print(fields_table(report.source, report.fields, report.shares))
        for product in report.examples:
            console.print(_product_table(product))
    rejected = found.rejected.total()
    console.print(
        f"Records: {found.read:,} read, {found.added:,} would be stored, {rejected:,} rejected"
    )
    _show_duplicates(console, found)
    _show_met(console, found)
    for reason, count in found.rejected.most_common():
        console.print(Text(f"Rejected: {count:,} x {reason}", style="yellow"))
    _show_warnings(console, found)


def _product_table(product: Product) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    for name, value in asdict(product).items():
        values = value.items() if isinstance(value, dict) else [(name, value)]
        for label, held in values:
            if held not in (None, "", ()):
                text = ", ".join(held) if isinstance(held, tuple) else str(held)
                table.add_row(Text(label), Text(text))
    return table


def index_summary(console: Console, done: Mapping[str, Any], ingested: Ingested | None) -> None:
    """Print what an index run did, a line for each thing worth knowing."""
    if ingested is not None:
        _show_records(console, ingested, done["shop"])
    for product_id, reason in done.get("left_out", {}).items():
        console.print(
            Text(f"Left out: product {product_id!r}, as {reason}; delete it or index it anew"),
            style="yellow",
        )
    if "nothing_deleted" in done:
        console.print(Text(f"Nothing was deleted: {done['nothing_deleted']}"), style="yellow")
    if "generation" not in done:
        console.print("Nothing changed: the shop is up to date.")
    else:
        texts = done["texts"]
        fate = {"cut": "cut there", "pool": "encoded in pieces"}[texts["long_text"]]
        console.print(
            f"Texts: {texts['encoded']:,} encoded, {texts['reused']:,} taken from the cache, "
            f"{texts['long']:,} in all longer than {texts['max_tokens']} tokens and {fate}"
        )
        for name in texts.get("never_filled", ()):
            console.print(Text(f"Template: no product has a field {name!r}"), style="yellow")
    if "pruned" in done:
        console.print(f"Cache: {done['pruned']:,} vectors dropped that no product needs")
    console.print(
        Text(f"{done['shop']}: {done['products']:,} products in {done['seconds']:.1f} s"),
        style="bold",
    )


def _show_records(console: Console, done: Ingested, shop: str) -> None:
    console.print(
        f"Records: {done.read:,} read, {done.added:,} added, {done.changed:,} changed, "
        f"{done.unchanged:,} unchanged, {done.deleted:,} deleted"
    )
    _show_duplicates(console, done)
    _show_met(console, done)
    if done.rejected:
        console.print(f"Rejected, in {shop}/rejected.jsonl:", style="yellow")
        for reason, count in done.rejected.most_common():
            console.print(Text(f"  {count:,} x {reason}"))
    for report in done.reports:
        if report.products:
            shares = report.shares.items()
            filled = ", ".join(f"{name} {share:.0%}" for name, share in shares if share)
            console.print(Text(f"Filled in {report.source}: {filled}", style="dim"))
    _show_warnings(console, done)


def _show_duplicates(console: Console, done: Ingested) -> None:
    if done.duplicates:
        console.print(f"Duplicate ids: {done.duplicates:,}; the last one is taken")


def _show_met(console: Console, done: Ingested) -> None:
    met = done.met
    for source in met.unchanged:
        console.print(Text(f"Not read, as it has not changed since the last run: {source}"))
    for source in met.without_products:
        console.print(Text(f"No record of a product in {source}"), style="yellow")
    for what, count in met.skipped.items():
        console.print(Text(f"Passed over: {count:,} {what}"))
    for why, count in met.unpublished.items():
        console.print(Text(f"Not for sale: {count:,} {why}; --include-unpublished takes them"))
    if met.cut:
        console.print(
            Text(
                f"Cut: {met.cut.total():,} cells of more than {LONGEST_TEXT:,} characters, in "
                f"{', '.join(met.cut)}"
            ),
            style="yellow",
        )
    if met.no_price:
        reasons = ", ".join(f"{count:,} {why}" for why, count in met.no_price.most_common())
        console.print(Text(f"Taken without a price: {reasons}"), style="yellow")
    if len(met.currencies) > 1:
        counts = met.currencies.most_common()
        listed = ", ".join(f"{count:,} {currency or 'of none'}" for currency, count in counts)
        console.print(Text(f"Prices of several currencies: {listed}"), style="yellow")
    for column, count in met.other_ids.items():
        console.print(Text(f"No id of their own: {count:,} took that in {column}"), style="yellow")
    for column, count in met.lost_codes.items():
        console.print(
            Text(f"Codes lost: {count:,} in {column}, written as 4.00638E+12 by a spreadsheet"),
            style="yellow",
        )


def _show_warnings(console: Console, done: Ingested) -> None:
    for report in done.reports:
        for warning in report.warnings():
            console.print(Text(f"{report.source}: {warning}"), style="yellow")


def _count(found: int | None) -> str:
    return "unknown" if found is None else f"{found:,}"


def show_info(console: Console, found: Mapping[str, Any]) -> None:
    """Print what is known of a shop."""
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    generation = found["generation"] or {}
    encoder = generation.get("encoder", {})
    rows = {
        "Shop": found["shop"],
        "Products": _count(found["products"]),
        "Catalog": found["catalog"],
        "Last change": _count(found["last_change"]),
        "Generation": f"{generation['number']}, made {generation['created']}"
        if generation
        else "none",
        "Index": generation.get("index", ""),
        "Encoder": f"{encoder['name']}: {encoder['dim']} dimensions, {encoder['similarity']}"
        if encoder
        else found["settings"]["encoder"],
        "Template": found["settings"]["template"],
        "Long texts": f"{generation.get('texts_cut', 0):,}",
        "Language": found["settings"]["language"],
        "Dense weight": f"{found['settings']['dense_weight']:g}",
        "On disk": f"{found['bytes'] / 1e6:,.1f} MB",
        "Health": "good" if not found["problems"] else "",
    }
    for name, value in rows.items():
        table.add_row(name, Text(str(value)))
    console.print(table)
    for problem in found["problems"]:
        console.print(Text(problem, style="red"))

"""`dsv3 search`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .console import echo


class Lanes(StrEnum):
    """The lanes to search."""

    hybrid = "hybrid"
    dense = "dense"
    lexical = "lexical"


def search(
    query: Annotated[str, typer.Argument(help="What a shopper would type; '' lists all.")],
    shop: Annotated[Path, typer.Option("--in", help="The shop's folder.")] = Path("shop.dsv3"),
    k: Annotated[int, typer.Option("-k", help="Hits a page.")] = 10,
    where: Annotated[
        str | None,
        typer.Option(help="Condition, as in \"price < 30 and brand in ('HP', 'Dell')\"."),
    ] = None,
    mode: Annotated[Lanes, typer.Option(help="Lanes to search.")] = Lanes.hybrid,
    facet: Annotated[list[str] | None, typer.Option(help="Count the values of a field.")] = None,
    sort: Annotated[str | None, typer.Option(help="Order by a field, as in price:asc.")] = None,
    offset: Annotated[int, typer.Option(help="Hits to pass over.")] = 0,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="The last word may be unfinished.")
    ] = False,
    expand: Annotated[
        bool, typer.Option("--expand", help="List each variant, instead of the best of a group.")
    ] = False,
    dense_weight: Annotated[
        float | None,
        typer.Option(help="Share of the nearest-neighbour lane, 0 to 1, instead of the shop's."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out a stage of understanding the query, such as spelling."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Show only what has the amounts, values and price asked for."
        ),
    ] = False,
    cross_encoder: Annotated[
        str | None,
        typer.Option(
            help="Order the first products anew with a cross-encoder: a folder or a name on the "
            "Hugging Face hub."
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each product stands where it does.")
    ] = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object a hit and line; with --facet or --explain, a last one for all.",
        ),
    ] = False,
) -> None:
    """Search a shop."""
    from dataclasses import replace

    from ..retriever.retriever import ECommRetriever
    from .console import tell_of_lost_catalog

    tell_of_lost_catalog(shop)
    with ECommRetriever.open(shop) as retriever:
        ranking = retriever.settings.ranking
        if dense_weight is not None:
            ranking = replace(ranking, dense_weight=dense_weight)
        if without:
            ranking = replace(ranking, without=(*ranking.without, *without))
        if strict:
            ranking = replace(ranking, strict=True)
        if cross_encoder is not None:
            ranking = replace(ranking, cross_encoder=cross_encoder)
        results = retriever.retrieve(
            query,
            k,
            where,
            offset=offset,
            mode=mode.value,
            facets=facet or [],
            sort=sort,
            prefix=prefix,
            expand=expand,
            explain=explain,
            ranking=ranking,
        )
    from ..retriever.results import WARNINGS
    from .console import console

    if json:
        from .render import hit_lines

        for line in hit_lines(results, page=explain or bool(facet)):
            echo(line)
        for what in WARNINGS:
            if what in results.plan:
                console(stderr=True).print(f"{what}: {results.plan[what]}", markup=False)
    else:
        from .render import show_results

        show_results(console(), query, results, offset=offset, explain=explain)

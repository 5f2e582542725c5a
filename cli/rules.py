"""`dsv3 rules`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import echo

app = typer.Typer(
    help="Synonyms, pinned, hidden, boosted and buried products of a shop's rules.toml.",
    no_args_is_help=True,
)
Shop = Annotated[Path, typer.Option("--in", help="The shop's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one object.")]


@app.command()
def check(shop: Shop = Path("shop.dsv3"), json: Json = False) -> None:
    """Check rules.toml, against the shop's products too; exits with 1 where anything is wrong."""
    from ..retriever.retriever import ECommRetriever

    with ECommRetriever.open(shop) as retriever:
        steering = retriever.steering()
        missing = steering.check()
        faults, rules = steering.faults, steering.rules
    if json:
        import orjson

        found = {
            "synonyms": len({each.line for each in rules.synonyms}),
            "rules": len(rules.rules),
            "expectations": len(rules.expectations),
            "faults": [{"line": each.line, "what": each.what} for each in faults],
            "missing": [{"line": each.line, "what": each.what} for each in missing],
        }
        echo(orjson.dumps(found).decode())
    else:
        for each in faults:
            echo(f"{shop / 'rules.toml'}, {each}")
        for each in missing:
            echo(f"{shop / 'rules.toml'}, {each}; it is passed over")
        synonyms = len({each.line for each in rules.synonyms})
        echo(
            f"{synonyms:,} synonyms, {len(rules.rules):,} rules, "
            f"{len(rules.expectations):,} expectations; {len(faults):,} wrong"
        )
    if faults:
        raise typer.Exit(1)


@app.command("test")
def try_rules(shop: Shop = Path("shop.dsv3"), json: Json = False) -> None:
    """Search for what rules.toml expects; exits with 1 where anything is otherwise, or wrong."""
    from ..retriever.expectations import try_expectations
    from ..retriever.retriever import ECommRetriever

    with ECommRetriever.open(shop) as retriever:
        outcomes = try_expectations(retriever)
        faults = retriever.steering().faults
    failed = sum(bool(each.failures) for each in outcomes)
    if json:
        import orjson

        found = {
            "expectations": [
                {
                    "line": each.expectation.line,
                    "query": each.expectation.query,
                    "failures": list(each.failures),
                }
                for each in outcomes
            ],
            "failed": failed,
            "faults": [{"line": each.line, "what": each.what} for each in faults],
        }
        echo(orjson.dumps(found).decode())
    else:
        from .console import console
        from .render import expectations_table

        if outcomes:
            console().print(expectations_table(outcomes))
        for each in faults:
            echo(f"{shop / 'rules.toml'}, {each}")
        echo(f"{len(outcomes):,} expectations, {failed:,} failed")
    if failed or faults:
        raise typer.Exit(1)

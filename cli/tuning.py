"""`dsv3 tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import echo

if TYPE_CHECKING:
    from rich.table import Table

    from ..eval.clicks.log import ClickLog
    from ..eval.prove_clicks import ClickProofs, Proof
    from ..eval.qrels import Qrels
    from ..eval.tune import Tuned

_FEATURES_SHOWN = 12


def tune(
    shop: Annotated[Path, typer.Option("--in", help="The shop.")],
    judgments: Annotated[
        list[Path] | None,
        typer.Option("--judgments", "-j", help="Graded judgments; may be given again."),
    ] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(
            help="A click log: grades estimated from it where nobody rated, products that "
            "shoppers choose for a query, synonyms."
        ),
    ] = None,
    write_synonyms: Annotated[
        bool,
        typer.Option(
            "--write-synonyms",
            help="Write synonyms that the clicks prove beside rules.toml, to be read.",
        ),
    ] = False,
    layout: Annotated[str, typer.Option(help="Of the judgments; auto recognises it.")] = "auto",
    adopt: Annotated[
        bool, typer.Option("--adopt/--try", help="Keep what wins, or only show it.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the cut into folds.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Learn how a shop ranks from judgments; what does not win beyond doubt is not kept."""
    from ..eval.prove_clicks import keep_associations, prove_clicks
    from ..eval.tune import adopted, tune
    from ..retriever.retriever import ECommRetriever
    from .console import console

    if write_synonyms and clicks is None:
        raise InputError("synonyms are proved by clicks: give --clicks as well")
    log = _click_log(clicks)
    proofs: ClickProofs | None = None
    with ECommRetriever.open(shop) as opened:
        qrels = _judgments(judgments or [], log, layout)
        found = tune(opened, qrels, seed=seed, tell=lambda what: _tell(what, quiet=json))
        if log is not None:  # before a ranker is kept that has seen the whole of it
            _tell("what shoppers choose", quiet=json)
            proofs = prove_clicks(opened, log, seed=seed)
    kept = adopted(shop, found) if adopt else False
    if adopt and proofs is not None:
        kept = keep_associations(shop, proofs) or kept
    written = _written(shop, proofs) if proofs is not None and write_synonyms else None
    if json:
        import orjson

        content = as_dict(found, kept=kept) | _clicks_as_dict(proofs)
        echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(_steps(found))
    shares = list(found.importance.items())[:_FEATURES_SHOWN]
    out.print("What the ranker looks at: " + ", ".join(f"{n} {s:.0%}" for n, s in shares))
    won = [step.adopted for step in found.steps]
    if proofs is not None:
        out.print(_proofs(proofs))
        won.append(proofs.associated is not None and proofs.associated.adopted)
        if proofs.lines:
            out.print("Synonyms that the clicks prove; put into rules.toml what is right:")
            echo(proofs.lines)
    if written is not None:
        out.print(f"They are in {written}.")
    if kept:
        out.print(f"{shop} ranks by it from now on.")
    elif not any(won):
        out.print("Nothing wins beyond doubt; the shop ranks as before.")


def as_dict(found: Tuned, *, kept: bool) -> dict[str, object]:
    """Return what tuning found as JSON can hold it."""
    return {
        "adopted": kept,
        "steps": [
            {
                "name": step.name,
                "chosen": step.chosen,
                "verdict": step.comparison.verdict,
                "difference": step.comparison.difference.mean,
                "low": step.comparison.difference.low,
                "high": step.comparison.difference.high,
                "queries": step.comparison.queries,
                **{
                    run: {measure: step.evaluation.mean(measure, run) for measure in _MEASURES}
                    for run in ("before", "after")
                },
            }
            for step in found.steps
        ],
        "importance": dict(found.importance),
    }


def _clicks_as_dict(proofs: ClickProofs | None) -> dict[str, object]:
    if proofs is None:
        return {}
    associated = proofs.associated
    return {
        "clicks": None if associated is None else _proof_as_dict(associated),
        "synonyms": [
            {"from": synonym.asked, "to": synonym.said, **_proof_as_dict(proof)}
            for synonym, proof in proofs.synonyms
        ],
    }


def _proof_as_dict(proof: Proof) -> dict[str, object]:
    return {
        "chosen": proof.chosen,
        "verdict": proof.comparison.verdict,
        "difference": proof.comparison.difference.mean,
        "low": proof.comparison.difference.low,
        "high": proof.comparison.difference.high,
        "searches": proof.comparison.queries,
        "before": proof.before,
        "after": proof.after,
    }


_MEASURES = ("nDCG@10", "condensed nDCG@10")


def _steps(found: Tuned) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for name in ("What", "Before", "After", "Difference", "Verdict", "Chosen"):
        table.add_column(name, overflow="fold")
    for step in found.steps:
        before, after = (step.evaluation.mean("nDCG@10", run) for run in ("before", "after"))
        gap = step.comparison.difference
        table.add_row(
            step.name,
            f"{before:.3f}",
            f"{after:.3f}",
            f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
            step.comparison.verdict,
            step.chosen,
        )
    return table


def _proofs(proofs: ClickProofs) -> Table:
    from rich.table import Table

    table = Table(box=None, title="Searches of the log's other half", title_justify="left")
    for name in ("What", "RR before", "After", "Difference", "Verdict"):
        table.add_column(name, overflow="fold")
    first = [] if proofs.associated is None else [proofs.associated]
    for proof in [*first, *(proof for _, proof in proofs.synonyms)]:
        gap = proof.comparison.difference
        table.add_row(
            proof.chosen,
            f"{proof.before:.3f}",
            f"{proof.after:.3f}",
            f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
            proof.comparison.verdict.replace("queries", "searches"),
        )
    if not table.row_count:
        table.add_row("nothing to test: no product is chosen often enough", "", "", "", "")
    return table


def _written(shop: Path, proofs: ClickProofs) -> Path | None:
    """Write the synonyms that are proved where people find them; returns the file, if any."""
    from ..files import write_whole

    if not proofs.lines:
        return None
    file = shop / "synonyms-from-clicks.toml"
    write_whole(file, proofs.lines.encode())
    return file


def _click_log(clicks: Path | None) -> ClickLog | None:
    from ..eval.clicks.read import read_click_log

    return None if clicks is None else read_click_log(clicks)


def _judgments(files: list[Path], log: ClickLog | None, layout: str) -> Qrels:
    from ..eval.judgments.load import load_qrels
    from ..eval.qrels import joined

    found = [load_qrels(file, layout) for file in files]
    if log is not None:
        from ..eval.click_judgments import judge_clicks

        found.append(judge_clicks(log).qrels)
    if not found:
        raise InputError("nothing to learn from: give --judgments or --clicks")
    return joined(found)


def _tell(what: str, *, quiet: bool) -> None:
    if not quiet:
        echo(f"dsv3: {what} …", err=True)

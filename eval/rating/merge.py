"""Bring ratings into judgments: those of raters who agree, joined where several rated a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low

from ...errors import InputError
from ..judgments.load import load_qrels
from ..judgments.rows import kind_of
from ..judgments.tables import write_judgments
from ..judgments.trec import write_trec_qrels
from ..qrels import Qrels
from .agreement import agree, controls, grades_by_rater
from .ratings import GRADES, Judged, Rating, name_of_model, read_ratings

_TABLES = {"csv", "tsv", "jsonl", "ndjson", "json", "parquet"}


@dataclass(frozen=True)
class Refused:
    """Says why a rater's grades did not enter."""

    rater: str
    grades: int
    reason: str


@dataclass(frozen=True)
class Merged:
    """Judgments with what raters added.

    Attributes:
        qrels: the new judgments.
        added: pairs that had no grade.
        overruled: pairs whose grade was replaced.
        kept: pairs that were rated anew and keep their old grade.
        refused: raters who stayed out.

    """

    qrels: Qrels
    added: int
    overruled: int
    kept: int
    refused: tuple[Refused, ...]


def read_grades(path: Path) -> list[Rating]:
    """Read what raters said: lines of `dsv3 eval rate`, or judgments in any layout.

    Who gave a grade of a judgment is told by its rater; where none is named, by the file's name.

    Raises:
        InputError: no such file; it cannot be read as either; its grades are not 0 to 3; or it
            says that queries are judged whole, which no rating can.

    """
    if path.is_file() and _holds_objects(path):
        return read_ratings(path)
    qrels = load_qrels(path)
    if qrels.gains is not None:
        raise InputError(f"{path}: its grades have gains of their own, and join no others")
    if qrels.complete:
        raise InputError(
            f"{path}: by the product * it judges whole queries ({len(qrels.complete):,}), which "
            "no rating can; give it first, as the judgments"
        )
    unnamed = name_of_model(path.name.partition(".")[0])
    found = [
        Rating(query, qrels.text(query), product, grade, qrels.rater(query, product) or unnamed)
        for query, judged in qrels.grades.items()
        for product, grade in judged.items()
    ]
    for rating in found:
        if rating.grade not in GRADES:
            raise InputError(
                f"{path}: grade {rating.grade} of {rating.text!r} and {rating.product!r} is none "
                "of 0 to 3"
            )
    return found


def _holds_objects(path: Path) -> bool:
    """Say whether a file begins with an object of JSON, or is empty, as files of ratings do."""
    with path.open("rb") as file:
        return file.read(4096).lstrip()[:1] in {b"{", b""}


def merge_ratings(
    qrels: Qrels,
    ratings: Sequence[Rating],
    *,
    least_agreement: float = 0.6,
    overrule: bool = False,
) -> Merged:
    """Add ratings to judgments.

    A rater's agreement is the quadratic weighted kappa with the judgments on the pairs both have
    graded. Several grades of a pair are joined as their median, the lower of two middle ones, and
    the raters' names by "+". A query that the judgments lack is added.

    Args:
        qrels: the judgments so far.
        ratings: by any number of raters.
        least_agreement: a rater below it, or of unknown agreement, stays out; -1 lets all in.
        overrule: replace grades that are there already.

    Raises:
        InputError: there is no rating, or none may enter.

    """
    if not ratings:
        raise InputError("no rating: nothing to merge")
    by_rater = grades_by_rater(ratings)
    refused = []
    for rater, grades in by_rater.items():
        reason = _reason(rater, grades, qrels, least_agreement)
        if reason:
            refused.append(Refused(rater, len(grades), reason))
    out = {each.rater for each in refused}
    given: dict[Judged, dict[str, int]] = {}
    for rater, grades in by_rater.items():
        if rater not in out:
            for pair, grade in grades.items():
                given.setdefault(pair, {})[rater] = grade
    texts = {r.query: r.text for r in ratings if r.text != r.query and r.rater not in out}
    return _with(qrels, given, texts, tuple(refused), overrule)


def _reason(rater: str, grades: dict[Judged, int], qrels: Qrels, least: float) -> str:
    """Say why a rater stays out; empty where not."""
    if least <= -1:
        return ""
    found = agree({rater: grades, "judgments": controls(grades, qrels, rater)})
    if found.kappa is None:
        return f"agreement is not known: {found.pairs} pairs that the judgments have, too"
    if found.kappa.value < least:
        return f"weighted kappa {found.kappa.value:.2f} on {found.pairs} pairs is below {least:g}"
    return ""


def _with(
    qrels: Qrels,
    given: dict[Judged, dict[str, int]],
    texts: dict[str, str],
    refused: tuple[Refused, ...],
    overrule: bool,
) -> Merged:
    grades = {query: dict(judged) for query, judged in qrels.grades.items()}
    raters = {query: dict(named) for query, named in qrels.raters.items()}
    added = overruled = kept = 0
    for (query, product), said in given.items():
        if qrels.grade(query, product) is None:
            added += 1
        elif overrule:
            overruled += 1
        else:
            kept += 1
            continue
        grades.setdefault(query, {})[product] = median_low(said.values())
        raters.setdefault(query, {})[product] = "+".join(sorted(said))
    whole = replace(qrels, grades=grades, raters=raters, texts={**texts, **qrels.texts})
    return Merged(whole, added, overruled, kept, refused)


def write_qrels(qrels: Qrels, path: Path) -> None:
    """Write judgments by a file's suffix: a table, or TREC qrels for any other suffix.

    Raises:
        InputError: the format cannot hold what the judgments say.

    """
    if kind_of(path) in _TABLES:
        write_judgments(qrels, path)
        return
    if qrels.gains is not None or any(qrels.text(query) != query for query in qrels.grades):
        raise InputError(
            f"{path}: TREC qrels hold neither query texts nor gains; name a .csv file instead"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trec_qrels(qrels, path)

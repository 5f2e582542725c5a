"""Read and write TREC's qrels and run files.

Fields are parted by white space. Where an id holds a space the file is parted by tabs instead,
on writing and on reading, so that any id comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import InputError, RecordError
from ..qrels import ALL_OTHERS, Qrels, collect
from ..run import Run, from_scores
from .rows import open_text

QRELS_FIELDS = 4
RUN_FIELDS = 6
_NO_RATER = frozenset({"0", "Q0", "q0", "1"})  # TREC's field for the round of feedback


def read_trec_qrels(path: Path) -> Qrels:
    """Read `query 0 product grade` lines; what else stands in the second field names the rater.

    Raises:
        RecordError: a line has other fields, or a grade that is no whole number.

    """
    return collect(_judged(path), source=str(path))


def _judged(path: Path) -> Iterator[tuple[str, str, int, str]]:
    for number, fields in _lines(path, QRELS_FIELDS):
        query, rater, product, grade = fields
        try:
            yield query, product, int(grade), "" if rater in _NO_RATER else rater
        except ValueError as error:
            reason = f"grade {grade!r} is not a whole number"
            raise RecordError(reason, source=str(path), line=number) from error


def read_trec_run(path: Path, name: str = "") -> Run:
    """Read `query Q0 product rank score tag` lines; as in trec_eval the score decides.

    Raises:
        RecordError: a line has other fields, a score is no number, or a product stands twice.

    """
    scored: dict[str, dict[str, float]] = {}
    tag = ""
    for number, fields in _lines(path, RUN_FIELDS):
        query, _, product, _, score, tag = fields
        ranking = scored.setdefault(query, {})
        if product in ranking:
            reason = f"product {product!r} is ranked twice for query {query!r}"
            raise RecordError(reason, source=str(path), line=number)
        try:
            ranking[product] = float(score)
        except ValueError as error:
            reason = f"score {score!r} is not a number"
            raise RecordError(reason, source=str(path), line=number) from error
    return from_scores(name or tag or path.stem, scored)


def _lines(path: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("\t")]
            if len(fields) != count:
                fields = line.split()
            if len(fields) != count:
                reason = f"expected {count} fields, found {len(fields)}"
                raise RecordError(reason, source=str(path), line=number)
            yield number, fields


def write_trec_qrels(qrels: Qrels, path: Path) -> None:
    """Write judgments as a TREC qrels file."""
    _write(
        path,
        (
            (query, qrels.rater(query, product) or "0", product, str(grade))
            for query, judged in qrels.grades.items()
            for product, grade in [*judged.items(), *_all_others(qrels, query)]
        ),
    )


def _all_others(qrels: Qrels, query: str) -> list[tuple[str, int]]:
    return [(ALL_OTHERS, 0)] if query in qrels.complete else []


def write_trec_run(run: Run, path: Path, k: int | None = None) -> None:
    """Write a run as a TREC run file, at most `k` products a query.

    Scores are written only to keep the order: 1, 1/2, 1/3 and so on, so that trec_eval, which
    reads scores in single precision and ignores ranks, sees the ranking that was shown.
    """
    tag = "-".join(run.name.split()) or "run"
    _write(
        path,
        (
            (query, "Q0", product, str(rank), repr(1.0 / rank), tag)
            for query, ranking in run.rankings.items()
            for rank, product in enumerate(ranking[:k], 1)
        ),
    )


def _write(path: Path, lines: Iterable[tuple[str, ...]]) -> None:
    rows = list(lines)
    spaced = any(len(field.split()) != 1 for row in rows for field in row)
    for row in rows:
        if any("\t" in field or "\n" in field or not field.strip() for field in row):
            raise InputError(f"{path}: an id is empty or holds a tab or line break: {row}")
    text = "".join(("\t" if spaced else " ").join(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")

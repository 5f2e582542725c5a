"""The table of layouts, and the functions that read by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ..qrels import Qrels
from ..run import Run
from .collections import ESCI_FILE, read_beir, read_chorus, read_esci, read_wands
from .columns import find_columns
from .rows import kind_of, open_text, read_rows
from .tables import read_frequencies, read_judgments, read_run, read_texts
from .trec import QRELS_FIELDS, RUN_FIELDS, read_trec_qrels, read_trec_run


@dataclass(frozen=True)
class Layout:
    """One way of laying judgments out: how it is recognised and how it is read."""

    name: str
    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, str | None, str | None], Qrels]


def _header(path: Path) -> set[str]:
    if path.is_dir() or kind_of(path) not in {"csv", "tsv", "parquet", "jsonl", "ndjson"}:
        return set()
    return {name for _, row in _first(path) for name in row}


def _first(path: Path) -> list[tuple[int, dict[str, object]]]:
    for number, row in read_rows(path):
        return [(number, dict(row))]
    return []


def _is_trec(path: Path) -> bool:
    """Say whether the first line is a TREC qrels line, which has no header."""
    if path.is_dir() or kind_of(path) in {"csv", "jsonl", "ndjson", "json", "parquet"}:
        return False
    with open_text(path) as file:
        line = next((line for line in file if line.strip()), "")
    fields = line.rstrip("\r\n").split("\t")
    if len(fields) != QRELS_FIELDS:
        fields = line.split()
    return len(fields) == QRELS_FIELDS and fields[-1].lstrip("-").isdigit()


def _is_wands(path: Path) -> bool:
    folder = path.parent if path.name == "label.csv" else path
    return (folder / "label.csv").is_file() and (folder / "query.csv").is_file()


def _is_table(path: Path) -> bool:
    return not path.is_dir()


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "esci",
        f"Amazon's Shopping Queries: {ESCI_FILE}; gains E 1, S 0.1, C 0.01, I 0",
        lambda path: (path / ESCI_FILE).is_file() or "esci_label" in _header(path),
        read_esci,
    ),
    Layout(
        "wands",
        "Wayfair's WANDS: a folder with label.csv and query.csv, tab separated",
        _is_wands,
        read_wands,
    ),
    Layout(
        "beir",
        "BEIR: a folder with queries.jsonl and qrels/*.tsv",
        lambda path: (path / "queries.jsonl").is_file() and (path / "qrels").is_dir(),
        read_beir,
    ),
    Layout(
        "chorus",
        "Chorus/Icecat ratings: query, docid, rating (or final_rating of several raters)",
        lambda path: {"query", "docid"} <= _header(path),
        read_chorus,
    ),
    Layout(
        "trec",
        "TREC qrels: query 0 product grade, without a header",
        _is_trec,
        lambda path, _split, _locale: read_trec_qrels(path),
    ),
    Layout(
        "table",
        "CSV, TSV, JSONL, JSON or Parquet with the columns query (or query_id), product_id, grade",
        _is_table,
        lambda path, _split, _locale: read_judgments(path),
    ),
)


def load_qrels(
    path: str | Path,
    layout: str = "auto",
    *,
    queries: str | Path | None = None,
    split: str | None = None,
    locale: str | None = None,
) -> Qrels:
    """Read judgments in any layout of the table `LAYOUTS`.

    Args:
        path: a file or a folder.
        layout: a layout's name, or `auto` to recognise it.
        queries: a table of query ids and texts, where the judgments hold ids alone.
        split: which part of a published collection.
        locale: which country's part of ESCI.

    Raises:
        InputError: nothing there, no layout fits, or a record is wrong.

    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    known = {entry.name: entry for entry in LAYOUTS}
    if layout == "auto":
        entry = next((entry for entry in LAYOUTS if entry.recognises(path)), None)
        if entry is None:
            raise InputError(f"{path}: no layout of judgments is recognised: {', '.join(known)}")
    elif layout in known:
        entry = known[layout]
    else:
        raise InputError(f"layout {layout!r} is not known: {', '.join(known)}")
    qrels = entry.read(path, split, locale)
    if queries is not None:
        qrels = replace(qrels, texts={**qrels.texts, **read_texts(Path(queries))})
    return qrels


def load_run(path: str | Path, name: str = "") -> Run:
    """Read a run: a TREC run file, or a table with query, product_id and rank or score.

    Raises:
        InputError: nothing there, or a line is wrong.

    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if kind_of(path) in {"csv", "jsonl", "ndjson", "json", "parquet"} or _has_header(path):
        return read_run(path, name or path.name.split(".")[0])
    return read_trec_run(path, name)


def load_runs(paths: Iterable[str | Path]) -> list[Run]:
    """Read several runs; two of one name are told apart by their files."""
    paths = [Path(path) for path in paths]
    runs = [load_run(path) for path in paths]
    names = [run.name for run in runs]
    return [
        run.renamed(str(path)) if names.count(run.name) > 1 else run
        for run, path in zip(runs, paths, strict=True)
    ]


def load_frequencies(path: str | Path | None) -> dict[str, int] | None:
    """Read a query log: query text -> searches; None where there is no log."""
    return None if path is None else read_frequencies(Path(path))


def _has_header(path: Path) -> bool:
    with open_text(path) as file:
        line = next((line for line in file if line.strip()), "")
    fields = line.rstrip("\r\n").split("\t")
    found = find_columns(fields, ("query_id", "query", "product_id", "rank", "score"))
    return len(fields) < RUN_FIELDS and len(found) > 1

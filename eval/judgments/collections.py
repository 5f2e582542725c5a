"""Read the published layouts: BEIR, ESCI, WANDS, Chorus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ..qrels import Qrels, collect
from .columns import LABELS, grade_of, text_of
from .rows import read_rows
from .tables import read_judgments, read_texts

# The gains of the Shopping Queries data set (Reddy et al., 2022) for E, S, C and I.
ESCI_GAINS = {3: 1.0, 2: 0.1, 1: 0.01, 0: 0.0}
ESCI_FILE = "shopping_queries_dataset_examples.parquet"
BEIR_SPLITS = ("test", "dev", "train")


def read_beir(folder: Path, split: str | None = None, locale: str | None = None) -> Qrels:
    """Read `queries.jsonl` and `qrels/<split>.tsv`; the default split is test, dev or train."""
    del locale
    found = {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    names = (split,) if split else (*BEIR_SPLITS, *found)
    chosen = next((found[name] for name in names if name in found), None)
    if chosen is None:
        raise InputError(
            f"{folder}: no qrels/{split or 'test'}.tsv; there is {', '.join(found) or 'none'}"
        )
    judged = read_judgments(chosen)
    return replace(judged, texts=read_texts(folder / "queries.jsonl"))


def read_esci(path: Path, split: str | None = None, locale: str | None = None) -> Qrels:
    """Read Amazon's Shopping Queries (ESCI) examples; the default split is test.

    Args:
        path: the examples file, or the folder that holds it.
        split: `test` or `train`; `all` for both.
        locale: `us`, `es` or `jp`; all of them otherwise.

    """
    file = path / ESCI_FILE if path.is_dir() else path
    texts: dict[str, str] = {}
    judged = _esci_pairs(file, split or "test", locale, texts)
    return collect(judged, texts, gains=ESCI_GAINS, source=str(file))


def _esci_pairs(
    file: Path, split: str, locale: str | None, texts: dict[str, str]
) -> Iterator[tuple[str, str, int, str]]:
    for number, row in read_rows(file):
        if split != "all" and text_of(row, "split") not in {split, ""}:
            continue
        if locale is not None and text_of(row, "product_locale") != locale:
            continue
        query = text_of(row, "query_id")
        texts[query] = text_of(row, "query")
        label = text_of(row, "esci_label")
        grade = grade_of(label, str(file), number)
        yield query, text_of(row, "product_id"), grade, text_of(row, "rater")


def read_wands(path: Path, split: str | None = None, locale: str | None = None) -> Qrels:
    """Read Wayfair's WANDS: `label.csv` and `query.csv`, tab separated.

    Exact is grade 2, Partial 1 and Irrelevant 0.

    Args:
        path: the folder, or `label.csv` in it.
        split: WANDS has none.
        locale: WANDS has one.

    """
    del split, locale
    folder = path if path.is_dir() else path.parent
    texts = {
        text_of(row, "query_id"): text_of(row, "query")
        for _, row in read_rows(folder / "query.csv", "\t")
    }
    return collect(_wands_pairs(folder / "label.csv"), texts, source=str(folder))


def _wands_pairs(file: Path) -> Iterator[tuple[str, str, int, str]]:
    for number, row in read_rows(file, "\t"):
        label = text_of(row, "label")
        if label.lower() not in LABELS:
            raise InputError(f"{file}, line {number}: label {label!r} is not known")
        grade = min(2, LABELS[label.lower()])
        yield text_of(row, "query_id"), text_of(row, "product_id"), grade, text_of(row, "rater")


def read_chorus(path: Path, split: str | None = None, locale: str | None = None) -> Qrels:
    """Read ratings of the Chorus project: `query, docid, rating`, also with three raters."""
    del split, locale
    return read_judgments(path)

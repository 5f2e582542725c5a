"""Recognise the columns of a table of judgments, a run or a query log by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...errors import InputError, RecordError

NAMES: dict[str, tuple[str, ...]] = {
    "query_id": ("query_id", "qid", "topic_id", "topic", "q_id"),
    "query": ("query", "query_text", "search_term", "search_query", "keywords", "q", "user_query"),
    "product_id": (
        *("product_id", "productid", "product", "doc_id", "docid", "docno", "corpus_id"),
        *("document_id", "item_id", "asin", "sku", "object_id"),
    ),
    "grade": (
        *("grade", "rating", "final_rating", "relevance", "rel", "label", "judgment"),
        *("judgement", "esci_label", "score"),
    ),
    "rater": ("rater", "assessor", "annotator", "judge", "rated_by"),
    "rank": ("rank", "position"),
    "score": ("score", "similarity", "_score"),
    "frequency": ("frequency", "count", "searches", "freq", "n", "sessions", "impressions"),
}

# What raters' words are worth. ESCI: Reddy et al., 2022; WANDS: Chen et al., ECIR 2022.
LABELS: dict[str, int] = {
    "e": 3,
    "s": 2,
    "c": 1,
    "i": 0,
    "exact": 3,
    "substitute": 2,
    "complement": 1,
    "irrelevant": 0,
    "partial": 1,
}

# What the grades of the Shopping Queries data set are called in its files.
ESCI_LABELS: dict[int, str] = {3: "E", 2: "S", 1: "C", 0: "I"}

Columns = dict[str, str]


def find_columns(header: Iterable[str], wanted: Iterable[str]) -> Columns:
    """Map each wanted role to the column that plays it; roles that none plays are left out."""
    plain = {re.sub(r"[^a-z0-9_]", "_", name.strip().lower()): name for name in header}
    found: Columns = {}
    for role in wanted:
        for name in NAMES[role]:
            if name in plain and plain[name] not in found.values():
                found[role] = plain[name]
                break
    return found


def require(found: Columns, roles: Iterable[str], header: Iterable[str], where: str) -> None:
    """Raise InputError unless every role has a column; a query may come by id or by text."""
    has = set(found)
    if "query" in has or "query_id" in has:
        has |= {"query"}
    missing = [role for role in roles if role not in has]
    if missing:
        expected = "; ".join(f"{role}: one of {', '.join(NAMES[role][:4])}" for role in missing)
        raise InputError(
            f"{where}: no column for {', '.join(missing)} among {', '.join(header)} ({expected})"
        )


def text_of(row: Mapping[str, object], column: str | None) -> str:
    """Return a field as stripped text; absent is empty."""
    value = row.get(column) if column is not None else None
    return "" if value is None else str(value).strip()


def grade_of(value: object, where: str, line: int) -> int:
    """Read a grade: a whole number, or a rater's word such as `E` or `Partial`.

    Raises:
        RecordError: it is neither.

    """
    text = str(value).strip()
    if text.lower() in LABELS:
        return LABELS[text.lower()]
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if number != int(number):
        known = "E, S, C, I, Exact, Partial, Irrelevant"
        raise RecordError(
            f"grade {text!r} is neither a whole number nor one of {known}", source=where, line=line
        )
    return int(number)

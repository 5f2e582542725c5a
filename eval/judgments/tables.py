"""Read judgments, runs and query logs from tables with recognised column names."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import orjson

from ...errors import InputError, RecordError
from ...files import write_whole
from ..qrels import ALL_OTHERS, Qrels, collect
from ..run import Run, from_scores
from .columns import ESCI_LABELS, Columns, find_columns, grade_of, require, text_of
from .rows import Row, kind_of, read_rows


def read_judgments(path: Path) -> Qrels:
    """Read a table with one judged pair a row: query (text or id), product, grade, maybe rater.

    Raises:
        InputError: a column is missing; RecordError names the line of a bad grade.

    """
    texts: dict[str, str] = {}
    return collect(_judged(path, texts), texts, source=str(path))


def _judged(path: Path, texts: dict[str, str]) -> Iterator[tuple[str, str, int, str]]:
    wanted = ("query_id", "query", "product_id", "grade", "rater")
    for number, row, columns in _with_columns(path, wanted, ("query", "product_id", "grade")):
        query = _query(row, columns, texts)
        product = text_of(row, columns["product_id"])
        if not query or not product:
            raise RecordError("no query or no product id", source=str(path), line=number)
        grade = grade_of(row[columns["grade"]], str(path), number)
        yield query, product, grade, text_of(row, columns.get("rater"))


def write_judgments(qrels: Qrels, path: Path) -> None:
    """Write judgments as a table with their raters: CSV, TSV, JSONL, JSON or Parquet, by suffix.

    Gains of the collection are kept where the grades are ESCI's: as a column `esci_label`.

    Raises:
        InputError: the suffix names no kind of table.

    """
    rows = list(_rows(qrels))
    kind = kind_of(path)
    if kind in {"jsonl", "ndjson"}:
        content = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    elif kind == "json":
        content = orjson.dumps(rows, option=orjson.OPT_INDENT_2)
    elif kind == "parquet":
        content = _parquet(rows)
    elif kind in {"csv", "tsv"}:
        content = _delimited(rows, "\t" if kind == "tsv" else ",")
    else:
        raise InputError(f"{path}: name a .csv, .tsv, .jsonl, .json or .parquet file")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _rows(qrels: Qrels) -> Iterator[dict[str, str | int]]:
    with_ids = qrels.gains is not None or any(qrels.text(q) != q for q in qrels.grades)
    for query, judged in qrels.grades.items():
        names: dict[str, str | int] = {"query_id": query} if with_ids else {}
        names["query"] = qrels.text(query)
        for product, grade in judged.items():
            rated = {"grade": grade} if qrels.gains is None else {"esci_label": ESCI_LABELS[grade]}
            yield {**names, "product_id": product, **rated, "rater": qrels.rater(query, product)}
        if query in qrels.complete:
            rated = {"grade": 0} if qrels.gains is None else {"esci_label": ESCI_LABELS[0]}
            yield {**names, "product_id": ALL_OTHERS, **rated, "rater": ""}


def _delimited(rows: list[dict[str, str | int]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, str | int]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def read_run(path: Path, name: str) -> Run:
    """Read a table with one shown product a row: query, product, and a rank or a score.

    With ranks, the lowest rank is first; with scores, the highest, ties as in trec_eval.

    Raises:
        InputError: a column is missing; RecordError names the line of a bad number.

    """
    scored: dict[str, dict[str, float]] = {}
    wanted = ("query_id", "query", "product_id", "rank", "score")
    ranked = False
    for number, row, columns in _with_columns(path, wanted, ("query", "product_id")):
        ranked = "rank" in columns
        column = columns.get("rank") or columns.get("score")
        if column is None:
            raise InputError(f"{path}: a run needs a column rank or score")
        query, product = _query(row, columns, {}), text_of(row, columns["product_id"])
        try:
            value = float(text_of(row, column))
        except ValueError as error:
            reason = f"{column} {text_of(row, column)!r} is not a number"
            raise RecordError(reason, source=str(path), line=number) from error
        shown = scored.setdefault(query, {})
        if product in shown:
            reason = f"product {product!r} is ranked twice for query {query!r}"
            raise RecordError(reason, source=str(path), line=number)
        shown[product] = -value if ranked else value
    run = from_scores(name, scored)
    return Run(name, run.rankings) if ranked else run


def read_frequencies(path: Path) -> dict[str, int]:
    """Read a query log: a table with query and frequency, or one row for each search.

    Returns query text -> how often it was searched, spelling as logged.
    """
    frequencies: dict[str, int] = {}
    for number, row, columns in _with_columns(path, ("query", "frequency"), ("query",)):
        query = text_of(row, columns["query"])
        count = 1
        if "frequency" in columns:
            count = grade_of(row[columns["frequency"]], str(path), number)
        if query:
            frequencies[query] = frequencies.get(query, 0) + count
    if not frequencies:
        raise InputError(f"{path}: the query log holds no query")
    return frequencies


def read_texts(path: Path) -> dict[str, str]:
    """Read a table of query ids and query texts, also BEIR's `queries.jsonl`."""
    texts: dict[str, str] = {}
    for _, row in read_rows(path):
        columns = find_columns(row, ("query_id", "query"))
        query = text_of(row, columns.get("query_id") or "_id")
        text = text_of(row, columns.get("query") or "text")
        if not query or not text:
            raise InputError(f"{path}: expected the columns query_id and query")
        texts[query] = text
    return texts


def _with_columns(
    path: Path, wanted: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[tuple[int, Row, Columns]]:
    """Yield rows with the roles of their columns; JSON rows may differ from each other."""
    header: tuple[str, ...] = ()
    columns: Columns = {}
    for number, row in read_rows(path):
        if tuple(row) != header:
            header = tuple(row)
            columns = find_columns(header, wanted)
            require(columns, required, header, str(path))
        yield number, row, columns


def _query(row: Row, columns: Columns, texts: dict[str, str]) -> str:
    """Return the query's id, or its text where it has no id; note the text of an id."""
    text = text_of(row, columns.get("query"))
    query = text_of(row, columns.get("query_id")) or text
    if text and query != text:
        texts[query] = text
    return query

"""The records of a click log, one at a time, and the search that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from ...errors import InputError
from ..judgments.rows import Row, kind_of, open_text, read_rows
from .log import Rejects, Search


@dataclass(frozen=True)
class Shown:
    """One product of one search as a log tells of it."""

    rank: int
    product: str
    clicked: bool
    propensity: float | None = None


def read_records(path: Path, rejects: Rejects) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row); a bad line of a JSONL file is rejected, not fatal."""
    if kind_of(path) not in {"jsonl", "ndjson"}:
        yield from read_rows(path)
        return
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    rejects.add("not JSON", str(error), str(path), number)
                    continue
                if isinstance(row, dict):
                    yield number, row
                else:
                    rejects.add("not an object with named fields", "", str(path), number)
    except (UnicodeDecodeError, EOFError, OSError) as error:
        raise InputError(f"{path}: cannot be read as JSONL: {error}") from error


def assemble(
    session: str, query: str, rows: Iterable[Shown], counts_from: int, rejects: Rejects
) -> Search | None:
    """Put the products of one search in order; None where they make no list.

    A product logged twice at one rank is one product, clicked if either row says so.
    """
    ranks: dict[int, Shown] = {}
    for shown in rows:
        there = ranks.get(shown.rank)
        if there is None or (there.product == shown.product and shown.clicked):
            ranks[shown.rank] = shown
        elif there.product != shown.product:
            rejects.add("two products at one position", f"query {query!r}, session {session!r}")
            return None
    order = [ranks[rank] for rank in sorted(ranks)]
    if sorted(ranks) != list(range(counts_from, counts_from + len(ranks))):
        rejects.add("positions do not run from the first", f"query {query!r}, session {session!r}")
        return None
    if len({shown.product for shown in order}) < len(order):
        rejects.add("one product at two positions", f"query {query!r}, session {session!r}")
        return None
    known = [shown.propensity for shown in order if shown.propensity is not None]
    if len(known) not in (0, len(order)):
        rejects.add("some propensities missing", f"query {query!r}, session {session!r}")
        return None
    products = tuple(shown.product for shown in order)
    return Search(session, query, products, tuple(shown.clicked for shown in order), tuple(known))

"""Read a click log from a table: a product shown a row, clicked or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...errors import InputError, RecordError
from ..judgments.columns import NAMES, text_of
from ..judgments.rows import Row
from .log import Rejects, Search
from .records import Shown, assemble, read_records

COLUMNS: dict[str, tuple[str, ...]] = {
    "session_id": ("session_id", "session", "sessionid", "search_id", "impression_id", "sid"),
    "query": (*NAMES["query"], *NAMES["query_id"]),
    "position": ("position", "rank", "ordinal", "pos"),
    "product_id": NAMES["product_id"],
    "clicked": ("clicked", "click", "is_clicked", "is_click", "clicks"),
    "propensity": ("propensity", "logging_propensity", "logging_probability", "action_prob"),
}
OPTIONAL = {"propensity"}

YES, NO = {"true", "yes", "t", "y"}, {"false", "no", "f", "n"}


def find_roles(header: Iterable[str], where: str) -> dict[str, str]:
    """Map each role to the column that plays it.

    Raises:
        InputError: a role that is not optional has no column.

    """
    names = list(header)
    plain = {re.sub(r"[^a-z0-9_]", "_", name.strip().lower()): name for name in names}
    roles: dict[str, str] = {}
    for role, known in COLUMNS.items():
        found = next((plain[name] for name in known if name in plain), None)
        if found is not None:
            roles[role] = found
    missing = [role for role in COLUMNS if role not in roles and role not in OPTIONAL]
    if missing:
        expected = "; ".join(f"{role}: one of {', '.join(COLUMNS[role][:4])}" for role in missing)
        raise InputError(
            f"{where}: no column for {', '.join(missing)} among {', '.join(names)} ({expected}); "
            "a log of User Behavior Insights is given as the folder of its two files"
        )
    return roles


def read_table(path: Path, rejects: Rejects) -> Iterator[Search]:
    """Yield the searches of a table with one product shown a row.

    Raises:
        InputError: the file cannot be read, or a column is missing.

    """
    grouped: dict[tuple[str, str], list[Shown]] = {}
    header: tuple[str, ...] = ()
    roles: dict[str, str] = {}
    for number, row in read_records(path, rejects):
        if not header:
            header = tuple(row)
            roles = find_roles(header, str(path))
        try:
            session, query, shown = _read_row(row, roles)
        except RecordError as error:
            rejects.add(*_reason(error), source=str(path), line=number)
            continue
        grouped.setdefault((session, query), []).append(shown)
    counts_from = min((shown.rank for rows in grouped.values() for shown in rows), default=1)
    for (session, query), rows in grouped.items():
        search = assemble(session, query, rows, min(1, max(0, counts_from)), rejects)
        if search is not None:
            yield search


def _reason(error: RecordError) -> tuple[str, str]:
    reason, _, detail = error.reason.partition(": ")
    return reason, detail


def _read_row(row: Row, roles: Mapping[str, str]) -> tuple[str, str, Shown]:
    texts = {role: text_of(row, column) for role, column in roles.items()}
    for role in ("session_id", "query", "product_id"):
        if not texts[role]:
            raise RecordError(f"no {role}")
    propensity = _propensity(texts["propensity"]) if texts.get("propensity") else None
    rank, clicked = _rank(texts["position"]), _clicked(texts["clicked"])
    return (
        texts["session_id"],
        texts["query"],
        Shown(rank, texts["product_id"], clicked, propensity),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _rank(text: str) -> int:
    number = _number(text)
    if number is None or not number.is_integer() or number < 0:
        raise RecordError(f"position is not a whole number: {text!r}")
    return int(number)


def _clicked(text: str) -> bool:
    word = text.lower()
    if word in YES | NO:
        return word in YES
    number = _number(text)
    if number is None or not number >= 0:
        raise RecordError(f"clicked is neither a count nor true or false: {text!r}")
    return number > 0


def _propensity(text: str) -> float:
    number = _number(text)
    if number is None or not 0 < number <= 1:
        raise RecordError(f"propensity is not in (0, 1]: {text!r}")
    return number

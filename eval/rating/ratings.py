"""The files between a pool and judgments: pairs to rate, and ratings as they are given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ...errors import InputError, RecordError
from ..judgments.rows import read_rows

GRADES = (0, 1, 2, 3)
TAKEN_BACK = -1
"""The grade of a line that takes back what its rater said before; null in the file."""
Judged = tuple[str, str]
_NAME = re.compile(r"[\w.@:/-]{1,100}")
_TAKEN = frozenset({"0", "1", "Q0", "q0"})  # in TREC's files these name nobody


@dataclass(frozen=True)
class Item:
    """A pair to rate.

    Attributes:
        query: the query's id; its text where it has none.
        text: what the shopper typed.
        product: the product's id.
        facts: whatever else the line tells of the product, by name.

    """

    query: str
    text: str
    product: str
    facts: Mapping[str, Any]

    @property
    def pair(self) -> Judged:
        """Return the ids of query and product."""
        return self.query, self.product


@dataclass(frozen=True)
class Rating:
    """What a rater said of a pair; `text` is the query as typed."""

    query: str
    text: str
    product: str
    grade: int
    rater: str


def check_name(name: str) -> str:
    """Return a rater's name if files can hold it.

    Raises:
        InputError: it is empty, long, or holds spaces or signs.

    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise InputError(
            f"rater {name[:100]!r}: a name is 1 to 100 letters, digits, '.', '-', '_', '@', ':' "
            "or '/', without spaces"
        )
    return name


def name_of_model(model: str) -> str:
    """Return the name under which a model rates: its own, with a dash for what names lack."""
    return check_name(re.sub(r"[^\w.@:/-]+", "-", model)[:100])


def read_items(path: Path) -> list[Item]:
    """Read the pairs to rate, each once, in their order.

    Raises:
        InputError: there is none, or a line lacks query or product_id.

    """
    found: dict[Judged, Item] = {}
    for number, row in read_rows(path):
        facts = dict(row)
        text = str(facts.pop("query", None) or "").strip()
        query = str(facts.pop("query_id", None) or text).strip()
        product = str(facts.pop("product_id", None) or "").strip()
        if not query or not product:
            raise RecordError("no query or no product_id", source=str(path), line=number)
        item = Item(query, text or query, product, facts)
        found.setdefault(item.pair, item)
    if not found:
        raise InputError(f"{path}: no pair to rate; dsv3 eval pool writes such a file")
    return list(found.values())


def read_ratings(path: Path) -> list[Rating]:
    """Read ratings as they hold now: a rater's last word on each pair, what was undone left out.

    A last line that a killed run left unfinished is passed over.

    Raises:
        InputError: no such file; RecordError names a line that is no rating.

    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    found: dict[tuple[str, str, str], Rating] = {}
    for number, line in _whole_lines(path):
        rating = _rating(line, str(path), number)
        key = (rating.rater, rating.query, rating.product)
        found.pop(key, None)  # so that the order is that of the last words
        found[key] = rating
    return [rating for rating in found.values() if rating.grade != TAKEN_BACK]


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n") and line.strip():
                yield number, line


def _rating(line: bytes, source: str, number: int) -> Rating:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RecordError(f"not JSON: {error}", source=source, line=number) from error
    if not isinstance(row, dict):
        raise RecordError("expected an object", source=source, line=number)
    text = str(row.get("query") or "")
    query, product = str(row.get("query_id") or text), str(row.get("product_id") or "")
    grade, rater = row.get("grade"), str(row.get("rater") or "")
    if not query or not product or not rater:
        raise RecordError("no query, product_id or rater", source=source, line=number)
    if grade is None:
        grade = TAKEN_BACK
    elif type(grade) is not int or grade not in GRADES:
        raise RecordError(f"grade {grade!r} is none of 0 to 3", source=source, line=number)
    return Rating(query, text or query, product, grade, rater)


class Ratings:
    """A file of ratings that grows by a line a rating, durable before anybody is told so.

    Several raters, also in several processes, may write to one file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, and read what it holds.

        Raises:
            InputError: it cannot be read or written.

        """
        self.path = path
        self._grades: dict[str, dict[Judged, int]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                if file.tell() and _last_byte(path) != b"\n":
                    # What a killed run left unfinished becomes a line of its own that is no rating.
                    os.truncate(path, _whole_bytes(path))
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        for rating in read_ratings(path):
            self._of(rating.rater)[rating.query, rating.product] = rating.grade

    def by(self, rater: str) -> Mapping[Judged, int]:
        """Return a rater's grades, in the order in which they were given."""
        return self._grades.get(rater, {})

    def counts(self, items: Sequence[Item]) -> dict[str, int]:
        """Count for each rater how many of these pairs are rated."""
        pairs = {item.pair for item in items}
        return {rater: len(pairs & set(held)) for rater, held in self._grades.items() if held}

    def add(self, items: Sequence[tuple[Item, int | None]], rater: str) -> None:
        """Save grades at once; None takes back what the rater said of a pair.

        Raises:
            OSError: they could not be saved, and are not counted.

        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lines = b"".join(
            orjson.dumps(_row(item, grade, rater, now), option=orjson.OPT_APPEND_NEWLINE)
            for item, grade in items
        )
        self._append(lines)
        held = self._of(rater)
        for item, grade in items:
            held.pop(item.pair, None)
            if grade is not None:
                held[item.pair] = grade

    def _append(self, lines: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            written = os.write(descriptor, lines)
            if written < len(lines):
                os.ftruncate(descriptor, size)
                raise OSError(28, os.strerror(28), str(self.path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _of(self, rater: str) -> dict[Judged, int]:
        return self._grades.setdefault(rater, {})


def _row(item: Item, grade: int | None, rater: str, now: str) -> dict[str, Any]:
    row: dict[str, Any] = {} if item.query == item.text else {"query_id": item.query}
    return row | {
        "query": item.text,
        "product_id": item.product,
        "grade": grade,
        "rater": rater,
        "time": now,
    }


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _whole_bytes(path: Path) -> int:
    """Return the length up to the last end of a line."""
    return path.read_bytes().rfind(b"\n") + 1

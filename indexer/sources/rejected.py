"""The file of records that were rejected, with where they stood and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import IO, Self

from ...closing import Closing
from ...errors import RecordError
from .records import Rejected

_LONGEST_RECORD = 10_000
_QUOTED = re.compile(r"'[^']*'")


class RejectedFile(Closing):
    """Writes records that were rejected to a JSON Lines file, and counts them by reason.

    A file left by an earlier run is removed on entering; without a rejected record there is
    none. Without a path records are only counted. Use it as a context manager.

    Attributes:
        counts: records by reason.
        first: for each reason where it was met first.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path)
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self._file: IO[str] | None = None

    @property
    def total(self) -> int:
        """Return how many records were rejected."""
        return self.counts.total()

    def add(self, error: RecordError) -> None:
        """Write and count one record."""
        # Counted without the value, so that reasons that quote one are one reason.
        reason = _QUOTED.sub("…", error.reason)
        self.counts[reason] += 1
        self.first.setdefault(reason, f"{error.source}, line {error.line}")
        if self.path is None:
            return
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        line = {"source": error.source, "line": error.line, "reason": error.reason}
        record = error.record if isinstance(error, Rejected) else None
        self._file.write(json.dumps({**line, "record": _short(record)}) + "\n")

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self

    def close(self) -> None:
        """Close the file, if there was anything to write."""
        if self._file is not None:
            self._file.close()


def _short(record: object) -> object:
    """Return a record as JSON can hold it; a long one as the beginning of its text."""
    text = (
        record
        if isinstance(record, str)
        else json.dumps(record, default=str, skipkeys=True, ensure_ascii=False)
    )
    if len(text.encode("utf-8", "replace")) <= _LONGEST_RECORD:
        return record if isinstance(record, str) else json.loads(text)
    return text.encode("utf-8", "replace")[:_LONGEST_RECORD].decode("utf-8", "ignore")

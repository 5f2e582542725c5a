"""What a source gives: records as read, rejected records, and how far reading has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError, RecordError


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as its source gave it.

    Attributes:
        source: the file, table or stream it came from, as the user named it.
        line: the line of the file where that has a meaning, else the record's position, from 1.
        fields: the source's own names and values; values may be nested.

    """

    source: str
    line: int
    fields: Mapping[str, object]


class Rejected(RecordError):  # noqa: N818 - reads as what became of the record
    """One record that was rejected, together with what was read of it.

    Attributes:
        record: what could be read of it.
        ends: whether the rest of its source cannot be read, so that records may be missing.

    """

    def __init__(
        self, reason: str, *, source: str, line: int, record: object = None, ends: bool = False
    ) -> None:
        super().__init__(reason, source=source, line=line)
        self.record = record
        self.ends = ends


class NoProductsError(InputError):
    """A source, or a file in an archive, is no list of products."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a user says of sources where telling by their content is not enough.

    Attributes:
        encoding: of texts, by its name in Python; None: told by their bytes.
        items: where the records stand in XML and JSON, as names with "/" between, such as
            "catalog/product"; None: told by what repeats.
        include_unpublished: take in what its platform marks as not for sale, too.
        allow_private: addresses of sources may lead into private networks.
        fetched: the file that says what was last fetched from which address; None: fetch anew.
        reading: what else decides how records become products: what was fetched for another
            reading is fetched anew.

    """

    encoding: str | None = None
    items: str | None = None
    include_unpublished: bool = False
    allow_private: bool = False
    fetched: Path | None = None
    reading: str = ""


@dataclass(slots=True)
class SourceProgress:
    """Tells what was met so far and how far reading has come, in bytes as stored.

    Attributes:
        total: bytes of all sources together; None where one has no known size.
        skipped: rows that are no products and no errors, counted by what they are.
        cut: cells that were longer than a text may be, counted by their column.
        unpublished: products that are not for sale and were left out, counted by why.
        no_price: products whose price says no amount, counted by why: "on request", "none given"
            (a dash, TBD), "negative", "unreadable".
        currencies: products with a price, counted by its currency; "" where none is told.
        lost_codes: codes of which a spreadsheet kept the first digits alone ("4.00638E+12"),
            counted by column; they are not taken.
        other_ids: products whose column of the id is empty, counted by the column that gave one.
        recognised: for each source what was told of it, such as {"format": "XML"}, to be shown.
        unchanged: addresses that hold what was read from them the last time, and were not read.
        without_products: sources, and files in archives, that hold no record or no table of
            products.
        members: files in archives, of which one that is no table of products is passed over.
        fetched: what to keep of addresses for the next run (see `fetch.remember`).

    """

    total: int | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)
    unpublished: Counter[str] = field(default_factory=Counter)
    no_price: Counter[str] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)
    lost_codes: Counter[str] = field(default_factory=Counter)
    other_ids: Counter[str] = field(default_factory=Counter)
    recognised: dict[str, dict[str, str]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    without_products: list[str] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    fetched: dict[str, dict[str, str]] = field(default_factory=dict)
    _finished: int = 0
    _position: Callable[[], int] | None = None

    @property
    def done(self) -> int:
        """Return the bytes read so far."""
        return self._finished + (self._position() if self._position else 0)

    def recognise(self, source: str, **told: str) -> None:
        """Note what was told of a source: its format, dialect, encoding or platform."""
        self.recognised.setdefault(source, {}).update(told)

    def skip(self, what: str) -> None:
        """Count one row that is dropped on purpose."""
        self.skipped[what] = self.skipped.get(what, 0) + 1

    def follow(self, position: Callable[[], int]) -> None:
        """Take the position in the source that is being read from `position`."""
        self._position = position

    def finish(self, size: int) -> None:
        """Note that the source being read, of `size` bytes, is at its end."""
        self._finished += size
        self._position = None

"""What is asked of a shop, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ..errors import InputError
from .sorting import Sort

Mode = Literal["hybrid", "dense", "lexical"]
MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Query:
    """A question.

    Attributes:
        text: what the shopper typed; empty browses all that passes the filter.
        where: an SQL condition over the products' fields; None lets all pass.
        k: hits a page.
        offset: hits passed over before the page.
        mode: lanes to use.
        facets: fields whose values are counted.
        sort: a field to order by instead of the score.
        prefix: whether the last word may be unfinished.
        expand: whether each variant is a hit, instead of one for all of a group.
        at: moment at which dated rules are looked at; None is now.
        explain: whether hits and results say why they are as they are.
    """

    text: str
    where: str | None = None
    k: int = 10
    offset: int = 0
    mode: Mode = "hybrid"
    facets: tuple[str, ...] = ()
    sort: Sort | None = None
    prefix: bool = False
    expand: bool = False
    at: datetime | None = None
    explain: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"mode {self.mode!r} is not one of {', '.join(MODES)}")
        if self.k < 1:
            raise InputError(f"k must be at least 1, not {self.k}")
        if self.offset < 0:
            raise InputError(f"offset must not be negative, not {self.offset}")
        object.__setattr__(self, "text", _encodable(self.text)[:_LONGEST_TEXT].strip())


def _encodable(text: str) -> str:
    """Replace lone surrogates, which come of a terminal in another encoding."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""From a filter's text to the rows that pass."""

from __future__ import annotations

from ...indexer.columns.base import BoolArray
from ...indexer.columns.read import Columns
from .parse import parse_filter


def passing_rows(text: str, columns: Columns) -> BoolArray:
    """Return a (capacity,) mask of the rows for which a filter is true.

    Raises:
        FilterError: the filter cannot be understood.
    """
    return parse_filter(text, columns.fields).evaluate(columns).true

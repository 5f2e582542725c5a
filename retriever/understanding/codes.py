"""Codes of products, whole or begun, alone or within a longer query."""

from __future__ import annotations

from dataclasses import replace

from ...indexer.snapshot import Snapshot
from .base import Understanding

_MOST_TOLD = 5


def codes(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Find the codes that the whole query begins, and those that words of a longer one make."""
    if not any(mark.isdigit() for mark in query.typed):
        return query
    begun = snapshot.lexical.codes_beginning(query.typed)
    within = () if begun else snapshot.lexical.codes_in(query.typed)
    if not begun and not within:
        return query
    listed = ", ".join((*begun, *within)[:_MOST_TOLD])
    told = f"codes that begin so: {listed}" if begun else f"codes of products: {listed}"
    return replace(query, begun=begun, coded=within).telling("codes", told)

"""Misspelt words are read as the shop's own."""

from __future__ import annotations

from dataclasses import replace

from ...indexer.snapshot import Snapshot
from .base import Understanding

_MOST_TOLD = 200  # characters


def spelling(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Replace words that no product has by the nearest that some have."""
    text = snapshot.lexical.spelling_corrected(query.text, prefix=query.prefix)
    if text == query.text:
        return query
    return replace(query, text=text).telling("spelling", f"read as {text[:_MOST_TOLD]!r}")

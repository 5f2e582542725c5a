"""Misspelt words are read as the shop's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...indexer.snapshot import Snapshot
from .base import Piece, Understanding

_MOST_TOLD = 200  # characters


def spelling(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Replace words that no product has by the nearest that some have."""
    text = _corrected(query.text, query.pieces, snapshot, prefix=query.prefix)
    if text == query.text:
        return query
    return replace(query, text=text).telling("spelling", f"read as {text[:_MOST_TOLD]!r}")


def _corrected(text: str, pieces: Sequence[Piece], snapshot: Snapshot, *, prefix: bool) -> str:
    """Correct what stands before, between and behind pieces that are understood as they are."""
    for piece in pieces:
        before, found, after = text.partition(piece.text)
        if found:
            before = _corrected(before, pieces, snapshot, prefix=False)
            return before + found + _corrected(after, pieces, snapshot, prefix=prefix)
    return snapshot.lexical.spelling_corrected(text, prefix=prefix) if text else text

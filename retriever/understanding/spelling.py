"""Misspelt words are read as the shop's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...indexer.snapshot import Snapshot
from ..rules.synonyms import Change
from .base import Piece, Understanding

_MOST_TOLD = 200  # characters


def spelling(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Replace words that no product has by the nearest that some have."""
    text = reworded(query, snapshot.lexical.spelling_corrected)
    if text == query.text:
        return query
    return replace(query, text=text).telling("spelling", f"read as {text[:_MOST_TOLD]!r}")


def reworded(query: Understanding, change: Change) -> str:
    """Return the text changed where it is not yet understood: between pieces, and around them.

    Words that the shop's people have synonyms for stay as they are.
    """
    if query.synonyms:
        change = query.synonyms.sparing(change)
    return _changed(query.text, query.pieces, change, prefix=query.prefix)


def _changed(text: str, pieces: Sequence[Piece], change: Change, *, prefix: bool) -> str:
    understood = "|".join(re.escape(piece.text) for piece in pieces)
    parts = re.split(f"({understood})", text) if pieces else [text]
    for place in range(0, len(parts), 2):  # between them stand the pieces
        if parts[place]:
            last = place == len(parts) - 1
            parts[place] = change(parts[place], prefix=prefix and last)
    return "".join(parts)

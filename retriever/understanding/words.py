"""The words of a query, as the keyword index knows them."""

from __future__ import annotations

from dataclasses import replace

from ...indexer.snapshot import Snapshot
from .base import Understanding


def words(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Make the words of the text; later stages add to each what else counts as it.

    What pieces stand for comes first, so that an unfinished word stays the last one.
    """
    rest, pieces = query.text, []
    for piece in query.pieces:
        rest = rest.replace(piece.text, " ", 1)
        if piece.word is not None:
            pieces.append(piece.word)
    return replace(query, words=(*pieces, *snapshot.lexical.words(rest)))

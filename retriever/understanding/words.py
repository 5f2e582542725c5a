"""The words of a query, as the keyword index knows them."""

from __future__ import annotations

from dataclasses import replace

from ...indexer.snapshot import Snapshot
from .base import Understanding


def words(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Make the words of the text; later stages add to each what else counts as it."""
    return replace(query, words=snapshot.lexical.words(query.text))

"""Phrases in quotes: products that say them, side by side."""

from __future__ import annotations

import re
from dataclasses import replace

from ...indexer.lexical.query import Form, Word
from ...indexer.snapshot import Snapshot
from .base import Piece, Understanding

_MARKS = re.compile('["“„«]')
_QUOTED = re.compile(
    # What opens stands apart from the word before it: 27" is no quotation.
    r"(?<!\S)[\"“„«]\s?(?P<said>[^\s\"“”„«»](?:[^\"“”„«»]{0,200}[^\s\"“”„«»])?)\s?[\"”“»](?![^\s.,;:!?])"
)


def phrases(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Ask for quoted words side by side; where no product says them so, for the words alone."""
    if not _MARKS.search(query.text):
        return query
    told: list[str] = []
    pieces: list[Piece] = []
    only = None
    for found in _QUOTED.finditer(query.text):
        terms = snapshot.lexical.phrase(found["said"])
        if not terms:
            continue
        form = Form(terms)
        mask = snapshot.columns.mask(snapshot.lexical.having([form]))
        both = mask if only is None else only & mask
        if not both.any():
            told.append(f"no product says {found['said']!r}, so its words are looked for")
            continue
        only = both
        pieces.append(Piece(found["said"], Word((form,))))
        told.append(f"only products that say {found['said']!r}")
    if not told:
        return query
    text = _QUOTED.sub(lambda found: found["said"], query.text)
    query = replace(query, text=text, pieces=(*query.pieces, *pieces))
    if only is not None:
        query = query.narrowed(only)
    return query.telling("phrases", "; ".join(told))

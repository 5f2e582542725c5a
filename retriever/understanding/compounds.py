"""A word is also said by compounds that end in it, in languages that write these as one word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.forward import term_digest
from ...indexer.lexical.query import Form
from ...indexer.snapshot import Snapshot
from .base import Understanding
from .joining import with_forms

_WEIGHT = 0.5
_COMPOUND = 0.4  # of a title with a compound, beside one with the word
_BEHIND = 0.25  # of one that says what it is for
_MOST_TOLD = 8


def compounds(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Let words count as said by their compounds, less than by themselves."""
    if not snapshot.lexical.has_compounds:
        return query
    found: list[str] = []
    for word, term, _ in snapshot.lexical.spoken(query.open):
        ending = snapshot.lexical.compounds(word, term)
        if ending:
            query = with_forms(query, term, [Form((each,), _WEIGHT) for each in ending])
            found += ending
            said = (term, *ending)
            query = replace(query, compounds=(*query.compounds, said))
    if not found:
        return query
    more = f" and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    return query.telling("compounds", f"also {', '.join(found[:_MOST_TOLD])}{more}")


def says_it(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Speak for titles that say the words, by themselves or at the end of a compound."""
    forward = snapshot.forward
    if not query.compounds or forward is None:
        return None
    terms = forward.of(rows)
    head = np.arange(terms.title.shape[1]) < terms.head[:, None]  # before "for" and the like
    said = np.zeros(len(rows), np.float32)
    for term, *ending in query.compounds:
        alone = terms.title == term_digest(term)
        within = np.isin(terms.title, np.array([term_digest(each) for each in ending], np.uint32))
        said += np.select(
            [(alone & head).any(axis=1), (within & head).any(axis=1), (alone | within).any(axis=1)],
            [np.float32(1.0), np.float32(_COMPOUND), np.float32(_BEHIND)],
            np.float32(0.0),
        )
    return said / np.float32(len(query.words))

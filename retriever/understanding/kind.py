"""The thing comes before what is made for it.

A product speaks of a thing in two ways: its category is named so ("Smartphones" for "phone"), or it
is made for it ("case for phone"). Nothing is read of the query; its words are compared.
"""

from __future__ import annotations

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray
from ...indexer.forward import TermArray, term_digest
from ...indexer.lexical.query import Word
from ...indexer.snapshot import Snapshot
from .base import Understanding

_MOST_WORDS = 3  # a longer query describes more than a kind, and two already what it is for
_SHORTEST = 3  # letters of a word that the name of a kind may end in
_BEHIND = -0.7  # of a product that names the thing only behind "for", a comma or a bracket


def is_of_kind(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Tell which products are what the query names, and which only go with it."""
    words = query.words
    if not 0 < len(words) <= _MOST_WORDS or snapshot.forward is None or query.coded:
        return None
    made = np.zeros(len(rows), np.float32)
    if len(words) == 1:
        terms = snapshot.forward.of(rows)
        inside = np.arange(terms.title.shape[1]) < terms.head[:, None]
        said = _said(terms.title, words[0])
        made[said.any(axis=1) & ~(said & inside).any(axis=1)] = _BEHIND
    kinds = snapshot.kinds
    if kinds is not None and len(kinds.names):
        named = kinds.ending_in(words[-1].terms[-1]) if _is_name(words[-1]) else None
        if named is not None:
            of = kinds.of(rows)
            made[(of >= 0) & named[of]] = 1
    return made if made.any() else None


def _is_name(word: Word) -> bool:
    term = word.terms[-1]
    return len(term) >= _SHORTEST and term.isalpha()


def _said(title: TermArray, word: Word) -> BoolArray:
    said = np.zeros(title.shape, np.bool_)
    for form in word.forms:
        said |= title == np.uint32(term_digest(form.terms[-1]))
    return said

"""Words count as others where the shop's people say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...indexer.lexical.query import Form, Word
from ...indexer.snapshot import Snapshot
from ..rules.synonyms import Said
from .base import Understanding

_WEIGHT = 0.5  # of a synonym, beside a word that products have
_MOST_FORMS = 32  # of one word


def synonyms(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Add to each word the forms that count as it; of several words in a row, to each of them.

    The encoder goes on reading what was typed, which is measured to be better than reading the
    synonyms beside it; but of words that no product has it reads the first that count as them.
    """
    if not query.synonyms:
        return query
    flat = [(term, place) for place, word in enumerate(query.words) for term in word.terms]
    found = query.synonyms.within(tuple(term for term, _ in flat))
    if not found:
        return query
    words = list(query.words)
    foreign = []
    for each in found:
        asked = flat[each.begin : each.end]
        known = snapshot.lexical.knows([term for term, _ in asked])
        places = {place for _, place in asked}
        form = Form(each.terms, _weight(each, snapshot) / len(places) if known else 1 / len(places))
        for place in places:
            forms = words[place].forms
            if len(forms) < _MOST_FORMS and all(form.terms != other.terms for other in forms):
                words[place] = replace(words[place], forms=(*forms, form))
        if not known:
            foreign.append(each)
    said = dict.fromkeys(f"{each.asked} = {each.text}" for each in found)
    text = _said_otherwise(query.text, foreign)
    return replace(query, words=tuple(words), text=text).telling("synonyms", "; ".join(said))


def _weight(said: Said, snapshot: Snapshot) -> float:
    """Return what a synonym counts: no more for being rarer than the words that were typed."""
    typed, other = snapshot.lexical.rarity([Word.of(*said.asked_terms), Word.of(*said.terms)])
    return _WEIGHT * min(1.0, float(typed / other)) if other > 0 else _WEIGHT


def _said_otherwise(text: str, foreign: Sequence[Said]) -> str:
    """Return a text with what is foreign to the shop said in its words, the first of each."""
    for asked, said in {each.asked: each.text for each in reversed(foreign)}.items():
        written = rf"(?<!\w){re.escape(asked)}(?!\w)"
        text = re.sub(written, said.replace("\\", r"\\"), text, flags=re.IGNORECASE)
    return text

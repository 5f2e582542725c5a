"""Words count as others where the shop's people say so."""

from __future__ import annotations

import os
from dataclasses import replace

from ...indexer.lexical.query import Form
from ...indexer.snapshot import Snapshot
from .base import Understanding

_WEIGHT = float(os.environ.get("SYNW", "0.9"))  # of a synonym, beside the word that was typed
_MOST_FORMS = 32  # of one word


def synonyms(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Add to each word the forms that count as it; of several words in a row, to each of them."""
    if not query.synonyms:
        return query
    flat = [(term, place) for place, word in enumerate(query.words) for term in word.terms]
    found = query.synonyms.within(tuple(term for term, _ in flat))
    if not found:
        return query
    words = list(query.words)
    for each in found:
        form = Form(each.terms, _WEIGHT)
        for place in {place for _, place in flat[each.begin : each.end]}:
            forms = words[place].forms
            if len(forms) < _MOST_FORMS and form not in forms:
                words[place] = replace(words[place], forms=(*forms, form))
    said = dict.fromkeys(f"{each.asked} = {each.text}" for each in found)
    mode = os.environ.get("SYN", "none")
    text = query.text
    if mode == "append":
        text = " ".join([text, *dict.fromkeys(e.text for e in found)])
    if mode == "replace":
        for e in found:
            text = text.lower().replace(e.asked.lower(), e.text)
    return replace(query, words=tuple(words), text=text).telling("synonyms", "; ".join(said))

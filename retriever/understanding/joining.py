"""Words run together or taken apart are read as the shop's own products write them."""

from __future__ import annotations

import re
from dataclasses import replace

from ...indexer.lexical.joining import Joined
from ...indexer.lexical.query import Form
from ...indexer.snapshot import Snapshot
from .base import Understanding
from .spelling import reworded

_MOST_TOLD = 200  # characters
_WELL_KNOWN = 5  # times as many products have a word as have it otherwise
_ALSO = 0.6  # weight of a form that products have beside the one typed
_HARDLY = 0.4  # weight of what was typed where nearly all products write it otherwise


def splitting(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Take apart words that no product has, where the two stand side by side in some."""
    text = reworded(query, snapshot.lexical.split_apart)
    if text == query.text:
        return query
    return replace(query, text=text).telling("splitting", f"read as {text[:_MOST_TOLD]!r}")


def joining(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Let words count as said by products that write two of them as one, or one as two.

    That is where more products write them so than as typed. Numbers with their units are no words.
    """
    told = []
    for pair in snapshot.lexical.joined(query.open):
        if pair.count > pair.apart:
            query = _with_joined(query, pair)
            told.append("".join(pair.typed))
    for word, term, count in snapshot.lexical.spoken(query.open):
        parts = snapshot.lexical.parts(word) if word.isalpha() else None
        if parts is not None and parts.count > count:
            query = with_forms(query, term, [Form(parts.terms, _ALSO)])
            told.append(f"{parts.head} {parts.tail}")
    if not told:
        return query
    return query.telling("joining", f"also read as {', '.join(told)}"[:_MOST_TOLD])


def _with_joined(query: Understanding, pair: Joined) -> Understanding:
    """Add the joined word to both; it stands for both where nearly no product has them apart."""
    known = pair.count >= _WELL_KNOWN * pair.apart
    for term in pair.terms:
        query = with_forms(query, term, [Form((pair.term,), 1.0 if known else _ALSO / 2)])
        if known:
            query = _reweighed(query, term, _HARDLY)
    if not known:
        return query
    first, second = pair.typed
    apart = re.compile(rf"\b{re.escape(first)}\W{re.escape(second)}\b", re.IGNORECASE)
    return replace(query, text=apart.sub(first + second, query.text, count=1))


def with_forms(query: Understanding, term: str, forms: list[Form]) -> Understanding:
    """Return the query with further forms of the word whose term was typed."""
    return replace(
        query,
        words=tuple(
            replace(word, forms=(*word.forms, *forms)) if word.terms == (term,) else word
            for word in query.words
        ),
    )


def _reweighed(query: Understanding, term: str, weight: float) -> Understanding:
    """Return the query in which the word counts less as typed."""
    typed = Form((term,), weight)
    return replace(
        query,
        words=tuple(
            replace(word, forms=(typed, *word.forms[1:])) if word.terms == (term,) else word
            for word in query.words
        ),
    )

"""What is not wanted: "without sugar", "sugar-free", "no sugar", "zuckerfrei", "-sugar"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray
from ...indexer.lexical.index import LexicalIndex
from ...indexer.lexical.query import Form, Word
from ...indexer.snapshot import Snapshot
from .base import Piece, Understanding, Unwanted

_ENGLISH = ("without", "w/o", "with no", "free of", "free from", "no", "non", "zero")
_OTHERS = (
    "ohne", "frei von", "kein", "keine", "keinen", "sans", "sin", "zonder", "vrij van", "geen",
    "senza", "sem", "bez", "utan", "uden", "uten",
)  # fmt: skip
_ALSO_WORDS = frozenset({"sans", "sin", "sem", "bez", "uden", "uten"})
"""Those that are read only in a shop that uses them: "comic sans mug"."""
_PROPERTIES = frozenset({"no", "non", "zero", "kein", "keine", "keinen", "geen"})
"""What is said with these, or with what stands behind, is a property that products name."""
_BEHIND = (
    "free", "frei", "freie", "freier", "freies", "freien", "vrij", "vrije", "fri", "fria", "fritt",
)  # fmt: skip

_TRIGGER = re.compile(
    r"(?<!\w)(?:" + "|".join(map(re.escape, (*_ENGLISH, *_OTHERS))) + r")(?=[\s-])"
    rf"|(?:{'|'.join(_BEHIND)})(?![\w-])|(?<!\w)non\w|(?<!\S)-[^\W\d_]",
    re.IGNORECASE,
)
_WORD = r"[^\W\d_][\w'’]*"
_MINUS = re.compile(rf"(?<!\S)-(?P<what>{_WORD}(?:-{_WORD})*)")
_BEFORE = re.compile(
    rf"(?<![\w-])(?P<word>{'|'.join(map(re.escape, (*_ENGLISH, *_OTHERS)))})(?:\s+|-)"
    rf"(?P<what>{_WORD}(?:[\s-]+{_WORD}){{0,3}})",
    re.IGNORECASE,
)
_APART = re.compile(
    rf"(?<![\w-])(?P<what>[^\W\d_]{{3,}})[\s-](?P<word>{'|'.join(_BEHIND)})(?![\w-])"
    r"(?!\s(?:shipping|delivery|gift|returns?|samples?|trial|standing|style|weights?)\b)",
    re.IGNORECASE,
)
_JOINED = re.compile(
    rf"(?<![\w-])(?P<what>[^\W\d_]{{3,}}?)(?P<word>{'|'.join(_BEHIND)})(?![\w-])", re.IGNORECASE
)
_NON = re.compile(r"(?<![\w-])(?P<word>non)(?P<what>[^\W\d_]{4,})(?![\w-])", re.IGNORECASE)
_NEXT = re.compile(
    rf"\s*(?:,|\s(?:or|nor|oder|ou|of|o)\s|\s(?:and|und|et|y|e|en|&)\s(?=\S+$))\s*({_WORD})"
)

_ENDS = frozenset({
    "for", "with", "and", "or", "nor", "in", "on", "by", "from", "under", "over", "to", "für",
    "mit", "und", "oder", "im", "pour", "avec", "et", "ou", "dans", "para", "con", "y", "o",
    "por", "voor", "met", "en", "of", "per", "e", "da", "i", "med", "och", "till", "til", "og",
})  # fmt: skip
_FILLERS = frozenset({
    "added", "any", "a", "an", "the", "all", "extra", "zugesetzten", "zugesetzter",
    "zusätzlichen", "ajouté", "ajoutés", "añadido", "añadidos", "toegevoegde", "toegevoegd",
    "aggiunti",
})  # fmt: skip
_NO_THINGS = frozenset(["one", "get", "is", "and", "with", "the", "first", "you", "for", "buy"])
_MOST_WORDS = 3
_MOST_WISHES = 8  # of more, the first count
_LONGEST = 1_000  # characters; of a longer query, the beginning says what is meant

_SAID_BEFORE = (
    *_ENGLISH[:1], *_ENGLISH[2:], "no added", "without added", "0", *_OTHERS, "ohne zugesetzten",
    "ohne zusatz von",
)  # fmt: skip
_SAID_BEHIND = ("free", "frei", "vrij", "fri", "none", "0")
_JOINED_BEHIND = (*_BEHIND, "less", "los")
_JOINED_BEFORE = ("non", "un")
_DIGITS = "123456789"


@dataclass(frozen=True, slots=True)
class _Found:
    """Words against something: where they stand, what they are about and how they say it."""

    begin: int
    end: int
    what: tuple[str, ...]
    is_property: bool = False
    excluded: bool = False


def negations(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Read what is not wanted; in keywords its lack is looked for, and not the thing."""
    if not _TRIGGER.search(query.text):
        return query
    lexical, text = snapshot.lexical, query.open[:_LONGEST]
    unwanted, pieces, told, cut = [], [], [], []
    for found in islice(_found(text, lexical), _MOST_WISHES):
        each = _unwanted(found, lexical)
        name = " ".join(found.what)
        if found.excluded:
            cut.append((found.begin, found.end))
            query = query.narrowed(~_having(each, snapshot))
            told.append(f"nothing with {name!r}")
            continue
        said = text[found.begin : found.end]
        pieces.append(Piece(said, _word(said, each, lexical, is_property=found.is_property)))
        unwanted.append(each)
        told.append(f"without {name!r}: products that say so rise, those with it sink")
        if query.strict:
            query = query.narrowed(~_having(each, snapshot))
    if not told:
        return query
    query = replace(query, unwanted=tuple(unwanted), pieces=(*query.pieces, *pieces))
    return query.without(cut).telling("negations", "; ".join(told))


def _found(text: str, lexical: LexicalIndex) -> Iterator[_Found]:
    """Yield what is said against something; of what overlaps the first counts."""
    end = 0
    all_found = [
        *_excluded(text, lexical),
        *_said_before(text, lexical),
        *_said_behind(text, lexical),
    ]
    for found in sorted(all_found, key=lambda each: (each.begin, -each.end)):
        if found.begin >= end:
            end = found.end
            yield found


def _excluded(text: str, lexical: LexicalIndex) -> Iterator[_Found]:
    for match in _MINUS.finditer(text):
        words = tuple(match["what"].split("-"))
        if lexical.knows(lexical.phrase(match["what"])):
            yield _Found(match.start(), match.end(), words, excluded=True)


def _said_before(text: str, lexical: LexicalIndex) -> Iterator[_Found]:
    for match in _BEFORE.finditer(text):
        word = " ".join(match["word"].lower().split())
        if word in _ALSO_WORDS and not lexical.knows(lexical.phrase(word)):
            continue
        begin, first = match.start(), True
        place: int | None = match.start("what")
        while place is not None:
            most = 1 if word in _PROPERTIES else _MOST_WORDS
            what = _longest(text, place, most, lexical)
            if what is None:
                break
            words, end = what
            yield _Found(begin if first else place, end, words, word in _PROPERTIES)
            following = _NEXT.match(text, end)
            place = following.start(1) if following else None
            first = False


def _longest(
    text: str, place: int, most: int, lexical: LexicalIndex
) -> tuple[tuple[str, ...], int] | None:
    """Return the longest run of words that some product says side by side, and where it ends."""
    run: list[tuple[str, int]] = []
    for match in re.compile(rf"[\s-]*({_WORD})").finditer(text, place):
        joined = not run or match.start() == run[-1][1]
        if not joined or match[1].lower() in _ENDS or len(run) == most:
            break
        if run or match[1].lower() not in _FILLERS:
            run.append((match[1], match.end()))
    for length in range(len(run), 0, -1):
        words = tuple(word for word, _ in run[:length])
        terms = lexical.phrase(" ".join(words))
        if lexical.knows(terms) and (length == 1 or len(lexical.having([Form(terms)]))):
            return words, run[length - 1][1]
    return ((run[0][0],), run[0][1]) if run else None


def _said_behind(text: str, lexical: LexicalIndex) -> Iterator[_Found]:
    for pattern in (_APART, _JOINED, _NON):
        for match in pattern.finditer(text):
            known = lexical.knows(lexical.phrase(match["what"]))
            if match["what"].lower() in _NO_THINGS or not (known or pattern is _APART):
                continue
            yield _Found(match.start(), match.end(), (match["what"],), is_property=True)


def _unwanted(found: _Found, lexical: LexicalIndex) -> Unwanted:
    """Return how the shop's products have something, and how and which of them lack it."""
    thing = " ".join(found.what)
    terms = lexical.phrase(thing)
    joined = "".join(found.what)
    ways = [
        *((*lexical.phrase(word), *terms) for word in _SAID_BEFORE),
        *((*terms, *lexical.phrase(word)) for word in _SAID_BEHIND),
        *(lexical.phrase(f"{joined}{word}") for word in _JOINED_BEHIND),
        *(lexical.phrase(f"{word}{joined}{end}") for word in _JOINED_BEFORE for end in ("", "ed")),
    ]
    lacks, lacking = lexical.said(tuple(ways))
    if Form(("0", *terms)) in lacks:  # "5.0 % alcohol" is not "0 % alcohol"
        having = _forms([(digit, "0", *terms) for digit in _DIGITS], lexical)
        lacking = np.setdiff1d(lacking, lexical.having(having, among=lacking))
    return Unwanted(thing, _forms([terms], lexical), lacks, lacking)


def _forms(ways: Sequence[tuple[str, ...]], lexical: LexicalIndex) -> tuple[Form, ...]:
    return tuple(Form(terms) for terms in dict.fromkeys(ways) if lexical.knows(terms))


def _word(
    said: str, unwanted: Unwanted, lexical: LexicalIndex, *, is_property: bool
) -> Word | None:
    """Return what is looked for in keywords: the lack of a thing, in any words.

    A property that no product names, or a thing that is not mentioned where it is missing, is
    none that products have to have.
    """
    typed = _forms([lexical.phrase(said)], lexical)
    forms = tuple(dict.fromkeys((*typed, *unwanted.lacks)))
    if not forms:
        return None
    return Word(forms, optional=not (is_property and len(unwanted.lacking)))


def _having(unwanted: Unwanted, snapshot: Snapshot) -> BoolArray:
    """Return by row whether a product has what is not wanted."""
    has = snapshot.lexical.having(unwanted.has)
    return snapshot.columns.mask(np.setdiff1d(has, unwanted.lacking))


# -- what speaks for and against -----------------------------------------------------------


def absence(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Tell whether products lack what is not wanted: 1 if they say so, -1 if they have it."""
    if not query.unwanted:
        return None
    values = np.ones(len(rows), np.float32)
    for unwanted in query.unwanted:
        has = snapshot.lexical.having(unwanted.has, among=rows)
        each = np.where(
            np.isin(rows, unwanted.lacking), 1.0, np.where(np.isin(rows, has), -1.0, 0.0)
        )
        values = np.minimum(values, each.astype(np.float32))
    return values

"""Brands, colours, sizes, materials: values that the shop's own products have."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray, TextColumn
from ...indexer.columns.read import Columns
from ...indexer.known_fields import FIELD_NAMES
from ...indexer.lexical.index import LexicalIndex
from ...indexer.snapshot import Snapshot
from .base import Understanding, Value

_WORD = re.compile(r"[^\W_]+(?:['’&][^\W_]+)*")
_PARTS = re.compile(r"[,;|/]|\s&\s|\s[-–]\s|\s(?:and|und|et|en|y)\s")
_EXCLUDING = re.compile(
    r"colou?r|farbe|couleur|kleur|colore|(?:^|_)cor(?:$|_)|färg|farve|kolor"
    r"|(?:^|_)size$|größe|groesse|taille|talla|taglia|(?:^|_)maat|storlek|størrelse|rozmiar"
    r"|material|matière|matiere|materiaal|geschlecht|gender",
    re.IGNORECASE,
)
"""Names of fields of which a product with another value is not what is wanted."""
_SIZE = re.compile(r"size|größe|groesse|taille|talla|taglia|maat|storlek|størrelse|rozmiar", re.I)
_PASSED = re.compile(r"compat|country|origin|package|url|image|date|certif|descr|note", re.I)
_NO_VALUES = frozenset({
    "yes", "no", "none", "other", "others", "n", "a", "na", "unspecified", "unknown", "standard",
    "universal", "original", "default", "any", "all", "new", "used", "the", "for", "with", "of",
    "in", "and", "or", "not", "multi", "various", "ja", "nein", "oui", "non", "si", "true",
    "false", "single", "set",
})  # fmt: skip
_FOR = frozenset({
    "for", "für", "fuer", "pour", "para", "per", "voor", "til", "till", "fits", "compatible",
    "passend",
})  # fmt: skip
_MOST_WORDS = 3
_MOST_FIELDS = 48
_MOST_BRANDS = 100_000
_MOST_DIFFERENT = 2_000
_OTHERS_TITLES = 2  # times a brand's products: titles that say its name, else it is a word
_LEAST_SHARE = 0.05  # of products that have a field whose name says nothing


@dataclass(frozen=True, slots=True)
class _Values:
    """What the values of a shop are.

    Attributes:
        by_words: for each field the codes that hold a value, by its words.
        brands: how many products a brand has, by its words.
    """

    by_words: Mapping[tuple[str, ...], Mapping[str, RowArray]]
    brands: Mapping[tuple[str, ...], int]


_known: WeakKeyDictionary[Columns, _Values] = WeakKeyDictionary()
_lock = Lock()


def values(query: Understanding, snapshot: Snapshot) -> Understanding:
    """Recognise values that products of the shop have."""
    words = list(_WORD.findall(query.open.casefold()))
    if len(words) < 2:  # alone it is what is looked for, not how it should be
        return query
    known = _of(snapshot.columns)
    found: list[tuple[Value, ...]] = []
    told = []
    for phrase, fields in _recognised(words, known):
        if "brand" in fields and _is_word(phrase, known, snapshot.lexical):
            fields = {name: codes for name, codes in fields.items() if name != "brand"}
            if not fields:
                continue
        found.append(
            tuple(
                Value(field, codes, _EXCLUDING.search(field) is not None)
                for field, codes in fields.items()
            )
        )
        told.append(f"{' '.join(phrase)!r} is {' or '.join(list(fields)[:3])}")
    if not found:
        return query
    query = replace(query, values=tuple(found))
    if query.strict:
        query, told = _narrowed(query, snapshot.columns, told)
    return query.telling("values", "; ".join(told))


def _recognised(
    words: Sequence[str], known: _Values
) -> Iterator[tuple[tuple[str, ...], Mapping[str, RowArray]]]:
    place = 0
    while place < len(words):
        for length in range(min(_MOST_WORDS, len(words) - place), 0, -1):
            phrase = tuple(words[place : place + length])
            fields = known.by_words.get(phrase)
            before = words[place - 1] if place else ""
            if fields is None or length == len(words) or before in _FOR:
                continue
            if len("".join(phrase)) < 2 or phrase[0].isdecimal():
                if _SIZE.fullmatch(before) is None:  # "m", "42"
                    continue
                fields = {name: codes for name, codes in fields.items() if _SIZE.search(name)}
            if fields:
                yield phrase, fields
                place += length - 1
                break
        place += 1


def _is_word(phrase: tuple[str, ...], known: _Values, lexical: LexicalIndex) -> bool:
    """Tell whether a brand's name stands in the titles of others' products: an oak table."""
    titles = lexical.most_titles(lexical.phrase(" ".join(phrase)))
    return titles > _OTHERS_TITLES * known.brands[phrase]


def _narrowed(
    query: Understanding, columns: Columns, told: Sequence[str]
) -> tuple[Understanding, list[str]]:
    """Keep to products that have the values; a value that leaves none stays a preference."""
    said = []
    for each, line in zip(query.values, told, strict=True):
        mask = columns.mask(np.empty(0, np.int64))
        for value in each:
            column = columns.column(value.field, "text")
            if isinstance(column, TextColumn):
                mask[column.rows[np.isin(column.codes, value.codes)]] = True
        both = mask if query.only is None else query.only & mask
        if both.any():
            query = query.narrowed(mask)
            said.append(f"only where {line}")
        else:
            said.append(line)
    return query, said


# -- the shop's values ---------------------------------------------------------------------


def _of(columns: Columns) -> _Values:
    """Return the values of a generation; they are collected at the first query."""
    with _lock:
        if columns not in _known:
            _known[columns] = _collected(columns)
        return _known[columns]


def _collected(columns: Columns) -> _Values:
    codes: dict[tuple[str, ...], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    brands: Counter[tuple[str, ...]] = Counter()
    for name in _fields(columns):
        column = columns.column(name, "text")
        if not isinstance(column, TextColumn):
            continue
        counts = np.bincount(column.codes, minlength=len(column.texts)).tolist()
        for code, text in enumerate(column.texts):
            for phrase in set(_phrases(text, whole=name == "brand")):
                codes[phrase][name].append(code)
                if name == "brand":
                    brands[phrase] += counts[code]
    return _Values(
        {
            phrase: {name: np.array(of, np.int64) for name, of in fields.items()}
            for phrase, fields in codes.items()
        },
        brands,
    )


def _fields(columns: Columns) -> list[str]:
    """Return the fields whose values may be asked for: brands, and fields of few values."""
    known = {*FIELD_NAMES} - {"brand"}
    products = max(len(columns.live_rows), 1)
    found = []
    for name, field in columns.fields.items():
        count = field.counts.get("text", 0)
        if not count or name in known or _PASSED.search(name):
            continue
        named = name == "brand" or _EXCLUDING.search(name) is not None
        if named or count >= _LEAST_SHARE * products:
            most = _MOST_BRANDS if name == "brand" else min(_MOST_DIFFERENT, max(count // 4, 12))
            if columns.different(name) <= most:
                found.append((name != "brand", -count, name))
    return [name for _, _, name in sorted(found)[:_MOST_FIELDS]]


def _phrases(text: str, *, whole: bool) -> Iterator[tuple[str, ...]]:
    if len(text) > 80:
        return
    for part in (text,) if whole else {text, *_PARTS.split(text)}:
        phrase = tuple(_WORD.findall(part.casefold()))
        if 0 < len(phrase) <= _MOST_WORDS and not _NO_VALUES.issuperset(phrase):
            yield phrase


# -- what speaks for and against -----------------------------------------------------------


def having(query: Understanding, snapshot: Snapshot, rows: RowArray) -> FloatVector | None:
    """Tell whether products have the values named: 1 if so, -1 if they have others instead.

    Products of which nothing is said stay. Several values count on average.
    """
    if not query.values:
        return None
    each = [_having(of, snapshot.columns, rows) for of in query.values]
    made: FloatVector = np.mean(each, axis=0, dtype=np.float32)
    return made


def _having(of: Sequence[Value], columns: Columns, rows: RowArray) -> FloatVector:
    has: BoolArray = np.zeros(len(rows), np.bool_)
    other: BoolArray = np.zeros(len(rows), np.bool_)
    for value in of:
        column = columns.column(value.field, "text")
        if not isinstance(column, TextColumn):
            continue
        which, places = column.places(rows)
        agree = np.isin(column.codes[places], value.codes)
        has[which[agree]] = True
        if value.excludes:
            other[which] = True
    made: FloatVector = np.where(has, 1.0, np.where(other, -1.0, 0.0)).astype(np.float32)
    return made

"""What a query was understood to mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.columns.base import BoolArray
from ...indexer.lexical.query import Form, Word
from ...indexer.snapshot import Snapshot
from ..rules.synonyms import Synonyms

_UNDERSTOOD = "\0"  # neither a word nor a space


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text whose words are read as one.

    Attributes:
        text: as the text of the query has it.
        word: what is looked for in keywords instead of its words; None for nothing.
    """

    text: str
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something is wanted.

    Attributes:
        field: the field of numbers that says how much of it a product has.
        low: the least, in the field's unit.
        high: the most.
        currency: of a price, where one is named.
    """

    field: str
    low: float = -math.inf
    high: float = math.inf
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A value that products have in a field, as the query names it.

    Attributes:
        field: the field of texts.
        codes: of the texts in its column that are or hold the value.
        excludes: whether a product with another value is not what is wanted.
    """

    field: str
    codes: RowArray
    excludes: bool


@dataclass(frozen=True, slots=True)
class Unwanted:
    """What a product must not have.

    Attributes:
        text: as typed.
        has: ways to say that a product has it.
        lacks: ways to say that it has not.
        lacking: the rows of the products that say so.
    """

    text: str
    has: tuple[Form, ...]
    lacks: tuple[Form, ...]
    lacking: RowArray


@dataclass(frozen=True, slots=True)
class Understanding:
    """A query as each stage passes it on to the next.

    Attributes:
        typed: what the shopper typed.
        text: what is read of it: keyword search takes its words, the encoder the whole.
        prefix: whether the last word may be unfinished.
        words: what is looked for in keywords; made of the text before the stages that add forms.
        pieces: parts of the text that are read as one; no word of theirs is respelt.
        strict: whether wishes for values and prices are conditions.
        only: by row, whether a product may be shown at all; None where all may.
        amounts: what is wanted in length, volume, and so on.
        price: what it may cost.
        cheap: whether it should cost little.
        unwanted: what it must not have.
        values: for each value named, the fields that have it.
        marks: words whose signs mean something, and pictograms, that some product has.
        other_marks: what its words are with a sign, where some product has that: "c++" for "c".
        begun: normalised codes of products that the whole of it begins.
        coded: normalised codes of products that words of it make.
        compounds: for each word that ends compounds its term, and theirs.
        synonyms: those of the shop's people; None where they have written none.
        told: what the stages did, in words, for whoever asks to explain.
    """

    typed: str
    text: str
    prefix: bool = False
    words: tuple[Word, ...] = ()
    pieces: tuple[Piece, ...] = ()
    strict: bool = False
    only: BoolArray | None = None
    amounts: tuple[Amount, ...] = ()
    price: Amount | None = None
    cheap: bool = False
    unwanted: tuple[Unwanted, ...] = ()
    values: tuple[tuple[Value, ...], ...] = ()
    marks: tuple[str, ...] = ()
    other_marks: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    coded: tuple[str, ...] = ()
    compounds: tuple[tuple[str, ...], ...] = ()
    synonyms: Synonyms | None = None
    told: Mapping[str, str] = field(default_factory=dict)

    def telling(self, stage: str, what: str) -> Understanding:
        """Return the same with a line that says what a stage did."""
        return replace(self, told={**self.told, stage: what})

    @property
    def open(self) -> str:
        """Return the text of the same length without pieces: what may yet be understood."""
        text = self.text
        for piece in self.pieces:
            text = text.replace(piece.text, _UNDERSTOOD * len(piece.text), 1)
        return text

    def without(self, spans: Sequence[tuple[int, int]]) -> Understanding:
        """Return the same without some parts of the text, unless nothing would be left of it."""
        text = self.text
        for begin, end in sorted(spans, reverse=True):
            text = f"{text[:begin].rstrip()} {text[end:].lstrip()}".strip()
        return replace(self, text=text) if text else self

    def narrowed(self, mask: BoolArray) -> Understanding:
        """Return the same where only products of which a mask is true may be shown."""
        return replace(self, only=mask if self.only is None else self.only & mask)


Stage = Callable[[Understanding, Snapshot], Understanding]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one stage has to say for and against products.

    Attributes:
        of: an understanding, a generation and (n,) rows → (n,) values from -1 (speaks against)
            to 1 (speaks for), or None where the query asks for nothing of the kind.
        weight: what a value of 1 adds to a score that joins the lanes, which is 1 at most.
    """

    of: Callable[[Understanding, Snapshot, RowArray], FloatVector | None]
    weight: float

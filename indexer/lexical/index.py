"""Keyword search over a generation's products: BM25 by tantivy, one row a document.

A query's terms are looked up in every field; a product's score for a term is that of its best
field (disjunction max), and scores of terms add up. A term is as rare in all fields as it is in
the one that has it most often. BM25 has
tantivy's k1 = 1.2 and b = 0.75 (Robertson & Zaragoza 2009).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...closing import Closing
from ..candidates import EMPTY, NO_ROWS, Candidates, FloatVector, RowArray
from ..known_fields import ATTRIBUTES, KEYWORD_WEIGHTS, SPELLED_FIELDS
from ..product import Product
from .analysis import Analysis, normalise_code
from .codes import codes_beginning, codes_in, codes_within
from .compounds import compounds_of
from .joining import Joined, Parts, joined_of, known_parts_of, parts_of
from .query import MOST_TERMS, MOST_TOLD, Form, ParsedQuery, QueryBuilder, Word
from .signs import marks
from .spelling import without_umlauts

if TYPE_CHECKING:
    import tantivy

DERIVATION = 1
"""Raise this whenever the same product would give another keyword entry than before."""

TEXT_FIELDS = tuple(KEYWORD_WEIGHTS)
_MARKED_FIELDS = (*SPELLED_FIELDS, ATTRIBUTES)
_ANALYZER = "product_text"
_LOCK = ".tantivy-writer.lock"
_HEAP_BYTES = 128_000_000
_WORD = re.compile(r"[^\W_]+")
_CORRECTED_KEPT = 1024
_WORDS_KEPT = 8192
_SAID_KEPT = 256
_MOST_CODED = 100
_LONGEST_CORRECTED = 1_000  # of a longer text, the beginning says what is meant
_RAISED = 1e6  # above any score of BM25
_FEW_ROWS = 2_000  # up to here a filter may be handed to tantivy as a set of terms
_LISTED_PER_ROW = 4  # so many matches are listed in the time that one row takes as a filter
_MOST_LISTED = 5_000  # up to here listing matches costs less than a set of terms

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LexicalDocument:
    """The searchable texts of one product, by field, its codes and its marks."""

    row: int
    texts: Mapping[str, str]
    codes: tuple[str, ...]
    marks: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: int, product: Product) -> LexicalDocument:
        """Take the texts of a product; numbers and truth values are left to filters."""
        texts = {
            name: " ".join(_attribute_texts(product))
            if name == ATTRIBUTES
            else getattr(product, name) or ""
            for name in TEXT_FIELDS
        }
        codes = {normalise_code(code) for code in (product.product_id, *product.codes)}
        marked = marks(" ".join(texts[name] for name in _MARKED_FIELDS))
        return cls(row, texts, tuple(sorted(codes - {""})), marked)


def _attribute_texts(product: Product) -> Iterable[str]:
    for name, value in product.attributes.items():
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from value
        elif value is True:
            yield name.replace("_", " ")


class LexicalIndex:
    """Searches a folder that `LexicalWriter` wrote. Safe to use from several threads."""

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        index = _open_index(folder)
        index.register_tokenizer(_ANALYZER, analysis.analyzer)
        self._searcher = index.searcher()
        self._analysis = analysis
        self._queries = QueryBuilder(index.schema, self._searcher, analysis)
        self._correct = lru_cache(maxsize=_CORRECTED_KEPT)(self._correct_words)
        self._split = lru_cache(maxsize=_CORRECTED_KEPT)(self._split_words)
        self._parts = lru_cache(maxsize=_WORDS_KEPT)(self._parts_of)
        self._nearest = lru_cache(maxsize=_CORRECTED_KEPT)(self._queries.nearest)
        self._joined = lru_cache(maxsize=_WORDS_KEPT)(self._joined_of)
        self._term = lru_cache(maxsize=_WORDS_KEPT)(self._term_of)
        self._ends = lru_cache(maxsize=_WORDS_KEPT)(self._compounds_of)
        self._fields = lru_cache(maxsize=_WORDS_KEPT)(self._fields_with)
        self._phrase = lru_cache(maxsize=_WORDS_KEPT)(self._phrase_of)
        self._said = lru_cache(maxsize=_SAID_KEPT)(self._said_of)

    def __len__(self) -> int:
        return self._searcher.num_docs

    def words(self, text: str) -> tuple[Word, ...]:
        """Return the words of a text, each said as it stands."""
        return tuple(Word.of(term) for term in self._analysis.terms(text))

    def phrase(self, text: str) -> tuple[str, ...]:
        """Return all terms of a text, as they stand side by side in a product that says it."""
        return self._phrase(text)

    def _phrase_of(self, text: str) -> tuple[str, ...]:
        return tuple(self._analysis.analyzer.analyze(self._analysis.prepare(text)))

    def knows(self, terms: Sequence[str]) -> bool:
        """Tell whether there is a field that holds all of some terms, in whichever products."""
        return bool(terms) and bool(frozenset.intersection(*map(self._fields, terms)))

    def _fields_with(self, term: str) -> frozenset[str]:
        return frozenset(name for name in TEXT_FIELDS if self._queries.is_known(term, (name,)))

    def most_titles(self, terms: Sequence[str]) -> int:
        """Return how many titles hold all of some terms at most."""
        return self._queries.most_with("title", terms)

    def having(
        self,
        forms: Iterable[Form],
        *,
        among: RowArray | None = None,
        fields: Sequence[str] = TEXT_FIELDS,
    ) -> RowArray:
        """Return the rows, all or those of some, whose texts have any of some forms, ascending."""
        query, most = self._queries.having(forms, fields)
        if among is None:
            return np.sort(self._rows(query, most))
        if most <= _LISTED_PER_ROW * len(among):
            return np.sort(among[np.isin(among, self._rows(query, most))])
        return np.sort(self._rows(self._queries.within(query, among.tolist()), len(among)))

    def said(self, ways: tuple[tuple[str, ...], ...]) -> tuple[tuple[Form, ...], RowArray]:
        """Return of some ways to say something those that products do, and the rows of these."""
        return self._said(ways)

    def _said_of(self, ways: tuple[tuple[str, ...], ...]) -> tuple[tuple[Form, ...], RowArray]:
        known = [Form(terms) for terms in dict.fromkeys(ways) if self.knows(terms)]
        forms, rows = [], [NO_ROWS]
        for begin in range(0, len(known), MOST_TOLD):
            asked = known[begin : begin + MOST_TOLD]
            found = self._run(self._queries.telling(asked, TEXT_FIELDS), len(self))
            said = int(np.bitwise_or.reduce(found.scores.astype(np.int64)))
            forms += [form for place, form in enumerate(asked) if said >> place & 1]
            rows.append(found.rows)
        return tuple(forms), np.unique(np.concatenate(rows))

    def read(
        self,
        text: str,
        boosts: Mapping[str, float],
        *,
        words: Sequence[Word] | None = None,
        marks: Iterable[str] = (),
        prefix: bool = False,
    ) -> ParsedQuery:
        """Read a query once: find its terms and codes.

        Args:
            text: what is looked for.
            boosts: field → weight; a field that is missing is not searched.
            words: those of the text, where more is known of them than it says.
            marks: those of the text; products that have one rank higher.
            prefix: let the last word match any term that begins with it.
        """
        asked = self.words(text) if words is None else words
        return self._queries.parse(
            asked, boosts, codes=codes_within(text), marks=marks, prefix=prefix
        )

    def search(self, query: ParsedQuery, k: int, *, rows: BoolArray | None = None) -> Candidates:
        """Return the k best rows that hold any term of the query.

        Args:
            query: from `read`.
            k: how many rows at most.
            rows: mask by row; only rows that are true in it are returned, however few.
        """
        if query.ranking is None or k <= 0:
            return EMPTY
        if rows is None:
            return self._run(query.ranking, k)
        passing = np.flatnonzero(rows)
        limit = int(2 * k * len(rows) / max(len(passing), 1)) + k
        if len(passing) <= _FEW_ROWS and min(limit, query.most_ranked) > _MOST_LISTED:
            return self._run(self._queries.within(query.ranking, passing.tolist()), k)
        return self._widening(query.ranking, k, rows, limit)

    def _widening(self, query: tantivy.Query, k: int, rows: BoolArray, limit: int) -> Candidates:
        """Ask for more and more until k rows pass the mask or the matches are exhausted."""
        while True:
            found = self._run(query, limit)
            inside = found.rows < len(rows)
            passes = np.zeros(len(found), np.bool_)
            passes[inside] = rows[found.rows[inside]]
            if np.count_nonzero(passes) >= k or len(found) < limit or limit >= len(self):
                return Candidates(found.rows[passes][:k], found.scores[passes][:k])
            limit *= 4

    def scores(self, query: ParsedQuery, rows: RowArray) -> Candidates:
        """Return those of some rows that hold any term of the query, with their scores."""
        if query.ranking is None or not len(rows):
            return EMPTY
        return self._run(self._queries.within(query.ranking, rows.tolist()), len(rows))

    def rarity(self, words: Sequence[Word]) -> FloatVector:
        """Return for each word the weight that BM25 gives it."""
        return np.array([self._queries.rarity(word, TEXT_FIELDS) for word in words], np.float32)

    def matching(self, query: ParsedQuery) -> Candidates:
        """Return all rows that match the query as a whole, best first."""
        return EMPTY if query.matching is None else self._run(query.matching, len(self))

    def matching_among(self, query: ParsedQuery, rows: RowArray) -> tuple[RowArray, int]:
        """Return those of some rows that match the query as a whole, and how many rows do in all.

        One pass: few matches are listed, and of many the rows asked for raised above all others.
        """
        if query.matching is None:
            return NO_ROWS, 0
        if query.most_matching <= _MOST_LISTED:
            every = self.matching(query).rows
            return every[np.isin(every, rows)], len(every)
        raised = self._queries.raising(query.matching, rows.tolist(), _RAISED)
        # Its stub lacks `count`.
        found: Any = self._searcher.search(raised, max(len(rows), 1), count=True)
        above = [address for score, address in found.hits if score >= _RAISED]
        return np.array(self._searcher.fast_field_values("row", above), np.int64), int(found.count)

    def spelling_corrected(self, text: str, *, prefix: bool = False) -> str:
        """Return the text with each word that no product has replaced by the nearest known one.

        A word that nothing is near to stays, and so do codes and abbreviations, and with `prefix`
        the last word.
        """
        head, tail = _finished(text, prefix=prefix)
        return self._correct(head) + tail

    def _correct_words(self, text: str) -> str:
        return _WORD.sub(lambda found: self._corrected_word(found[0]), text)

    def _corrected_word(self, word: str) -> str:
        terms = self._analysis.terms(word)
        if len(terms) != 1 or self._is_known(word, terms[0]):
            return word
        folded = word.casefold()
        if self._analysis.compounds:
            plain = without_umlauts(folded)
            if plain != folded and self._is_known(plain, self._analysis.analyzer.analyze(plain)[0]):
                return plain
        return self._nearest(folded, terms[0]) or word

    def _is_known(self, word: str, term: str) -> bool:
        """Tell whether any product says a word, alone or as the end of another, or as its code."""
        known = self._queries.is_known(term, TEXT_FIELDS)
        known = known or self._queries.is_known(normalise_code(word), ("code",))
        return known or bool(self.compounds(word.casefold(), term))

    def split_apart(self, text: str, *, prefix: bool = False) -> str:
        """Return the text with each word that no product has as two that products have.

        They stand side by side in some product; or else no known word is near to the whole.
        With `prefix` the last word stays as it is.
        """
        head, tail = _finished(text, prefix=prefix)
        return self._split(head) + tail

    def _split_words(self, text: str) -> str:
        return _WORD.sub(lambda found: self._split_word(found[0]), text)

    def _split_word(self, word: str) -> str:
        terms = self._analysis.terms(word)
        if len(terms) != 1 or self._is_known(word, terms[0]):
            return word
        beside = self._parts(word)
        parts = beside or known_parts_of(word, self._queries, self._analysis)
        if parts is None:
            return word
        near = self._nearest(word.casefold(), terms[0])
        if near is not None and (beside is None or self._term(near)[1] > beside.count):
            return word  # rather misspelt
        return f"{parts.head} {parts.tail}"

    def spoken(self, text: str) -> Iterator[tuple[str, str, int]]:
        """Yield the words of a text that are one term each: folded, the term, how many have it."""
        for word in self._analysis.folded(text)[:MOST_TERMS]:
            term, count = self._term(word)
            if term:
                yield word, term, count

    def _term_of(self, word: str) -> tuple[str, int]:
        terms = self._analysis.terms(word)
        return (terms[0], self._queries.count(terms[0])) if len(terms) == 1 else ("", 0)

    def parts(self, word: str) -> Parts | None:
        """Return the two words, side by side, as which products may write one; None if none do."""
        return self._parts(word)

    def _parts_of(self, word: str) -> Parts | None:
        return parts_of(word, self._queries, self._analysis)

    def joined(self, text: str) -> list[Joined]:
        """Return the pairs of words of a text that some products write as one."""
        words = self._analysis.folded(text)[:MOST_TERMS]
        found = (self._joined(first, second) for first, second in pairwise(words))
        return [each for each in found if each is not None]

    def _joined_of(self, first: str, second: str) -> Joined | None:
        return joined_of(first, second, self._queries, self._analysis)

    @property
    def has_compounds(self) -> bool:
        """Tell whether words of the shop's language may end others."""
        return self._analysis.compounds

    def compounds(self, word: str, term: str) -> tuple[str, ...]:
        """Return the terms of compounds that end in a word, those that most products have first.

        Args:
            word: as typed, folded.
            term: what analysis makes of it.
        """
        return self._ends(word, term) if self._analysis.compounds else ()

    def _compounds_of(self, word: str, term: str) -> tuple[str, ...]:
        return tuple(compounds_of(word, term, self._queries, self._analysis))

    def known_marks(self, text: str) -> tuple[str, ...]:
        """Return the marks of a text that some product has."""
        return tuple(mark for mark in marks(text) if self._queries.marked((mark,)))

    def marked(self, marks: Iterable[str], rows: RowArray) -> BoolArray:
        """Return for each of some rows whether it has all of some marks."""
        has = np.ones(len(rows), np.bool_)
        for query in self._queries.marked(marks):
            has &= np.isin(rows, self._run(query, len(self)).rows)
        return has

    def codes_beginning(self, text: str) -> tuple[str, ...]:
        """Return the normalised codes of which a text that looks like one is the beginning."""
        return codes_beginning(text, self._queries, self._analysis)

    def codes_in(self, text: str) -> tuple[str, ...]:
        """Return the normalised codes that words of a longer text make or begin."""
        return codes_in(text, self._queries, self._analysis)

    def rows_of_codes(self, codes: Sequence[str]) -> RowArray:
        """Return the rows that have one of some normalised codes, ascending."""
        rows = [self._run(self._queries.coded((code,)), _MOST_CODED).rows for code in codes]
        return np.unique(np.concatenate(rows)) if rows else NO_ROWS

    def find_code(self, code: str) -> RowArray:
        """Return the rows whose id or code equals the text, letters and digits compared."""
        query = self._queries.code(code)
        if query is None:
            return NO_ROWS
        return np.sort(self._run(query, _MOST_CODED).rows)

    def _run(self, query: tantivy.Query, limit: int) -> Candidates:
        found = self._hits(query, limit)
        rows = self._rows_at([address for _, address in found])
        return Candidates.ordered(rows, np.array([score for score, _ in found], np.float32))

    def _rows(self, query: tantivy.Query, limit: int) -> RowArray:
        return self._rows_at([address for _, address in self._hits(query, limit)])

    def _hits(self, query: tantivy.Query, limit: int) -> list[tuple[Any, tantivy.DocAddress]]:
        return self._searcher.search(query, max(min(limit, len(self)), 1), count=False).hits

    def _rows_at(self, addresses: list[tantivy.DocAddress]) -> RowArray:
        return np.array(self._searcher.fast_field_values("row", addresses), np.int64)


def _finished(text: str, *, prefix: bool) -> tuple[str, str]:
    """Cut a text into what is looked at word by word, and what stays as it is."""
    head, tail = text[:_LONGEST_CORRECTED], text[_LONGEST_CORRECTED:]
    if prefix and not tail:
        head, space, last = head.rpartition(" ")
        tail = space + last
    return head, tail


def _open_index(folder: Path) -> tantivy.Index:
    """Open an index through links from a folder of our own.

    tantivy locks a file to read, which not every reader may, and finds files by the name that the
    folder has at that moment. The segments stay mapped when the links are gone.
    """
    import tantivy

    with _own_folder() as links:
        if links is None:
            return tantivy.Index.open(str(folder))
        for file in folder.iterdir():
            if not file.name.startswith("."):  # locks, and the list that a writer needs
                if not os.access(file, os.R_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
                (Path(links) / file.name).symlink_to(file.absolute())
        return tantivy.Index.open(links)


@contextmanager
def _own_folder() -> Iterator[str | None]:
    """Give a folder for a moment; None where none can be made."""
    try:
        folder = tempfile.mkdtemp(prefix="dsv3-")
    except OSError:
        yield None
        return
    try:
        yield folder
    finally:
        for _ in range(100):  # a thread of tantivy's may be making its lock file there
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.lexists(folder):
                break
            time.sleep(0.001)


class LexicalWriter(Closing):
    """Writes an index document by document, added to what `previous` holds.

    A row given again replaces the row of `previous`. Segment files are immutable, so those of
    `previous` are shared by hard links. Memory is bounded: full segments go to the folder as
    documents come.
    """

    def __init__(self, folder: Path, analysis: Analysis, *, previous: Path | None = None) -> None:
        import tantivy

        if previous is None:
            folder.mkdir(parents=True)
            index = tantivy.Index(_schema(), str(folder))
        else:
            _link_segments(previous, folder)
            index = tantivy.Index.open(str(folder))
        index.register_tokenizer(_ANALYZER, analysis.analyzer)
        self._folder = folder
        self._schema = index.schema
        self._analysis = analysis
        self._updates = previous is not None
        self._writer: tantivy.IndexWriter | None = index.writer(_HEAP_BYTES, 1)

    def add(self, document: LexicalDocument) -> None:
        """Add a document, or put it in the place of its row's last one."""
        if self._updates:
            self.remove(document.row)
        self._open.add_document(_to_tantivy(document, self._analysis))

    def remove(self, row: int) -> None:
        """Remove a row. By query: by term, a number is taken for a signed one."""
        import tantivy

        self._open.delete_documents_by_query(tantivy.Query.term_query(self._schema, "row", row))

    def finish(self) -> None:
        """Make the folder an index that `LexicalIndex` opens."""
        writer = self._open
        writer.commit()
        writer.garbage_collect_files()
        self._writer = None
        writer.wait_merging_threads()
        for name in ("meta.json", ".managed.json"):  # tantivy lets none but its own user read them
            shutil.copymode(self._folder / _LOCK, self._folder / name)

    def close(self) -> None:
        """Give up what was not finished."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.rollback()
            writer.wait_merging_threads()

    @property
    def _open(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise ValueError("the index was finished or closed; nothing can be added")
        return self._writer


def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for field in ("code", "mark", "word", "compound"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field in TEXT_FIELDS:
        builder.add_text_field(field, tokenizer_name=_ANALYZER)
    return builder.build()


def _to_tantivy(document: LexicalDocument, analysis: Analysis) -> tantivy.Document:
    import tantivy

    made = tantivy.Document()
    made.add_unsigned("row", document.row)
    for code in document.codes:
        made.add_text("code", code)
    for mark in document.marks:
        made.add_text("mark", mark)
    names = " ".join(document.texts.get(field, "") for field in SPELLED_FIELDS)
    for word in sorted(set(analysis.folded(names))):
        made.add_text("word", word)
    if analysis.compounds:
        for end in sorted(analysis.compound_ends(names)):
            made.add_text("compound", end)
    for field, text in document.texts.items():
        if text:
            made.add_text(field, analysis.prepare(text))
    return made


def _link_segments(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.suffix == ".json":
            shutil.copyfile(file, target / file.name)
        elif not file.name.endswith(".lock"):
            (target / file.name).hardlink_to(file)

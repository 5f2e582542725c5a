"""Build tantivy queries from what a shopper typed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..known_fields import SPELLED_FIELDS
from .analysis import Analysis, normalise_code, same_codes
from .spelling import beginnings, may_be_misspelt, nearest_word

if TYPE_CHECKING:
    import tantivy

MOST_TERMS = 64  # of a longer query, the first that differ
MOST_TOLD = 24  # bits of a score's significand: forms that one score tells apart
_COUNTS_KEPT = 1 << 15
_CODE_BOOST = 4.0
_MOST_ONE_BY_ONE = 400  # rows; a set of them is looked for among all that there are
_LONGEST_ENDING = 2  # of a form of the same word
_SHARE_TO_MATCH = 0.75


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which products say a word.

    Attributes:
        terms: as analysis makes them; several have to stand side by side, in this order.
        weight: what a match counts, beside that of the word as typed.
    """

    terms: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that a query asks for: a product has it if it has any of its forms.

    Attributes:
        forms: ways to say it, the one typed first.
        optional: products that have it rank higher, and those that lack it match as well.
    """

    forms: tuple[Form, ...]
    optional: bool = False

    @classmethod
    def of(cls, *terms: str) -> Word:
        """Return the word that is said in one way."""
        return cls((Form(terms),))

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms as typed."""
        return self.forms[0].terms


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query read once: candidates, the match set and its count come from it.

    Attributes:
        ranking: matches whatever holds any term or code of it; None where it holds no term.
        matching: matches what holds most of its terms.
        most_ranked: no more products than that match `ranking`.
        most_matching: no more products than that match `matching`.
    """

    ranking: tantivy.Query | None
    matching: tantivy.Query | None
    most_ranked: int = 0
    most_matching: int = 0


class QueryBuilder:
    """Builds queries for one index, which knows what terms there are."""

    def __init__(
        self, schema: tantivy.Schema, searcher: tantivy.Searcher, analysis: Analysis
    ) -> None:
        import tantivy

        self._schema = schema
        self._searcher = searcher
        self._analysis = analysis
        self._query = tantivy.Query
        self._occur = tantivy.Occur
        self._doc_freq = lru_cache(maxsize=_COUNTS_KEPT)(searcher.doc_freq)
        self._has_words = _has_field(searcher, "word")

    def parse(
        self,
        words: Sequence[Word],
        boosts: Mapping[str, float],
        *,
        codes: Iterable[str] = (),
        marks: Iterable[str] = (),
        prefix: bool = False,
    ) -> ParsedQuery:
        """Build both queries of the same words.

        Of one or two words all have to be there to match as a whole, of more three quarters;
        words that are optional do not count, unless there are no others.

        Args:
            words: what is asked for.
            boosts: field → weight; a field that is missing is not searched.
            codes: normalised; products that have one rank higher.
            marks: products that have one rank higher; those alone match where there is no word.
            prefix: let the last word match any term that begins with it.
        """
        parts, most = self._words(words[:MOST_TERMS], boosts, prefix=prefix)
        marked = self.marked(marks)
        coded = [*self._codes(codes), *marked]
        ranking = matching = None
        needed = 1
        if parts or coded:
            should = [(self._occur.Should, part) for part in (*parts, *coded)]
            ranking = self._query.boolean_query(should)
        if parts:
            asked = [p for p, word in zip(parts, words, strict=False) if not word.optional] or parts
            needed = len(asked) if len(asked) <= 2 else int(_SHARE_TO_MATCH * len(asked) + 0.5)
            matching = self._query.boolean_query(
                [(self._occur.Should, part) for part in asked], minimum_number_should_match=needed
            )
        elif marked:
            matching = self._best(marked)
        if coded:
            most = most if parts else self._searcher.num_docs
            return ParsedQuery(ranking, matching, self._searcher.num_docs, most // needed)
        return ParsedQuery(ranking, matching, most, most // needed)

    def code(self, text: str) -> tantivy.Query | None:
        """Build a query for products whose id or code equals the whole text."""
        code = normalise_code(text)
        forms = [form for form in same_codes(code) if self._doc_freq("code", form)]
        if not code or not forms:
            return None
        same = [self._query.term_query(self._schema, "code", form) for form in forms]
        return same[0] if len(same) == 1 else self._query.disjunction_max_query(same)

    def most_with(self, field: str, terms: Iterable[str]) -> int:
        """Return how many products have all of some terms in a field at most."""
        return min((self._doc_freq(field, term) for term in terms), default=0)

    def having(self, forms: Iterable[Form], fields: Iterable[str]) -> tuple[tantivy.Query, int]:
        """Build a query for products that have any of some forms in any field.

        Returns:
            It, and how many matches it has at most.
        """
        even = dict.fromkeys(fields, 1.0)
        found = [self._form(even, form) for form in forms]
        return self._best(query for query, _ in found), sum(count for _, count in found)

    def telling(self, forms: Sequence[Form], fields: Iterable[str]) -> tantivy.Query:
        """Build a query whose score tells which forms a product has: the sum of 2 ** place.

        Args:
            forms: no more than `MOST_TOLD`.
            fields: in any of which they are looked for.
        """
        even = dict.fromkeys(fields, 1.0)
        each = (self._form(even, form)[0] for form in forms)
        told = [self._query.const_score_query(query, 2.0**n) for n, query in enumerate(each)]
        return self._query.boolean_query([(self._occur.Should, query) for query in told])

    def within(self, query: tantivy.Query, rows: Sequence[int]) -> tantivy.Query:
        """Restrict a query to some rows, without an effect on scores."""
        return self._also(query, self._occur.Must, rows, 0.0)

    def raising(self, query: tantivy.Query, rows: Sequence[int], score: float) -> tantivy.Query:
        """Add a score to some rows of those that a query matches."""
        return self._also(query, self._occur.Should, rows, score)

    def _also(
        self, query: tantivy.Query, occur: tantivy.Occur, rows: Sequence[int], score: float
    ) -> tantivy.Query:
        if len(rows) <= _MOST_ONE_BY_ONE:
            each = (self._query.term_query(self._schema, "row", row) for row in rows)
            among = self._query.boolean_query([(self._occur.Should, query) for query in each])
        else:
            among = self._query.term_set_query(self._schema, "row", rows)
        also = self._query.const_score_query(among, score)
        return self._query.boolean_query([(self._occur.Must, query), (occur, also)])

    def _words(
        self, words: Sequence[Word], boosts: Mapping[str, float], *, prefix: bool
    ) -> tuple[list[tantivy.Query], int]:
        """Return a query for each word, and how many matches they have at most, added up."""
        fields = {field: boost for field, boost in boosts.items() if boost > 0}
        unfinished = words[-1:] if prefix else ()
        parts, most = [], self._searcher.num_docs * len(unfinished)
        for word in words[: len(words) - len(unfinished)]:
            query, count = self._word(fields, word)
            parts.append(query)
            most += count
        parts += [self._each_prefixed(fields, word.terms[-1]) for word in unfinished]
        return parts, most

    def _word(self, fields: Mapping[str, float], word: Word) -> tuple[tantivy.Query, int]:
        """Return a query for a word, and how many matches it has at most.

        All forms of a word together are one word, so none is rarer than all of them; by its own
        count a compound that few products have would weigh more than the word itself.
        """
        singles = [form.terms[0] for form in word.forms if len(form.terms) == 1]
        shares = dict.fromkeys(singles, 1.0)
        if len(singles) > 1:
            counts = {term: self.count(term, fields) for term in singles}
            often = self._rarity(min(sum(counts.values()), self._searcher.num_docs))
            shares = {term: often / self._rarity(counts[term]) for term in singles}
        forms = [
            self._form(fields, form, shares[form.terms[0]] if len(form.terms) == 1 else 1.0)
            for form in word.forms
        ]
        return self._best(query for query, _ in forms), sum(count for _, count in forms)

    def _form(
        self, fields: Mapping[str, float], form: Form, share: float = 1.0
    ) -> tuple[tantivy.Query, int]:
        """Return a query for one form of a word, and how many matches it has at most."""
        weighted = {field: boost * form.weight * share for field, boost in fields.items()}
        if len(form.terms) == 1:
            term = form.terms[0]
            counts = {field: self._doc_freq(field, term) for field in fields}
            return self._each_field(weighted, term, counts), sum(counts.values())
        counts = {
            field: min(self._doc_freq(field, term) for term in form.terms) for field in fields
        }
        phrases = self._best(
            self._query.boost_query(
                self._query.phrase_query(self._schema, field, list(form.terms)), weighted[field]
            )
            for field, count in counts.items()
            if count
        )
        return phrases, sum(counts.values())

    def _each_field(
        self, fields: Mapping[str, float], term: str, counts: Mapping[str, int]
    ) -> tantivy.Query:
        """Match a term in any field; the best one counts.

        A term is as rare as it is in the field that has it most often (the blended frequencies
        of cross-field search). By each field's own count, a word that many titles hold would
        weigh most where it stands by chance, in the one description that mentions it.
        """
        often = self._rarity(max(counts.values(), default=0))
        return self._best(
            self._query.boost_query(
                self._query.term_query(self._schema, field, term, "freq"),
                boost * often / self._rarity(counts[field]),
            )
            for field, boost in fields.items()
            if counts[field]
        )

    def _each_prefixed(self, fields: Mapping[str, float], start: str) -> tantivy.Query:
        """Match any term that begins so in any field."""
        return self._best(
            self._query.boost_query(
                self._query.fuzzy_term_query(self._schema, field, start, 0, True, prefix=True),
                boost,
            )
            for field, boost in fields.items()
        )

    def _best(self, queries: Iterable[tantivy.Query]) -> tantivy.Query:
        some = list(queries)
        return self._query.disjunction_max_query(some) if some else self._query.empty_query()

    def _rarity(self, count: int) -> float:
        """Return the weight that BM25 gives a term of so many documents (Robertson & Zaragoza)."""
        total = self._searcher.num_docs
        return math.log(1 + (total - count + 0.5) / (count + 0.5))

    def nearest(self, word: str, term: str) -> str | None:
        """Return the word that one which no product has may be meant for; None where none is.

        An index that was made before words were kept has only their terms.
        """
        if not may_be_misspelt(word):
            return None
        known = [
            each
            for field in (("word",) if self._has_words else SPELLED_FIELDS)
            for start in beginnings(word)
            for each in self._searcher.terms_with_prefix(field, start)
        ]
        ending = word.removeprefix(term) if word.startswith(term) else ""
        ending = ending if len(ending) <= _LONGEST_ENDING else ""
        return nearest_word(word, ending, known)

    def count(self, term: str, fields: Iterable[str] = SPELLED_FIELDS) -> int:
        """Return how many products have a term, by the field in which most do."""
        return max((self._doc_freq(field, term) for field in fields), default=0)

    def count_adjacent(self, terms: Sequence[str]) -> int:
        """Return how many products have terms side by side, by the field in which most do."""
        counts = [0]
        for field in SPELLED_FIELDS:
            if all(self._doc_freq(field, term) for term in terms):
                phrase = self._query.phrase_query(self._schema, field, list(terms))
                found: Any = self._searcher.search(phrase, 1, count=True)
                counts.append(int(found.count))
        return max(counts)

    def codes_beginning(self, start: str, most: int) -> list[str]:
        """Return the normalised codes that begin so; none where they are too many."""
        found = self._searcher.terms_with_prefix("code", start, limit=most + 1)
        return [code for code, _ in found] if len(found) <= most else []

    def coded(self, codes: Sequence[str]) -> tantivy.Query:
        """Build a query for products that have one of some normalised codes."""
        return self._best(self._query.term_query(self._schema, "code", code) for code in codes)

    def marked(self, marks: Iterable[str]) -> list[tantivy.Query]:
        """Build a query for each mark that some product has; an old index knows none."""
        if not self._has_words:
            return []
        return [
            self._query.term_query(self._schema, "mark", mark, "basic")
            for mark in marks
            if self._doc_freq("mark", mark)
        ]

    def ending(self, end: str, most: int) -> list[tuple[str, int]]:
        """Return the most frequent words, reversed, that begin with a reversed end.

        None where the language has no compounds, or the index was made before they were kept.
        """
        if not self._has_words:
            return []
        return self._searcher.terms_with_prefix("compound", end, limit=most)

    def rarity(self, word: Word, fields: Sequence[str]) -> float:
        """Return the weight that BM25 gives a word, by its most frequent form.

        A term is as rare as in the field that has it most often, a form as its rarest term.
        """
        return min((self._form_rarity(form, fields) for form in word.forms), default=0.0) * max(
            (form.weight for form in word.forms), default=1.0
        )

    def _form_rarity(self, form: Form, fields: Sequence[str]) -> float:
        often = (
            max((self._doc_freq(field, term) for field in fields), default=0) for term in form.terms
        )
        return max((self._rarity(count) for count in often), default=0.0)

    def is_known(self, term: str, fields: Iterable[str]) -> bool:
        """Tell whether any product has a term in any of the fields."""
        return any(self._doc_freq(field, term) for field in fields)

    def _codes(self, codes: Iterable[str]) -> list[tantivy.Query]:
        """Build a query for each code, as it would be written without signs."""
        return [
            self._query.boost_query(
                self._query.term_query(self._schema, "code", code, "basic"), _CODE_BOOST
            )
            for code in codes
        ]


def _has_field(searcher: tantivy.Searcher, field: str) -> bool:
    """Tell whether an index has a field; one made by an older version may not."""
    try:
        searcher.doc_freq(field, "")
    except ValueError:
        return False
    return True

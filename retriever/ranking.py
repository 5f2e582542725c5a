"""From queries to ranked rows of one generation, in stages.

Each stage is a function of what came before: filter → read the query → encode → candidates of
both lanes → fuse them → drop what neither the words as a whole nor a near enough vector speaks
for → let a cross-encoder order the first anew, if asked → put exact codes first → one of each
group → page. The ranking goes on after the candidates with every other product that matches the
words, in keyword order, so that pages are stable and the total is exact.

Queries that are asked together differ in their text alone, and share the filter, the call of the
encoder and the search for neighbours, as far as the same rules of the shop's people are for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..encoder.base import FloatArray
from ..indexer.candidates import EMPTY, NO_ROWS, Candidates, FloatVector, RowArray
from ..indexer.columns.base import TextColumn
from ..indexer.columns.groups import Groups
from ..indexer.lexical.query import ParsedQuery
from ..indexer.settings import Ranking
from ..indexer.snapshot import Snapshot
from .clicks import Associations
from .features import Evidenced, FloatMatrix, features
from .filters.rows import fields_without_values, named_fields, passing_rows
from .fusion import convex_combination
from .query import Query
from .ranker import Ranker
from .results import Explanation, LaneScore
from .rules.steering import Steered, Steering
from .rules.synonyms import Synonyms
from .sorting import sort_rows
from .understanding.base import Understanding
from .understanding.understand import EVIDENCE, understand

if TYPE_CHECKING:
    from .cross_encoder import CrossEncoder

BoolArray = npt.NDArray[np.bool_]
_FEWEST_GROUPS = 0.1  # of a lane's candidates: of fewer groups, it is asked for more
_WORDS_OF_KIND = 2  # a longer query describes more than a kind
_NEAR_KIND = 0.6  # similarity from which a query names a kind
_NAMES_KIND = 0.64  # similarity from which a word is the name of a kind
_KIND_FOR, _KIND_AGAINST = 0.4, -0.2  # evidence for products of the kind named, against others
_OF_KIND = 30  # products of that kind that become candidates
_FLOOR_WITH_WORDS = 0.2  # of the floor, for a candidate that says some of the words
_LEAST_HEIGHT = 0.05  # of the lowest score, so that evidence moves it, too
_SHARE = 2.0  # of a ranker's score for evidence that it does not know, by that evidence's weight
_CHOSEN = 3.0  # of a ranker's score, the grade of what all choose who have seen it
_DEEPEST = 16  # times as many candidates are asked for at most
_UNSTEERED = Steered()
Encode = Callable[[Sequence[str]], FloatArray]


@dataclass(slots=True)
class Trace:
    """What the stages of one query took, in milliseconds, and did, in words."""

    took: dict[str, float] = field(default_factory=dict)
    plan: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The rows of a page, and what was found on the way.

    Attributes:
        page: the page's rows and their scores.
        total: rows that pass the filter and match, or the groups of them.
        trace: what was done.
        matching: mask of all rows that pass and match; filled where facets need it.
        variants: by row of the page, how many matching rows its group has; empty where none
            stands for others.
        explanations: by row, where asked for.
    """

    page: Candidates
    total: int
    trace: Trace
    matching: BoolArray | None = None
    explanations: Mapping[int, Explanation] = field(default_factory=dict)
    variants: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where queries are answered: what all stages read and none changes.

    Attributes:
        snapshot: the generation.
        ranking: how lanes are searched and joined.
        mask: by row, whether the filter lets it pass; None without a filter.
        ranker: the shop's, or the one that comes with the package; None where there is none.
        groups: whose variants stand as one; None where each product is a hit.
        steered: what the rules of the shop's people do; none of them is hidden in `mask`.
        synonyms: those of the shop's people.
        clicks: which products shoppers choose for which queries.
        cross_encoder: orders the first products anew; None where it is off.
    """

    snapshot: Snapshot
    ranking: Ranking
    mask: BoolArray | None
    ranker: Ranker | None = None
    groups: Groups | None = None
    steered: Steered = _UNSTEERED
    synonyms: Synonyms | None = None
    clicks: Associations | None = None
    cross_encoder: CrossEncoder | None = None

    def passing(self) -> BoolArray:
        """Return a mask of all products that pass the filter."""
        columns = self.snapshot.columns
        return columns.mask(columns.live_rows) if self.mask is None else self.mask

    def count(self) -> int:
        """Count the products that pass the filter."""
        if self.mask is None:
            return self.snapshot.manifest.products
        return int(np.count_nonzero(self.mask))

    def within(self, rows: RowArray) -> RowArray:
        """Return those of the rows that pass the filter."""
        if self.mask is None:
            return rows
        inside = rows[rows < len(self.mask)]
        return inside[self.mask[inside]]


@dataclass(frozen=True, slots=True)
class Read:
    """A query that was read: its words as the keyword index knows them, and its codes.

    Attributes:
        query: what was asked.
        understood: what is meant by it.
        words: of it as the keyword index knows them; None where only the dense lane is asked.
        codes: rows whose id or code is the whole text, those that spell it so first; after them
            those whose code begins with it.
        exact: how many of them have the whole text as their code.
        coded: rows whose code is made by words of a longer text.
        chosen: rows that shoppers choose for the query, and how sure that is.
        trace: what was done so far.
    """

    query: Query
    understood: Understanding
    words: ParsedQuery | None
    codes: RowArray
    trace: Trace
    exact: int = 0
    coded: RowArray = field(default_factory=lambda: NO_ROWS)
    chosen: Candidates = EMPTY

    @property
    def end(self) -> int:
        """Return the rank of the last hit of the page."""
        return self.query.offset + self.query.k


@dataclass(frozen=True, slots=True)
class Nearest:
    """What the dense lane found.

    Attributes:
        candidates: the nearest products that pass the filter.
        nearness: similarity of the nearest product that no rule hides, without the filter, at least
            0, so that a filter takes products away and never adds any.
        vector: (dim,) the query's.
        kind: the number of the kind of product that the query names; None where it names none.
    """

    candidates: Candidates
    nearness: float
    vector: FloatVector
    kind: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates in their final order.

    Attributes:
        ranking: best first.
        ranker: what ranked them; None where their joined scores do.
        features: (n, features) in the ranking's order.
        crossed: by row, what a cross-encoder gave those that it scored.
    """

    ranking: Candidates
    ranker: Ranker | None = None
    features: FloatMatrix | None = None
    crossed: Mapping[int, float] = field(default_factory=dict)

    def contributions(self, rows: RowArray) -> Mapping[int, Mapping[str, float]]:
        """Return what each feature adds to the score of some rows, the largest first."""
        if self.ranker is None or self.features is None:
            return {}
        places = {row: place for place, row in enumerate(self.ranking.rows.tolist())}
        known = [row for row in rows.tolist() if row in places]
        made = self.ranker.contributions(self.features[[places[row] for row in known]])
        return dict(zip(known, made, strict=True))


@dataclass(frozen=True, slots=True)
class WordMatches:
    """Rows that match the words as a whole.

    Attributes:
        rows: those of the candidates, or all of them.
        total: how many there are in all that pass the filter.
        all: all of them, best first; None where only those of the candidates were looked for.
    """

    rows: RowArray
    total: int
    all: RowArray | None = None


def rank(
    queries: Sequence[Query],
    snapshot: Snapshot,
    ranking: Ranking,
    encode: Encode,
    ranker: Ranker | None = None,
    steering: Steering | None = None,
    clicks: Associations | None = None,
    cross_encoder: CrossEncoder | None = None,
) -> list[Ranked]:
    """Rank the products of a generation for each of several queries.

    Args:
        queries: what is asked; they differ in their text alone.
        snapshot: the generation.
        ranking: how lanes are searched and joined.
        encode: n texts → (n, dim) query vectors; called once, in hybrid and dense mode only.
        ranker: ranks the candidates in hybrid mode, where it was trained for the encoder.
        steering: the rules of the shop's people; None where there are none.
        clicks: which products shoppers choose for which queries.
        cross_encoder: orders the first products anew in hybrid mode; None for none.
    """
    synonyms = steering.synonyms if steering else None
    if "clicks" in ranking.without:
        clicks = None
    scope = Scope(
        snapshot,
        ranking,
        None,
        ranker,
        synonyms=synonyms,
        clicks=clicks,
        cross_encoder=cross_encoder,
    )
    if steering is None or "rules" in ranking.without:
        return _rank_together(queries, scope, encode)
    alike: dict[tuple[int, ...], list[int]] = {}
    steered = [steering.of(q.text, prefix=q.prefix, at=q.at) for q in queries]
    for place, each in enumerate(steered):
        alike.setdefault(tuple(map(id, each.rules)), []).append(place)
    ranked: dict[int, Ranked] = {}
    for places in alike.values():
        of_these = replace(scope, steered=steered[places[0]])
        some = _rank_together([queries[place] for place in places], of_these, encode)
        ranked.update(zip(places, some, strict=True))
    return [ranked[place] for place in range(len(queries))]


def _rank_together(queries: Sequence[Query], scope: Scope, encode: Encode) -> list[Ranked]:
    """Rank products for queries that the same rules are for."""
    traces = [Trace() for _ in queries]
    with _timed("filter", traces if queries and queries[0].where is not None else []):
        mask = _filter(queries, scope.snapshot, traces)
    if scope.steered.visible is not None:
        mask = scope.steered.visible if mask is None else mask & scope.steered.visible
    groups = scope.snapshot.groups if queries and not queries[0].expand else None
    scope = replace(scope, mask=mask, groups=groups)
    _tell_currencies(queries, scope, traces)
    _tell_rules(queries, scope, traces)
    read = [_read(q, scope, t) for q, t in zip(queries, traces, strict=True) if q.text]
    together = [each for each in read if each.understood.only is None]
    nearest = iter(_nearest(together, scope, encode))
    answered = iter(
        [
            _rank(each, scope, next(nearest))
            if each.understood.only is None
            else _rank_narrowed(each, scope, encode)
            for each in read
        ]
    )
    return [
        next(answered) if query.text else _browse(query, scope, trace)
        for query, trace in zip(queries, traces, strict=True)
    ]


def _rank_narrowed(read: Read, scope: Scope, encode: Encode) -> Ranked:
    """Rank the products that a query by its own words lets through."""
    mask = read.understood.only
    if mask is not None and scope.mask is not None:
        mask = mask & scope.mask
    narrow = replace(scope, mask=mask)
    read = replace(
        read,
        codes=narrow.within(read.codes),
        exact=len(narrow.within(read.codes[: read.exact])),
        coded=narrow.within(read.coded),
        chosen=read.chosen.where(np.isin(read.chosen.rows, narrow.within(read.chosen.rows))),
    )
    return _rank(read, narrow, _nearest([read], narrow, encode)[0])


def _rank(read: Read, scope: Scope, near: Nearest | None) -> Ranked:
    """Rank the products for a query that was read and whose neighbours were found."""
    lanes = _lanes(read, scope, near)
    plain = convex_combination(lanes, _weights(read, scope))
    evidence = _evidence(read, scope, plain.rows)
    joined = plain.raised(evidence.values())
    matches = _word_matches(read, scope, np.concatenate([joined.rows, read.codes, read.coded]))
    ranker = _ranker(read, scope, joined)
    chosen = _chosen(read, joined.rows)
    if ranker is None:
        joined = joined.raised(chosen.values())
        scored = Scored(Candidates.ordered(joined.rows, joined.scores))
        if near is not None and read.words is not None:
            floor = scope.ranking.dense_floor * near.nearness
            shown = np.concatenate([matches.rows, read.chosen.rows])
            scored = Scored(_drop_far(scored.ranking, lanes["dense"], shown, floor))
    else:
        with _timed("rank", [read.trace]):
            scored = _learned(read, scope, ranker, near, lanes, joined, matches, evidence)
    scored = _cross_encoded(read, scope, scored)
    ranking = _put_first(read.codes, _coded_first(read.coded, scored.ranking, matches))
    ranked = _page(read, scope, ranking, matches)
    if not read.query.explain:
        return ranked
    rows = ranked.page.rows
    spoken = {**evidence, **chosen}
    explanations = _explain(rows, lanes, read.codes[: read.exact], joined.rows, spoken, scored)
    if scope.steered.rules:
        told = {row: scope.steered.told_of(row) for row in explanations}
        explanations = {row: replace(e, rules=told[row]) for row, e in explanations.items()}
    return replace(ranked, explanations=explanations)


# -- filter and reading --------------------------------------------------------------------


def _filter(
    queries: Sequence[Query], snapshot: Snapshot, traces: Sequence[Trace]
) -> BoolArray | None:
    """Return a mask of the rows that pass the filter all queries share; None without one."""
    where = queries[0].where if queries else None
    if where is None:
        return None
    mask = passing_rows(where, snapshot.columns)
    passing = int(np.count_nonzero(mask))
    words = f"{passing:,} of {snapshot.manifest.products:,} products pass"
    if not passing:
        empty = fields_without_values(where, snapshot.columns)
        words += f"; no product has {' or '.join(empty)}" if empty else ""
    for trace in traces:
        trace.plan["filter"] = words
    return mask


def _tell_currencies(queries: Sequence[Query], scope: Scope, traces: Sequence[Trace]) -> None:
    """Say where prices of several currencies are compared as if they were of one."""
    where, sort = (queries[0].where, queries[0].sort) if queries else (None, None)
    by_price = sort is not None and sort.field.casefold() == "price"
    if where is None and not by_price:  # before any column is read
        return
    columns = scope.snapshot.columns
    currencies = columns.column("currency", "text")
    if not isinstance(currencies, TextColumn) or len(currencies.texts) < 2:
        return
    named = named_fields(where, columns) if where is not None else set[str]()
    if "currency" in named or ("price" not in named and not by_price):
        return
    counts = np.bincount(currencies.codes, minlength=len(currencies.texts))
    order = np.argsort(-counts, kind="stable")
    listed = ", ".join(f"{currencies.texts[code]} ({counts[code]:,})" for code in order[:5])
    main = currencies.texts[order[0]].replace("'", "''")
    for trace in traces:
        trace.plan["currency"] = (
            f"prices of several currencies are compared as plain numbers: {listed}; "
            f"keep to one with: currency = '{main}'"
        )


def _tell_rules(queries: Sequence[Query], scope: Scope, traces: Sequence[Trace]) -> None:
    if scope.steered.rules:
        told = scope.steered.told(ordered=queries[0].sort is None)
        for trace in traces:
            trace.plan["rules"] = told


def _read(query: Query, scope: Scope, trace: Trace) -> Read:
    lexical = scope.snapshot.lexical
    with _timed("read", [trace]):
        codes = _spelled_first(query.text, scope.within(lexical.find_code(query.text)), scope)
        exact, coded, chosen = len(codes), NO_ROWS, EMPTY
        words = None
        understood = Understanding(typed=query.text, text=query.text)
        if query.mode != "dense":
            understood = understand(
                query.text,
                scope.snapshot,
                prefix=query.prefix,
                strict=scope.ranking.strict,
                without=scope.ranking.without,
                written=scope.synonyms,
            )
            words = lexical.read(
                understood.text,
                scope.ranking.boosts,
                words=understood.words,
                marks=understood.marks,
                prefix=query.prefix,
            )
            begun = scope.within(lexical.rows_of_codes(understood.begun))
            codes = np.concatenate([codes, begun[~np.isin(begun, codes)]])
            coded = scope.within(lexical.rows_of_codes(understood.coded))
            trace.plan.update(understood.told)
            chosen = _choices(query.text, scope)
            if len(chosen):
                trace.plan["clicks"] = f"{len(chosen)} that shoppers choose for this query"
    return Read(query, understood, words, codes, trace, exact, coded, chosen)


def _choices(text: str, scope: Scope) -> Candidates:
    """Return what shoppers choose for a query and the filter lets pass, with how sure that is."""
    if not scope.clicks:
        return EMPTY
    found = scope.clicks.of(text, scope.snapshot)
    return found.where(np.isin(found.rows, scope.within(found.rows)))


def _spelled_first(text: str, codes: RowArray, scope: Scope) -> RowArray:
    """Put products that spell a code as typed before those that write it with other signs."""
    if len(codes) < 2:
        return codes
    products = scope.snapshot.products.get_rows(codes.tolist())
    spelled = [
        2 * (text in said) + (text.casefold() in {code.casefold() for code in said})
        for said in (() if p is None else (p.product_id, *p.codes) for p in products)
    ]
    return codes[np.argsort(-np.array(spelled), kind="stable")]


# -- the dense lane ------------------------------------------------------------------------


def _nearest(read: Sequence[Read], scope: Scope, encode: Encode) -> list[Nearest | None]:
    """Find the neighbours of all queries: one call of the encoder, one of the index."""
    if not read or read[0].query.mode == "lexical":
        return [None] * len(read)
    traces = [each.trace for each in read]
    with _timed("encode", traces):
        vectors = _query_vectors(read, scope, encode)
    with _timed("dense", traces):
        return list(_neighbors(read, vectors, scope))


def _query_vectors(read: Sequence[Read], scope: Scope, encode: Encode) -> FloatArray:
    """Return the (n, dim) vectors whose neighbours are wanted.

    Of a code an encoder knows only how it is spelled. The product that has it stands for it,
    so that what comes after that product is like it.
    """
    plain = [each for each in read if not len(each.codes)]
    texts = [each.understood.text for each in plain]
    encoded = iter(encode(texts)) if texts else iter(())
    return np.stack([_code_vector(e, scope) if len(e.codes) else next(encoded) for e in read])


def _code_vector(read: Read, scope: Scope) -> FloatVector:
    begun = len(read.codes) - read.exact
    exactly = [f"{read.exact} with exactly this code"] if read.exact else []
    said = " and ".join([*exactly, *([f"{begun} whose code begins so"] if begun else [])])
    read.trace.plan["code"] = f"{said}; what follows is near to that"
    vectors = scope.snapshot.vectors.vectors(read.codes)
    vector: FloatVector = vectors.mean(axis=0, dtype=np.float32)
    if scope.snapshot.manifest.encoder["similarity"] == "cosine":
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
    return vector


def _neighbors(read: Sequence[Read], vectors: FloatArray, scope: Scope) -> Iterator[Nearest]:
    index = scope.snapshot.vectors
    depth = _depth(read[0], scope)
    found = index.search(vectors, depth, scope.mask)
    closest = found.scores[:, 0]
    if scope.mask is not scope.steered.visible and read[0].query.mode == "hybrid":
        closest = index.search(vectors, 1, scope.steered.visible).scores[:, 0]
    for place, each in enumerate(read):
        near = Candidates(*_there(found.rows[place], found.scores[place]))
        each.trace.plan["dense"] = found.plan
        near = _deep_enough(each, near, vectors[place : place + 1], depth, scope)
        kind = _kind_named(each, vectors[place], scope)
        if kind is not None:
            near = _and_of_kind(each, near, vectors[place], kind, scope)
        yield Nearest(near, max(float(closest[place]), 0.0), vectors[place], kind)


def _there(rows: RowArray, scores: FloatVector) -> tuple[RowArray, FloatVector]:
    """Return what was found, without the places where there was nothing more to find."""
    there = rows >= 0
    return rows[there], scores[there]


def _kind_named(read: Read, vector: FloatVector, scope: Scope) -> int | None:
    """Return the kind of product that a short query names; None where it names none."""
    kinds, words = scope.snapshot.kinds, read.understood.words
    if read.query.mode != "hybrid" or not 0 < len(words) <= _WORDS_OF_KIND or kinds is None:
        return None
    if "kind" in scope.ranking.without:
        return None
    if not len(kinds.names):
        return None
    similar = np.where(kinds.other_names(words[-1].terms[-1]), kinds.similarities(vector), 0)
    best = int(similar.argmax())
    if similar[best] < _NEAR_KIND:
        return None
    read.trace.plan["kind"] = f"the nearest is {kinds.names[best][:80]!r}"
    return best


def _and_of_kind(
    read: Read, near: Candidates, vector: FloatVector, kind: int, scope: Scope
) -> Candidates:
    """Return neighbours and after them the nearest products of the kind that a query names.

    "laptop" has sleeves and bags for its nearest products; those of the kind "Notebook" are far off
    by all that their texts say besides.
    """
    kinds = scope.snapshot.kinds
    if kinds is None:
        return near
    mask = kinds.mask(kind)
    if scope.mask is not None:
        mask &= scope.mask[: len(mask)]
    found = scope.snapshot.vectors.search(vector[None], _OF_KIND, mask)
    rows, scores = _there(found.rows[0], found.scores[0])
    new = ~np.isin(rows, near.rows)
    return Candidates(
        np.concatenate([near.rows, rows[new]]), np.concatenate([near.scores, scores[new]])
    )


def _of_named_kind(
    read: Read, near: Nearest | None, rows: RowArray, scope: Scope
) -> FloatVector | None:
    """Tell which candidates are of the kind that a query of one word is the name of."""
    kinds = scope.snapshot.kinds
    if near is None or near.kind is None or kinds is None or len(read.understood.words) != 1:
        return None
    if float(kinds.similarities(near.vector)[near.kind]) < _NAMES_KIND:
        return None
    inside: FloatVector = np.where(kinds.of(rows) == near.kind, _KIND_FOR, _KIND_AGAINST).astype(
        np.float32
    )
    return inside


def _deep_enough(
    read: Read, near: Candidates, vector: FloatArray, depth: int, scope: Scope
) -> Candidates:
    """Return more neighbours where these are of too few groups.

    Where a page of the dense lane alone ends among equal scores, all of those are returned.
    """
    alone = read.query.mode == "dense"
    while len(near) == depth and (
        (alone and near.scores[-1] == near.scores[min(read.end, depth) - 1])
        or _too_few_groups(read, near.rows, scope)
    ):
        depth *= 2
        found = scope.snapshot.vectors.search(vector, depth, scope.mask)
        read.trace.plan["dense"] = found.plan
        near = Candidates(*_there(found.rows[0], found.scores[0]))
    return near


def _too_few_groups(read: Read, rows: RowArray, scope: Scope) -> bool:
    """Tell whether a lane has to go deeper, as variants of a few products fill what it found.

    A lane alone needs groups up to the end of the page. Of joined lanes, what they put forward does
    not depend on the page, so that all pages are cut out of one ranking, and ends somewhere: other
    matches follow by their words.
    """
    if scope.groups is None:
        return False
    groups = scope.groups.count_of(rows)
    if read.query.mode != "hybrid":
        return groups < read.end
    most = scope.ranking.candidates
    return groups < _FEWEST_GROUPS * most and len(rows) < _DEEPEST * most


def _depth(read: Read, scope: Scope) -> int:
    """Return how many candidates a lane is asked for."""
    depth = scope.ranking.candidates
    return depth if read.query.mode == "hybrid" else max(depth, read.end)


# -- candidates of both lanes, joined ------------------------------------------------------


def _lanes(read: Read, scope: Scope, near: Nearest | None) -> Mapping[str, Candidates]:
    """Return what each lane asked put forward; in hybrid mode each row with its similarity."""
    lanes = {}
    if read.words is not None:
        with _timed("lexical", [read.trace]):
            depth = _depth(read, scope)
            found = scope.snapshot.lexical.search(read.words, depth, rows=scope.mask)
            while len(found) == depth and _too_few_groups(read, found.rows, scope):
                depth *= 2
                found = scope.snapshot.lexical.search(read.words, depth, rows=scope.mask)
            lanes["lexical"] = found.and_extra(_also(read, found.rows, near, scope))
        others = len(scope.ranking.boosts) - 1
        read.trace.plan["lexical"] = f"BM25 over title and {others} more fields"
    if near is not None:
        lexical = lanes.get("lexical", EMPTY)
        lanes["dense"] = _with_similarity(near, lexical.rows, scope)
        if read.words is not None:
            with _timed("lexical", [read.trace]):
                rest = np.setdiff1d(near.candidates.rows, lexical.rows)
                scored = scope.snapshot.lexical.scores(read.words, rest)
                lanes["lexical"] = lexical.and_extra(scored)
    return lanes


def _also(read: Read, found: RowArray, near: Nearest | None, scope: Scope) -> Candidates:
    """Return what shoppers choose and no lane found, with what the words make of it."""
    known = found if near is None else np.concatenate([found, near.candidates.rows])
    rows = np.sort(read.chosen.rows[~np.isin(read.chosen.rows, known)])
    if not len(rows) or read.words is None:
        return EMPTY
    return scope.snapshot.lexical.scores(read.words, rows).followed_by(rows)


def _with_similarity(near: Nearest, rows: RowArray, scope: Scope) -> Candidates:
    """Return neighbours and after them the other rows that a lane put forward, scored."""
    found = near.candidates
    others = np.sort(rows[~np.isin(rows, found.rows)])
    if not len(others):
        return found
    scores = (scope.snapshot.vectors.vectors(others) @ near.vector).astype(np.float32)
    rows = np.concatenate([found.rows, others])
    return Candidates(rows, np.concatenate([found.scores, scores]), extra=len(others))


def _weights(read: Read, scope: Scope) -> Mapping[str, float]:
    if read.query.mode != "hybrid":
        return {read.query.mode: 1.0}
    weight = scope.ranking.dense_weight
    read.trace.plan["fusion"] = f"{weight:g} x dense + {1 - weight:g} x lexical, each by its best"
    return {"dense": weight, "lexical": 1 - weight}


def _evidence(read: Read, scope: Scope, rows: RowArray) -> Mapping[str, FloatVector]:
    """Return what speaks for and against rows, weighed, by the stage that it comes from."""
    if read.query.mode == "dense":
        return {}
    found = {}
    with _timed("evidence", [read.trace]):
        for name, evidence in EVIDENCE.items():
            if name in scope.ranking.without:
                continue
            values = evidence.of(read.understood, scope.snapshot, rows)
            if values is not None:
                found[name] = values * np.float32(evidence.weight)
    return found


def _chosen(read: Read, rows: RowArray) -> Mapping[str, FloatVector]:
    """Return for (n,) rows how sure it is that shoppers choose them, where any is."""
    if not len(read.chosen):
        return {}
    sure = dict(zip(read.chosen.rows.tolist(), read.chosen.scores.tolist(), strict=True))
    return {"clicks": np.array([sure.get(row, 0) for row in rows.tolist()], np.float32)}


def _ranker(read: Read, scope: Scope, joined: Candidates) -> Ranker | None:
    """Return the learned ranker; None where it is off, or knows nothing of this generation."""
    if read.query.mode != "hybrid" or "ranker" in scope.ranking.without or not len(joined):
        return None
    manifest, ranker = scope.snapshot.manifest, scope.ranker
    if ranker is None or ranker.about.encoder != manifest.encoder["name"]:
        read.trace.plan["ranker"] = (
            f"none was trained for the encoder {manifest.encoder['name']!r}; train one with: "
            "dsv3 tune"
        )
        return None
    if scope.snapshot.forward is None:
        read.trace.plan["ranker"] = "not used: the shop was indexed by an older version"
        return None
    return ranker


def _learned(
    read: Read,
    scope: Scope,
    ranker: Ranker,
    near: Nearest | None,
    lanes: Mapping[str, Candidates],
    joined: Candidates,
    matches: WordMatches,
    evidence: Mapping[str, FloatVector],
) -> Scored:
    """Rank candidates by what a ranker makes of their features; drop what is hardly right."""
    made = _features(read, scope, near, lanes, joined, matches, evidence)
    named = _of_named_kind(read, near, joined.rows, scope)
    others = evidence if named is None else {**evidence, "kind named": named}
    scores = _judged(ranker.scores(made), others, ranker)
    for sure in _chosen(read, joined.rows).values():
        scores = scores + _CHOSEN * sure
    probable = ranker.probabilities(scores)
    order = np.lexsort((joined.rows, -scores))
    lexical = lanes["lexical"]
    floor = np.full(len(joined), scope.ranking.floor)
    floor[np.isin(joined.rows, lexical.rows[lexical.scores > 0])] *= _FLOOR_WITH_WORDS
    shown = np.concatenate([matches.rows, read.chosen.rows])
    kept = (probable >= floor) | np.isin(joined.rows, shown)
    order = order[kept[order]]
    read.trace.plan["ranker"] = f"{ranker.form} over {made.shape[1]} features"
    return Scored(Candidates(joined.rows[order], probable[order]), ranker, made[order])


def _judged(
    scores: npt.NDArray[np.float64], evidence: Mapping[str, FloatVector], ranker: Ranker
) -> npt.NDArray[np.float64]:
    """Let evidence that a ranker was not trained on raise and lower its scores by a share."""
    others = [values for name, values in evidence.items() if name not in ranker.about.features]
    if not others:
        return scores
    height = scores - min(float(scores.min()), 0.0) + _LEAST_HEIGHT
    share = np.maximum(_SHARE * np.sum(others, axis=0), -1)
    raised: npt.NDArray[np.float64] = scores + height * share
    return raised


def _cross_encoded(read: Read, scope: Scope, scored: Scored) -> Scored:
    """Let a cross-encoder order the first products; the scores stay where they are.

    What it has no time for stays behind what it scored, in the order it had.
    """
    cross_encoder, ranking = scope.cross_encoder, scope.ranking
    first = scored.ranking.rows[: ranking.cross_encoder_top]
    if cross_encoder is None or not len(first):
        return scored
    with _timed("cross-encoder", [read.trace]):
        products = scope.snapshot.products.get_rows(first.tolist())
        given = cross_encoder.scores(read.understood.text, products, ranking.cross_encoder_ms)
    done = len(given)
    read.trace.plan["cross-encoder"] = (
        f"{cross_encoder.name}: {done} of the first {len(first)} products scored, with "
        f"{ranking.cross_encoder_ms} ms for it"
    )
    order = np.arange(len(scored.ranking))
    order[:done] = np.argsort(-given, kind="stable")
    return replace(
        scored,
        ranking=Candidates(scored.ranking.rows[order], scored.ranking.scores),
        features=None if scored.features is None else scored.features[order],
        crossed=dict(zip(first[:done].tolist(), given.tolist(), strict=True)),
    )


def _features(
    read: Read,
    scope: Scope,
    near: Nearest | None,
    lanes: Mapping[str, Candidates],
    joined: Candidates,
    matches: WordMatches,
    evidence: Mapping[str, FloatVector],
) -> FloatMatrix:
    """Return the (n, features) of candidates that the lanes put forward."""
    snapshot, words = scope.snapshot, read.understood.words
    forward = snapshot.forward
    if forward is None:
        raise ValueError("the generation has no forward index")
    rows, kinds = joined.rows, snapshot.kinds
    of_kinds = np.empty(0, np.float32)
    if kinds is not None and near is not None:
        of_kinds = kinds.similarities(near.vector)
    return features(
        Evidenced(
            rows=rows,
            lanes=lanes,
            joined=joined.scores,
            vectors=snapshot.vectors.vectors(rows),
            terms=forward.of(rows),
            words=words,
            rarity=snapshot.lexical.rarity(words),
            kinds=np.full(len(rows), -1, np.int32) if kinds is None else kinds.of(rows),
            kind_similarities=of_kinds,
            whole=np.isin(rows, matches.rows),
            evidence=evidence,
        )
    )


def learnable(
    queries: Sequence[Query], snapshot: Snapshot, ranking: Ranking, encode: Encode
) -> Iterator[tuple[RowArray, FloatVector, FloatMatrix]]:
    """Yield what a ranker is trained on: for each query the candidates, joined scores, features.

    Args:
        queries: what is asked in hybrid mode, with a text and without a filter.
        snapshot: the generation.
        ranking: how lanes are searched and joined.
        encode: n texts → (n, dim) query vectors.
    """
    scope = Scope(snapshot, ranking, None)
    read = [_read(query, scope, Trace()) for query in queries]
    for each, near in zip(read, _nearest(read, scope, encode), strict=True):
        lanes = _lanes(each, scope, near)
        plain = convex_combination(lanes, _weights(each, scope))
        evidence = _evidence(each, scope, plain.rows)
        joined = plain.raised(evidence.values())
        matches = _word_matches(each, scope, joined.rows)
        made = _features(each, scope, near, lanes, joined, matches, evidence)
        yield joined.rows, joined.scores, made


def _word_matches(read: Read, scope: Scope, candidates: RowArray) -> WordMatches:
    """Return which candidates match the words as a whole, and how many products do."""
    lexical = scope.snapshot.lexical
    if read.words is None:
        return WordMatches(NO_ROWS, 0)
    with _timed("matches", [read.trace]):
        query = read.query
        if scope.mask is None and scope.groups is None and not (query.sort or query.facets):
            return WordMatches(*lexical.matching_among(read.words, candidates))
        rows = scope.within(lexical.matching(read.words).rows)
        return WordMatches(rows, len(rows), rows)


def _drop_far(fused: Candidates, dense: Candidates, shown: RowArray, floor: float) -> Candidates:
    """Keep what is shown anyway, and what is near enough without that."""
    close = dense.rows[dense.scores >= floor]
    return fused.where(np.isin(fused.rows, np.concatenate([close, shown])))


def _coded_first(coded: RowArray, fused: Candidates, matches: WordMatches) -> Candidates:
    """Put products whose code words of the query make before others, as the words rank them.

    Of several with the same code, such as the colours of one model, those that match the words.
    """
    matching = coded[np.isin(coded, matches.rows)]
    if len(coded) > 1 and len(matching):
        coded = matching
    ranked = fused.rows[np.isin(fused.rows, coded)]
    return _put_first(np.concatenate([ranked, coded[~np.isin(coded, ranked)]]), fused)


def _put_first(codes: RowArray, fused: Candidates) -> Candidates:
    """Put products whose code was asked for before all others, one point above the best."""
    if not len(codes):
        return fused
    others = fused.where(~np.isin(fused.rows, codes))
    best = 1 + float(fused.scores.max(initial=0.0))
    scores = np.concatenate([np.full(len(codes), best, np.float32), others.scores])
    return Candidates(np.concatenate([codes, others.rows]), scores)


# -- pages ---------------------------------------------------------------------------------


def _page(read: Read, scope: Scope, fused: Candidates, matches: WordMatches) -> Ranked:
    """Cut the page out of the ranking."""
    query = read.query
    orders = scope.groups is not None or scope.steered.orders
    if query.sort is not None or query.facets or orders:
        return _page_of_all(read, scope, fused, matches)
    if query.mode == "dense":
        return Ranked(_cut(fused, query), scope.count(), read.trace)
    total = matches.total + int(np.count_nonzero(~np.isin(fused.rows, matches.rows)))
    if read.end > len(fused) and total > len(fused):
        fused = fused.followed_by(_all_matches(read, scope, matches))
    return Ranked(_cut(fused, query), total, read.trace)


def _page_of_all(read: Read, scope: Scope, fused: Candidates, matches: WordMatches) -> Ranked:
    """Make a page where every matching row has to be known."""
    query, columns = read.query, scope.snapshot.columns
    if query.mode == "dense":
        everything = fused.followed_by(np.flatnonzero(scope.passing()))
    else:
        everything = fused.followed_by(_all_matches(read, scope, matches))
    ordered = everything = _steered(everything, scope, read.exact)
    if query.sort is not None:
        rows = sort_rows(everything.rows, query.sort, columns)
        place = np.argsort(everything.rows)
        scores = everything.scores[place[np.searchsorted(everything.rows, rows, sorter=place)]]
        ordered = Candidates(rows, scores)
    matching = columns.mask(everything.rows) if query.facets else None
    return _grouped(Ranked(ordered, len(ordered), read.trace, matching), query, scope)


def _steered(everything: Candidates, scope: Scope, codes: int = 0) -> Candidates:
    """Let the rules of the shop's people order what was found, its first exact codes apart.

    What is pinned comes first, so that it stands for its group; `_grouped` puts it in its place.
    """
    if not scope.steered.orders:
        return everything
    return scope.steered.pins_first(scope.steered.ordered(everything, codes), scope.mask)


def _grouped(whole: Ranked, query: Query, scope: Scope) -> Ranked:
    """Cut the page out of all that was found, where groups count one hit of each."""
    groups, everything = scope.groups, whole.page
    first = everything if groups is None else groups.first(everything)
    if scope.steered.pins and query.sort is None:
        first = scope.steered.placed(first)
    if groups is None:
        return replace(whole, page=_cut(first, query))
    whole.trace.plan["variants"] = (
        f"one hit a group: {len(first):,} of {len(everything):,} products"
    )
    page = _cut(first, query)
    sizes = groups.sizes(everything.rows)[groups.numbers[page.rows]]
    variants = dict(zip(page.rows.tolist(), sizes.tolist(), strict=True))
    return replace(whole, page=page, total=len(first), variants=variants)


def _all_matches(read: Read, scope: Scope, matches: WordMatches) -> RowArray:
    """Return every row that the words match and the filter passes, best first."""
    if matches.all is not None or read.words is None:
        return NO_ROWS if matches.all is None else matches.all
    return scope.within(scope.snapshot.lexical.matching(read.words).rows)


def _browse(query: Query, scope: Scope, trace: Trace) -> Ranked:
    """List all that passes the filter, in the order of the catalog."""
    passing = scope.passing()
    rows = np.flatnonzero(passing)
    trace.plan["browse"] = "no query: everything that passes the filter"
    everything = _steered(Candidates(rows, np.zeros(len(rows), np.float32)), scope)
    if query.sort is not None:
        rows = sort_rows(everything.rows, query.sort, scope.snapshot.columns)
        everything = Candidates(rows, everything.scores)
    ranked = _grouped(Ranked(everything, len(everything), trace, passing), query, scope)
    if not (query.explain and scope.steered.rules):
        return ranked
    told = {row: scope.steered.told_of(row) for row in ranked.page.rows.tolist()}
    explanations = {row: Explanation({}, rules=rules) for row, rules in told.items()}
    return replace(ranked, explanations=explanations)


def _cut(ranking: Candidates, query: Query) -> Candidates:
    page = slice(query.offset, query.offset + query.k)
    return Candidates(ranking.rows[page], ranking.scores[page])


# -- explanations --------------------------------------------------------------------------


def _explain(
    rows: RowArray,
    lanes: Mapping[str, Candidates],
    codes: RowArray,
    joined: RowArray,
    evidence: Mapping[str, FloatVector],
    scored: Scored,
) -> dict[int, Explanation]:
    contributions = scored.contributions(rows)
    places = {row: place for place, row in enumerate(joined.tolist())}
    tables = {name: _lane_scores(lane) for name, lane in lanes.items()}
    return {
        row: Explanation(
            {name: table[row] for name, table in tables.items() if row in table},
            exact_code=row in codes,
            evidence={
                name: float(values[places[row]])
                for name, values in evidence.items()
                if row in places and values[places[row]]
            },
            features=contributions.get(row, {}),
            cross_encoder=scored.crossed.get(row),
        )
        for row in rows.tolist()
    }


def _lane_scores(lane: Candidates) -> dict[int, LaneScore]:
    own = Candidates.ordered(lane.own.rows, lane.own.scores)
    ranks = {row: rank for rank, row in enumerate(own.rows.tolist(), 1)}
    return {
        int(row): LaneScore(ranks.get(int(row)), float(score), float(scaled))
        for row, score, scaled in zip(lane.rows, lane.scores, lane.scaled, strict=True)
    }


@contextmanager
def _timed(stage: str, traces: Sequence[Trace]) -> Iterator[None]:
    """Note what a stage takes; what several queries share is divided among them."""
    begin = time.perf_counter()
    yield
    took = (time.perf_counter() - begin) * 1000
    for trace in traces:
        trace.took[stage] = took / len(traces)

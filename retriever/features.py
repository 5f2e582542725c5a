"""Plain features of candidates, which a learned ranker weighs.

Each is told by the lanes, by the vectors, by the terms of titles, categories and brands, or by a
stage of understanding. None is of one shop alone; scores are taken as shares of the best
as well, since what a score is worth depends on the query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..indexer.candidates import Candidates, FloatVector, RowArray
from ..indexer.forward import TermArray, TermsOf, term_digest
from ..indexer.lexical.query import Word

BoolArray = npt.NDArray[np.bool_]
FloatMatrix = npt.NDArray[np.float32]

EVIDENCE_FEATURES: tuple[str, ...] = ("quantities",)
"""Stages of understanding whose evidence is a feature; what others say is added to the score.

A stage is a feature where judgments have enough queries to learn its weight from.
"""

FEATURES: tuple[str, ...] = (
    "similarity",
    "similarity_share",
    "dense_rank",
    "bm25",
    "bm25_share",
    "bm25_of_possible",
    "lexical_rank",
    "joined",
    "like_the_first",
    "like_its_neighbours",
    "title_coverage",
    "head_coverage",
    "rarest_missing",
    "title_of_query",
    "adjacent",
    "first_place",
    "last_place",
    "title_bm25",
    "title_bm25_share",
    "title_terms",
    "category_coverage",
    "category_of_query",
    "category_of_first",
    "brand_asked",
    "kind_similarity",
    "kind_share",
    "kind_of_first",
    "terms_of_first",
    "heads_of_first",
    "matches_whole",
    "query_terms",
    "query_rarity",
    *EVIDENCE_FEATURES,
)
"""The names of the columns, in their order."""

_FIRST = 15  # candidates that stand for what is meant, as in pseudo-relevance feedback
_NEIGHBOURS = 8
_AMONG = 64  # the candidates among which neighbours are looked for
_SHARPNESS = 10.0
_K1, _B = 1.2, 0.75
_USUAL_TITLE = 10.0  # terms
_NOT_RANKED = 1000


@dataclass(frozen=True, slots=True)
class Evidenced:
    """What is known of candidates before features are made of it.

    Attributes:
        rows: (n,) the candidates.
        lanes: "dense" and "lexical" → what each put forward; all of `rows` are in "dense".
        joined: (n,) the score that joins the lanes.
        vectors: (n, dim) the candidates' own.
        terms: of the candidates.
        words: of the query.
        rarity: for each word, the weight that BM25 gives it.
        kinds: (n,) the number of each candidate's kind, -1 where it has none.
        kind_similarities: by number, how near the query is to each kind's name.
        whole: (n,) whether the candidate matches the words as a whole.
        evidence: by stage, (n,) what it says.
    """

    rows: RowArray
    lanes: Mapping[str, Candidates]
    joined: FloatVector
    vectors: FloatMatrix
    terms: TermsOf
    words: tuple[Word, ...]
    rarity: FloatVector
    kinds: npt.NDArray[np.int32]
    kind_similarities: FloatVector
    whole: BoolArray
    evidence: Mapping[str, FloatVector]


def features(of: Evidenced) -> FloatMatrix:
    """Return the (n, len(FEATURES)) float32 features of candidates, 0 where none is told."""
    order = np.argsort(-of.joined, kind="stable")
    found = {
        **_of_lanes(of),
        **_of_vectors(of, order),
        **_of_words(of),
        **_of_first(of, order),
        **_of_kinds(of, order),
        "joined": of.joined,
        "matches_whole": of.whole,
        "query_terms": np.full(len(of.rows), len(of.words)),
        "query_rarity": np.full(len(of.rows), of.rarity.mean() if len(of.rarity) else 0.0),
        **{name: of.evidence[name] for name in EVIDENCE_FEATURES if name in of.evidence},
    }
    made = np.zeros((len(of.rows), len(FEATURES)), np.float32)
    for name, values in found.items():
        made[:, FEATURES.index(name)] = values
    return made


def _of_lanes(of: Evidenced) -> dict[str, npt.NDArray[Any]]:
    similarity, _, dense_rank = _aligned(of.lanes["dense"], of.rows)
    bm25, share, lexical_rank = _aligned(of.lanes["lexical"], of.rows)
    possible = max(float(of.rarity.sum()) * (_K1 + 1), 1e-6)
    best = float(similarity.max(initial=0.0))
    return {
        "similarity": similarity,
        "similarity_share": similarity / max(best, 1e-6),
        "dense_rank": np.log1p(dense_rank),
        "bm25": bm25,
        "bm25_share": share,
        "bm25_of_possible": bm25 / possible,
        "lexical_rank": np.log1p(lexical_rank),
    }


def _aligned(lane: Candidates, rows: RowArray) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Return each row's score, share of the best score and rank in a lane."""
    order = np.argsort(lane.rows)
    known = lane.rows[order]
    place = np.minimum(np.searchsorted(known, rows), max(len(known) - 1, 0))
    inside = known[place] == rows if len(known) else np.zeros(len(rows), np.bool_)
    at = order[place] if len(known) else place
    zero = np.zeros(len(rows), np.float32)
    ranks = np.arange(len(lane), dtype=np.float32)
    ranks[len(lane) - lane.extra :] = _NOT_RANKED
    if not len(known):
        return zero, zero, zero + _NOT_RANKED
    score = np.where(inside, lane.scores[at], zero)
    share = np.where(inside, lane.scaled[at], zero)
    return score, share, np.where(inside, ranks[at], np.float32(_NOT_RANKED))


def _of_vectors(of: Evidenced, order: RowArray) -> dict[str, npt.NDArray[Any]]:
    """Tell how near candidates are to the first ones, and how good their neighbours are.

    The first is pseudo-relevance feedback by vectors (Rocchio 1971); the second holds that close
    documents tend to be relevant to the same queries (score regularization; Diaz 2005).
    """
    centred = of.vectors - of.vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    first = order[:_FIRST]
    weights = np.exp(_SHARPNESS * (of.joined[first] - of.joined[order[0]]))
    middle = weights @ centred[first]
    middle /= max(float(np.linalg.norm(middle)), 1e-6)
    among = order[:_AMONG]
    near = centred @ centred[among].T
    near[among, np.arange(len(among))] = -2.0  # none is its own neighbour
    count = min(_NEIGHBOURS, len(among) - 1)
    if count < 1:
        return {"like_the_first": centred @ middle, "like_its_neighbours": of.joined}
    nearest = np.argpartition(-near, count - 1, axis=1)[:, :count]
    return {
        "like_the_first": centred @ middle,
        "like_its_neighbours": of.joined[among][nearest].mean(axis=1),
    }


def _of_words(of: Evidenced) -> dict[str, npt.NDArray[Any]]:
    """Tell how titles, categories and brands say the words of the query."""
    n, (title, head) = len(of.rows), (of.terms.title, of.terms.head)
    length = np.count_nonzero(title, axis=1)
    usual = np.maximum(length, 1)
    if not of.words or not title.shape[1]:
        return {"title_terms": length}
    said = _said(title, of.words)  # (n, title's length, words)
    in_title = _any(said, 1)
    in_head = _any(said & (np.arange(title.shape[1]) < head[:, None])[:, :, None], 1)
    total = max(float(of.rarity.sum()), 1e-6)
    hits = _any(said, 2)
    found = _any(hits, 1)
    across = title.shape[1]
    counts = said.sum(axis=1)
    norm = _K1 * (1 - _B + _B * length[:, None] / _USUAL_TITLE)
    bm25 = (of.rarity * counts * (_K1 + 1) / (counts + norm)).sum(axis=1)
    category = _said(of.terms.category, of.words)
    brand = _said(of.terms.brand, of.words)
    categories = np.count_nonzero(of.terms.category, axis=1)
    pairs = said[:, :-1, :-1] & said[:, 1:, 1:]
    return {
        "title_coverage": in_title @ of.rarity / total,
        "head_coverage": in_head @ of.rarity / total,
        "rarest_missing": np.where(in_title, 0, of.rarity).max(axis=1),
        "title_of_query": hits.sum(axis=1) / usual,
        "adjacent": _any(pairs, 1).sum(axis=1) / max(len(of.words) - 1, 1),
        "first_place": np.where(found, hits.argmax(axis=1), across) / usual,
        "last_place": np.where(found, across - 1 - hits[:, ::-1].argmax(axis=1), across) / usual,
        "title_bm25": bm25,
        "title_bm25_share": bm25 / max(float(bm25.max(initial=0)), 1e-6),
        "title_terms": length,
        "category_coverage": _any(category, 1) @ of.rarity / total,
        "category_of_query": np.count_nonzero(_any(category, 2), axis=1)
        / np.maximum(categories, 1),
        "brand_asked": _any(brand.reshape(n, -1), 1),
    }


def _any(truths: BoolArray, axis: int) -> BoolArray:
    made: BoolArray = np.any(truths, axis=axis)
    return made


def _said(terms: TermArray, words: tuple[Word, ...]) -> BoolArray:
    """Return (n, terms, words): whether a form of the word begins at a term."""
    said = np.zeros((*terms.shape, len(words)), np.bool_)
    for place, word in enumerate(words):
        for form in word.forms:
            first, *others = (terms == np.uint32(term_digest(term)) for term in form.terms)
            for distance, other in enumerate(others, 1):
                first[:, :-distance] &= other[:, distance:]
                first[:, -distance:] = False
            said[:, :, place] |= first
    return said


def _of_first(of: Evidenced, order: RowArray) -> dict[str, npt.NDArray[Any]]:
    """Tell how much the titles and categories are those of the first candidates.

    The terms of the first are a model of what is meant (relevance models; Lavrenko & Croft 2001); a
    term counts as much as it is rare among the candidates.
    """
    title = of.terms.title
    unique, place = np.unique(title, return_inverse=True)
    place = place.reshape(title.shape)
    there = title != 0
    first = order[:_FIRST]
    weights = np.exp(_SHARPNESS * (of.joined[first] - of.joined[order[0]]))
    weights /= weights.sum()
    have = np.bincount(place[there], minlength=len(unique))
    rare = np.log(1 + len(title) / np.maximum(have, 1))
    weighed = np.broadcast_to(weights[:, None], title[first].shape)
    meant = np.bincount(place[first][there[first]], weighed[there[first]], minlength=len(unique))
    in_head = there & (np.arange(title.shape[1]) < of.terms.head[:, None])
    meant_head = np.bincount(
        place[first][in_head[first]], weighed[in_head[first]], minlength=len(unique)
    )
    length = np.sqrt(np.where(there, rare[place] ** 2, 0).sum(axis=1))
    score = np.where(there, (meant * rare**2)[place], 0).sum(axis=1) / np.maximum(length, 1e-6)
    heads = np.where(in_head, meant_head[place], 0).sum(axis=1) / np.maximum(of.terms.head, 1)
    return {
        "terms_of_first": score / max(float(np.sqrt(((meant * rare) ** 2).sum())), 1e-6),
        "heads_of_first": heads,
        "category_of_first": _same_category(of.terms.category, first, weights),
    }


def _of_kinds(of: Evidenced, order: RowArray) -> dict[str, npt.NDArray[Any]]:
    """Tell how near the query is to the kind, and which kinds the first candidates are of.

    A candidate without a kind has its own similarity to the query for that of its kind.
    """
    known = of.kinds >= 0
    own = of.lanes["dense"]
    near = _aligned(own, of.rows)[0]
    if known.any():
        near = np.where(known, of.kind_similarities[of.kinds], near)
    first = order[:_FIRST]
    weights = np.exp(_SHARPNESS * (of.joined[first] - of.joined[order[0]]))
    weights /= weights.sum()
    same = (of.kinds[:, None] == of.kinds[first]) & known[:, None]
    return {
        "kind_similarity": near,
        "kind_share": near / max(float(of.kind_similarities.max(initial=0.0)), 0.05),
        "kind_of_first": same @ weights,
    }


def _same_category(category: TermArray, first: RowArray, weights: FloatVector) -> FloatVector:
    """Return the share of the first candidates' weight that stands in the same category."""
    if not category.shape[1]:
        return np.zeros(len(category), np.float32)
    folded = (
        category.astype(np.uint64) * np.arange(1, category.shape[1] + 1, dtype=np.uint64)
    ).sum(axis=1)
    same = (folded[:, None] == folded[first]) & (folded != 0)[:, None]
    share: FloatVector = (same @ weights).astype(np.float32)
    return share

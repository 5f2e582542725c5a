"""From a query to ranked rows of one generation.

Each lane puts candidates forward; they are fused and, where no keyword and no close neighbour
speaks for one, dropped. The ranking goes on after the candidates with every other product that
matches the words, in keyword order, so that pages are stable and the total is exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..encoder.base import FloatArray
from ..indexer.settings import Ranking
from ..indexer.snapshot import Snapshot
from .filters.rows import fields_without_values, passing_rows
from .fusion import Fused, Lane, convex_combination
from .query import Query
from .results import Explanation, LaneScore
from .sorting import sort_rows

RowArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatVector = npt.NDArray[np.float32]

_NO_ROWS = np.empty(0, np.int64)


@dataclass(slots=True)
class Ranked:
    """The rows of a page, and what was found on the way.

    Attributes:
        rows: (n,) the page, best first.
        scores: (n,) their scores.
        total: rows that pass the filter and match.
        matching: mask of all those rows; filled where facets or sorting need it.
        took: milliseconds by stage.
        plan: what was done, in words.
        explanations: by row, where asked for.
    """

    rows: RowArray
    scores: FloatVector
    total: int
    matching: BoolArray | None = None
    took: dict[str, float] = field(default_factory=dict)
    plan: dict[str, str] = field(default_factory=dict)
    explanations: dict[int, Explanation] = field(default_factory=dict)


def rank(
    query: Query,
    snapshot: Snapshot,
    ranking: Ranking,
    encode: Callable[[str], FloatArray],
) -> Ranked:
    """Rank the products of a generation for a query.

    Args:
        query: what is asked.
        snapshot: the generation.
        ranking: how lanes are searched and joined.
        encode: text → (1, dim) query vector; called in hybrid and dense mode only.
    """
    return _Ranker(query, snapshot, ranking, encode).rank()


class _Ranker:
    def __init__(
        self,
        query: Query,
        snapshot: Snapshot,
        ranking: Ranking,
        encode: Callable[[str], FloatArray],
    ) -> None:
        self.query = query
        self.snapshot = snapshot
        self.ranking = ranking
        self.encode = encode
        self.took: dict[str, float] = {}
        self.plan: dict[str, str] = {}

    def rank(self) -> Ranked:
        self._filter()
        if not self.query.text:
            return self._browse()
        codes = self._codes()
        lanes = self._lanes(codes)
        fused = convex_combination(lanes, self._weights())
        if self.query.mode == "hybrid":
            fused = self._drop_far(fused, lanes["dense"])
        fused = _put_first(codes, fused)
        page = self._page(fused)
        if self.query.explain:
            self._explain(page, lanes, codes)
        return page

    # -- lanes -----------------------------------------------------------------------------

    def _filter(self) -> None:
        self.mask: BoolArray | None = None
        if self.query.where is None:
            return
        begin = time.perf_counter()
        self.mask = passing_rows(self.query.where, self.snapshot.columns)
        self._note_time("filter", begin)
        passing = int(np.count_nonzero(self.mask))
        self.plan["filter"] = f"{passing:,} of {self.snapshot.manifest.products:,} products pass"
        if not passing:
            empty = fields_without_values(self.query.where, self.snapshot.columns)
            self.plan["filter"] += f"; no product has {' or '.join(empty)}" if empty else ""

    def _codes(self) -> RowArray:
        rows = self.snapshot.lexical.find_code(self.query.text)
        return rows if self.mask is None else rows[self._passes(rows)]

    def _lanes(self, codes: RowArray) -> Mapping[str, Lane]:
        """Search the lanes; in hybrid mode each row gets its true similarity."""
        lanes = {}
        depth = self.ranking.candidates
        if self.query.mode != "hybrid":
            depth = max(depth, self.query.offset + self.query.k)
        if self.query.mode != "dense":
            lanes["lexical"] = self._lexical_lane(depth)
        if self.query.mode != "lexical":
            lanes["dense"] = self._dense_lane(depth, codes, lanes.get("lexical"))
        return lanes

    def _lexical_lane(self, depth: int) -> Lane:
        begin = time.perf_counter()
        found = self.snapshot.lexical.search(
            self.query.text,
            depth,
            self.ranking.boosts,
            rows=self.mask,
            prefix=self.query.prefix,
        )
        self._note_time("lexical", begin)
        self.plan["lexical"] = f"BM25 over title and {len(self.ranking.boosts) - 1} more fields"
        return Lane(found.rows, found.scores, len(found))

    def _dense_lane(self, depth: int, codes: RowArray, lexical: Lane | None) -> Lane:
        begin = time.perf_counter()
        vector = self._query_vector(codes)
        self._note_time("encode", begin)
        begin = time.perf_counter()
        vectors = self.snapshot.vectors
        rows, scores = self._neighbors(vector, depth)
        found = len(rows)
        self._nearest = self._nearest_of_all(vector, scores) if lexical is not None else 0.0
        if lexical is not None:
            others = np.setdiff1d(lexical.rows, rows)
            if len(others):
                rows = np.concatenate([rows, others])
                scores = np.concatenate([scores, vectors.vectors(others) @ vector[0]])
        self._note_time("dense", begin)
        return Lane(rows, scores.astype(np.float32), found)

    def _query_vector(self, codes: RowArray) -> FloatArray:
        """Return the (1, dim) vector whose neighbours are wanted.

        Of a code an encoder knows only how it is spelled. The product that has it stands for it,
        so that what comes after that product is like it.
        """
        if not len(codes):
            return self.encode(self._respelled())
        self.plan["code"] = f"{len(codes)} with exactly this code; what follows is near to that"
        vectors = self.snapshot.vectors.vectors(codes)
        vector: FloatArray = vectors.mean(axis=0, keepdims=True, dtype=np.float32)
        cosine = self.snapshot.manifest.encoder["similarity"] == "cosine"
        if cosine:
            vector /= max(float(np.linalg.norm(vector)), 1e-12)
        return vector

    def _respelled(self) -> str:
        """Return the query with misspelt words put right: an encoder makes little of them."""
        text = self.query.text
        if self.query.mode == "dense":
            return text
        respelled = self.snapshot.lexical.respelled(text, prefix=self.query.prefix)
        if respelled != text:
            self.plan["spelling"] = f"read as {respelled[:200]!r}"
        return respelled

    def _nearest_of_all(self, vector: FloatArray, scores: FloatVector) -> float:
        """Return the similarity of the product that would be nearest without the filter.

        Nearness is measured by it, so that a filter takes products away and never adds any.
        """
        if self.mask is not None:
            scores = self.snapshot.vectors.search(vector, 1).scores[0]
        return float(scores[0]) if len(scores) else 0.0

    def _neighbors(self, vector: FloatArray, depth: int) -> tuple[RowArray, FloatVector]:
        """Return the nearest rows; where dense pages end among equal scores, all of those."""
        end = self.query.offset + self.query.k
        while True:
            found = self.snapshot.vectors.search(vector, depth, self.mask)
            there = found.rows[0] >= 0
            rows, scores = found.rows[0][there], found.scores[0][there]
            self.plan["dense"] = found.plan
            cut_among_equals = len(rows) == depth and scores[-1] == scores[min(end, depth) - 1]
            if self.query.mode != "dense" or not cut_among_equals:
                return rows, scores
            depth *= 2

    def _weights(self) -> Mapping[str, float]:
        if self.query.mode != "hybrid":
            return {self.query.mode: 1.0}
        weight = self.ranking.dense_weight
        self.plan["fusion"] = f"{weight:g} x dense + {1 - weight:g} x lexical, each by its best"
        return {"dense": weight, "lexical": 1 - weight}

    def _drop_far(self, fused: Fused, dense: Lane) -> Fused:
        """Keep what the words match as a whole, and what is near enough without them."""
        floor = self.ranking.dense_floor * max(self._nearest, 0.0)
        near = dense.rows[dense.scores >= floor]
        kept = np.isin(fused.rows, np.union1d(near, self._word_matches_among(fused.rows)))
        return Fused(fused.rows[kept], fused.scores[kept])

    # -- what matches the words as a whole -------------------------------------------------

    def _word_matches_among(self, rows: RowArray) -> RowArray:
        found = self.snapshot.lexical.matching(
            self.query.text,
            self.ranking.boosts,
            among=rows.tolist(),
            prefix=self.query.prefix,
        )
        return found.rows

    @cached_property
    def _word_matches(self) -> RowArray:
        """Return every row that the words match and the filter passes, best first."""
        found = self.snapshot.lexical.matching(
            self.query.text, self.ranking.boosts, prefix=self.query.prefix
        )
        return found.rows if self.mask is None else found.rows[self._passes(found.rows)]

    def _count_word_matches(self) -> int:
        if self.mask is not None:
            return len(self._word_matches)
        return self.snapshot.lexical.count_matching(
            self.query.text, self.ranking.boosts, prefix=self.query.prefix
        )

    # -- pages -----------------------------------------------------------------------------

    def _page(self, fused: Fused) -> Ranked:
        begin, end = self.query.offset, self.query.offset + self.query.k
        if self.query.sort is not None or self.query.facets:
            return self._page_of_all(fused)
        if self.query.mode == "dense":
            total = self._count_passing()
            return self._ranked(fused.rows[begin:end], fused.scores[begin:end], total)
        among = len(self._word_matches_among(fused.rows))
        total = len(fused.rows) + self._count_word_matches() - among
        if end > len(fused.rows) and total > len(fused.rows):
            fused = self._with_tail(fused)
        return self._ranked(fused.rows[begin:end], fused.scores[begin:end], total)

    def _page_of_all(self, fused: Fused) -> Ranked:
        """Make a page where every matching row has to be known."""
        begin, end = self.query.offset, self.query.offset + self.query.k
        if self.query.mode == "dense":
            rest = np.flatnonzero(self._passing())
            fused = _append(fused, rest[~np.isin(rest, fused.rows)])
        else:
            fused = self._with_tail(fused)
        matching = self.snapshot.columns.mask(fused.rows)
        if self.query.sort is not None:
            rows = sort_rows(fused.rows, self.query.sort, self.snapshot.columns)
            scores = dict(zip(fused.rows.tolist(), fused.scores.tolist(), strict=True))
            page = rows[begin:end]
            page_scores = np.array([scores[row] for row in page.tolist()], np.float32)
        else:
            page, page_scores = fused.rows[begin:end], fused.scores[begin:end]
        return self._ranked(page, page_scores, len(fused.rows), matching)

    def _with_tail(self, fused: Fused) -> Fused:
        matches = self._word_matches
        return _append(fused, matches[~np.isin(matches, fused.rows)])

    def _browse(self) -> Ranked:
        """List all that passes the filter, in the order of the catalog."""
        passing = self._passing()
        rows = np.flatnonzero(passing)
        if self.query.sort is not None:
            rows = sort_rows(rows, self.query.sort, self.snapshot.columns)
        page = rows[self.query.offset : self.query.offset + self.query.k]
        self.plan["browse"] = "no query: everything that passes the filter"
        return self._ranked(page, np.zeros(len(page), np.float32), len(rows), passing)

    def _passing(self) -> BoolArray:
        columns = self.snapshot.columns
        return columns.mask(columns.live_rows) if self.mask is None else self.mask

    def _count_passing(self) -> int:
        if self.mask is None:
            return self.snapshot.manifest.products
        return int(np.count_nonzero(self.mask))

    def _passes(self, rows: RowArray) -> BoolArray:
        """Return for each row whether the filter lets it pass."""
        mask = self._passing()
        inside = rows < len(mask)
        passes = np.zeros(len(rows), np.bool_)
        passes[inside] = mask[rows[inside]]
        return passes

    def _ranked(
        self, rows: RowArray, scores: FloatVector, total: int, matching: BoolArray | None = None
    ) -> Ranked:
        return Ranked(rows, scores, total, matching, self.took, self.plan)

    # -- explanations ----------------------------------------------------------------------

    def _explain(self, page: Ranked, lanes: Mapping[str, Lane], codes: RowArray) -> None:
        tables = {name: _lane_scores(lane) for name, lane in lanes.items()}
        for row in page.rows.tolist():
            scores = {name: table[row] for name, table in tables.items() if row in table}
            page.explanations[row] = Explanation(scores, exact_code=row in codes)

    def _note_time(self, stage: str, begin: float) -> None:
        self.took[stage] = (time.perf_counter() - begin) * 1000


def _put_first(codes: RowArray, fused: Fused) -> Fused:
    """Put products whose code was asked for before all others, one point above the best."""
    if not len(codes):
        return fused
    others = ~np.isin(fused.rows, codes)
    best = 1 + float(fused.scores.max(initial=0.0))
    return Fused(
        np.concatenate([codes, fused.rows[others]]),
        np.concatenate([np.full(len(codes), best, np.float32), fused.scores[others]]),
    )


def _append(fused: Fused, rows: RowArray) -> Fused:
    return Fused(
        np.concatenate([fused.rows, rows]),
        np.concatenate([fused.scores, np.zeros(len(rows), np.float32)]),
    )


def _lane_scores(lane: Lane) -> dict[int, LaneScore]:
    order = np.lexsort((lane.rows[: lane.found], -lane.scores[: lane.found]))
    ranks = {int(lane.rows[place]): rank for rank, place in enumerate(order, 1)}
    return {
        int(row): LaneScore(ranks.get(int(row)), float(score), float(scaled))
        for row, score, scaled in zip(lane.rows, lane.scores, lane.scaled, strict=True)
    }

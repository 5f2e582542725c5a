"""Tune BM25 on judged queries without flattering it.

Each query is ranked by settings that were chosen on the other folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as pairs

import numpy as np
import numpy.typing as npt

from ..qrels import Qrels
from ..run import Run
from .bm25 import Bm25Fields, Bm25Settings, Bm25System

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

K1 = (0.4, 0.8, 1.2, 2.0)
B = (0.0, 0.4, 0.75)
BOOSTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
CUTOFF = 10
# Tuning costs a scan of the catalog for each query and setting.
LARGEST_SAMPLE = 300


@dataclass(frozen=True)
class TunedBm25:
    """Ranks by tuned BM25; a query that took part in the tuning by its held-out settings.

    Attributes:
        system: with the settings that all tuning queries together chose, for any other query.
        held_out: query id -> the settings chosen without that query's fold.

    """

    fields: Bm25Fields
    settings: Bm25Settings
    held_out: Mapping[str, Bm25Settings]
    name: str = "bm25 tuned"

    def rank(self, queries: Mapping[str, str], k: int) -> Run:
        """Rank each query by the settings that never saw it."""
        rankings: dict[str, Sequence[str]] = {}
        scores: dict[str, Sequence[float]] = {}
        for query, text in queries.items():
            system = Bm25System(self.fields, self.held_out.get(query, self.settings))
            run = system.rank({query: text}, k)
            rankings |= run.rankings
            scores |= run.scores
        return Run(self.name, rankings, scores)


def tune_bm25(
    fields: Bm25Fields, qrels: Qrels, *, folds: int = 5, depth: int = 200, seed: int = 0
) -> TunedBm25:
    """Choose k1, b and field boosts by cross-validation over the judged queries.

    The aim is the mean nDCG@10 of the folds left in; boosts are found by coordinate ascent from
    the title alone and from all fields in one.

    Args:
        fields: the shop's words.
        qrels: the dev queries; with fewer than two per fold there are fewer folds. Of more than
            300 a sample is taken, and the settings it chooses never saw the others.
        folds: how many parts the queries are cut into.
        depth: candidates taken from each field and query while tuning.
        seed: of the cut into folds.

    """
    queries = _sample([query for query in qrels.grades if qrels.relevant(query)], seed)
    asked = Bm25Fields(fields.catalog, [qrels.text(query) for query in queries])
    grids = [_Grid.build(asked, qrels, queries, k1, b, depth) for k1, b in pairs(K1, B)]
    everything = np.arange(len(queries))
    best = _choose(grids, everything)
    order = np.random.default_rng(seed).permutation(len(queries))
    held_out: dict[str, Bm25Settings] = {}
    for fold in np.array_split(order, max(1, min(folds, len(queries) // 2))):
        rest = np.setdiff1d(everything, fold)
        settings = _choose(grids, rest) if len(rest) else Bm25Settings()
        held_out |= {queries[row]: settings for row in fold}
    return TunedBm25(fields, best, held_out)


def _sample(queries: list[str], seed: int) -> list[str]:
    if len(queries) <= LARGEST_SAMPLE:
        return queries
    rows = np.random.default_rng(seed).choice(len(queries), LARGEST_SAMPLE, replace=False)
    return [queries[row] for row in sorted(rows)]


def _choose(grids: Sequence[_Grid], rows: npt.NDArray[np.intp]) -> Bm25Settings:
    """Return the settings with the best mean over the queries `rows`."""
    if not len(rows):
        return Bm25Settings()
    found = [(*grid.climb(rows), grid) for grid in grids]
    _, boosts, grid = max(found, key=lambda entry: entry[0])
    return Bm25Settings(grid.k1, grid.b, dict(zip(grid.names, boosts, strict=True)))


@dataclass(frozen=True)
class _Grid:
    """Each field's scores of the candidates of each query, for one k1 and b.

    Attributes:
        features: (queries, candidates, fields); a place without a candidate holds zeros.
        gains: (queries, candidates).
        ideal: (queries,), the DCG of the best possible ranking.
        seen: boosts -> nDCG of every query.

    """

    k1: float
    b: float
    names: tuple[str, ...]
    features: Floats
    gains: Doubles
    ideal: Doubles
    seen: dict[tuple[float, ...], Doubles]

    @classmethod
    def build(
        cls,
        fields: Bm25Fields,
        qrels: Qrels,
        queries: Sequence[str],
        k1: float,
        b: float,
        depth: int,
    ) -> _Grid:
        """Score the candidates: the `depth` best of each field."""
        names = fields.catalog.fields
        parts, gains = [], []
        for query in queries:
            scores = np.stack(
                [fields.field_scores(qrels.text(query), name, k1, b) for name in names]
            )
            rows = _candidates(scores, depth)
            parts.append(scores[:, rows].T)
            judged = qrels.grades[query]
            ids = (fields.catalog.product_ids[row] for row in rows)
            gains.append([qrels.gain(judged.get(product, 0)) for product in ids])
        return cls(k1, b, names, _padded(parts), _padded_rows(gains), _ideal(qrels, queries), {})

    def climb(self, rows: npt.NDArray[np.intp]) -> tuple[float, tuple[float, ...]]:
        """Return the best mean nDCG over the queries `rows`, and the boosts that reach it."""
        return max(self._climb_from(start, rows) for start in self._starts())

    def _starts(self) -> Iterator[tuple[float, ...]]:
        for start in ("title", "all"):
            if start in self.names:
                yield tuple(float(name == start) for name in self.names)

    def _climb_from(
        self, start: tuple[float, ...], rows: npt.NDArray[np.intp]
    ) -> tuple[float, tuple[float, ...]]:
        best = (float(self.ndcg(start)[rows].mean()), start)
        while True:
            before = best
            for place, boost in pairs(range(len(self.names)), BOOSTS):
                boosts = (*best[1][:place], boost, *best[1][place + 1 :])
                value = float(self.ndcg(boosts)[rows].mean())
                if value > best[0] + 1e-9:
                    best = (value, boosts)
            if best == before:
                return best

    def ndcg(self, boosts: tuple[float, ...]) -> Doubles:
        """Return nDCG@10 of every query, (queries,)."""
        if boosts not in self.seen:
            scores = self.features @ np.asarray(boosts, dtype=np.float32)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
            shown = np.take_along_axis(scores, order, axis=1) > 0
            gains = np.take_along_axis(self.gains, order, axis=1) * shown
            self.seen[boosts] = (gains @ _discounts(gains.shape[1])) / self.ideal
        return self.seen[boosts]


def _candidates(scores: Floats, depth: int) -> npt.NDArray[np.intp]:
    """Return the rows that stand among the `depth` best of any field, (candidates,), sorted."""
    depth = min(depth, scores.shape[1])
    best = [np.argpartition(-row, depth - 1)[:depth] for row in scores]
    rows: npt.NDArray[np.intp] = np.unique(np.concatenate(best))
    found: npt.NDArray[np.intp] = rows[scores[:, rows].max(axis=0) > 0]
    return found


def _padded(parts: Sequence[Floats]) -> Floats:
    widest = max((len(part) for part in parts), default=0)
    fields = parts[0].shape[1] if parts else 0
    whole = np.zeros((len(parts), max(widest, 1), fields), dtype=np.float32)
    for row, part in enumerate(parts):
        whole[row, : len(part)] = part
    return whole


def _padded_rows(gains: Sequence[Sequence[float]]) -> Doubles:
    widest = max((len(row) for row in gains), default=0)
    whole = np.zeros((len(gains), max(widest, 1)))
    for number, row in enumerate(gains):
        whole[number, : len(row)] = row
    return whole


def _ideal(qrels: Qrels, queries: Sequence[str]) -> Doubles:
    best = []
    for query in queries:
        gains = sorted((qrels.gain(g) for g in qrels.grades[query].values()), reverse=True)
        top = np.asarray(gains[:CUTOFF])
        best.append(float(top @ _discounts(len(top))))
    return np.asarray(best)


def _discounts(count: int) -> Doubles:
    return 1.0 / np.log2(np.arange(2, count + 2))

"""Tune a shop's ranking to its own judgments, and keep only what wins beyond doubt.

Three things are learned, one on top of the other: the weights of fields in keyword search, the
share of the dense lane, and the ranker. Each is chosen by cross-validation over queries, and kept
where the paired test on nDCG@10 says that it is better on queries that it was not chosen on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..indexer.settings import Ranking
from ..indexer.shop import Shop
from ..retriever.features import FEATURES
from ..retriever.ranker import About, Ranker, write_ranker
from .compare import Comparison
from .evaluation import Evaluation, evaluate
from .learn_ranker import HeldOut, Lesson, cross_validate, learn_ranker, read_lessons
from .measures import condensed, nDCG
from .qrels import Qrels
from .run import Run

if TYPE_CHECKING:
    from ..retriever.retriever import ECommRetriever

Doubles = npt.NDArray[np.float64]
Tell = Callable[[str], None]

BOOSTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""What the weight of a field is multiplied with."""

DENSE_WEIGHTS = tuple(round(0.05 * step, 2) for step in range(6, 20))
LEAST_QUERIES = 20
_FOLDS = 5
_DEPTH = 10
_CHOOSING = nDCG @ 10
"""By what settings are chosen and kept."""


@dataclass(frozen=True)
class Step:
    """One thing that was tuned.

    Attributes:
        name: "fields", "fusion" or "ranker".
        evaluation: as it was ("before") and as it would be ("after"), each query by what was chosen
            without it.
        chosen: what all queries together chose, in words.
    """

    name: str
    evaluation: Evaluation
    chosen: str

    @property
    def comparison(self) -> Comparison:
        """Return how the two compare."""
        found = self.evaluation.comparison()
        if found is None:
            raise InputError("no judged query has a right product; nothing can be compared")
        return found

    @property
    def adopted(self) -> bool:
        """Tell whether it is better beyond doubt."""
        return self.comparison.verdict == "better"


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        steps: in their order.
        ranking: the settings, with what was adopted.
        ranker: what is known of the ranker and its trees, where it was adopted.
        importance: by feature, its share of what the trees gained by splitting.
    """

    steps: Sequence[Step]
    ranking: Ranking
    ranker: tuple[About, str] | None
    importance: Mapping[str, float] = field(default_factory=dict)


def tune(
    shop: ECommRetriever, qrels: Qrels, *, seed: int = 0, tell: Tell = lambda stage: None
) -> Tuned:
    """Learn how to rank from judgments; nothing is written.

    Args:
        shop: an open shop.
        qrels: rated by people or a model, or made of clicks (`dsv3 eval clicks judge`).
        seed: of the cut into folds.
        tell: called with what is done next.

    Raises:
        InputError: too few queries have a right product.
        MissingExtra: LightGBM is not installed.
    """
    useful = [query for query in qrels.grades if qrels.relevant(query)]
    if len(useful) < LEAST_QUERIES:
        raise InputError(
            f"{len(useful)} judged queries have a right product; {LEAST_QUERIES} are needed to "
            "tell chance from gain; rate more with: dsv3 eval pool"
        )
    before = shop.settings.ranking
    tell("fields of keyword search")
    fields, boosts = _tune_fields(shop, qrels, useful, seed)
    ranking = replace(before, boosts=boosts) if fields.adopted else before
    tell("candidates")
    lessons = list(read_lessons(shop, qrels, ranking=ranking))
    tell("share of the dense lane")
    fusion, weight = _tune_fusion(qrels, lessons, ranking, seed)
    if fusion.adopted:
        ranking = replace(ranking, dense_weight=weight)
        lessons = list(read_lessons(shop, qrels, ranking=ranking))
    tell("ranker")
    encoder = shop.snapshot().manifest.encoder["name"]
    held_out = cross_validate(lessons, seed=seed)
    fits = shop.ranker.about.encoder == encoder
    step = _judge_ranker(qrels, lessons, held_out, shop.ranker if fits else None)
    figures = {"nDCG@10 on queries not seen": step.evaluation.mean(str(_CHOOSING), "after")}
    made = learn_ranker(
        lessons, held_out, encoder=encoder, trained_on=qrels.source, figures=figures
    )
    step = replace(step, chosen=f"{len(lessons):,} queries")
    return Tuned(
        (fields, fusion, step), ranking, made if step.adopted else None, importance(made[1])
    )


def importance(trees: str) -> dict[str, float]:
    """Return by feature its share of the gain of all splits, the largest first."""
    import lightgbm

    gains = lightgbm.Booster(model_str=trees).feature_importance("gain")
    total = max(float(gains.sum()), 1e-9)
    shares = zip(FEATURES, (gains / total).tolist(), strict=True)
    return dict(sorted(shares, key=lambda pair: -pair[1]))


def _tune_fields(
    shop: ECommRetriever, qrels: Qrels, queries: Sequence[str], seed: int
) -> tuple[Step, Mapping[str, float]]:
    """Choose field weights by coordinate ascent from the shop's own."""
    snapshot, names = shop.snapshot(), list(shop.settings.ranking.boosts)
    seen: dict[tuple[float, ...], dict[str, list[str]]] = {}
    own = tuple(float(weight) for weight in shop.settings.ranking.boosts.values())

    def ranked(boosts: tuple[float, ...]) -> dict[str, list[str]]:
        if boosts not in seen:
            weights = dict(zip(names, boosts, strict=True))
            found = {}
            for query in queries:
                text = snapshot.lexical.spelling_corrected(qrels.text(query))
                rows = snapshot.lexical.search(snapshot.lexical.read(text, weights), _DEPTH).rows
                products = snapshot.products.get_rows(rows.tolist())
                found[query] = [each.product_id for each in products if each is not None]
            seen[boosts] = found
        return seen[boosts]

    values: dict[tuple[float, ...], Doubles] = {}

    def value(boosts: tuple[float, ...]) -> Doubles:
        if boosts not in values:
            values[boosts] = _ndcg(qrels, queries, ranked(boosts))
        return values[boosts]

    def climb(places: npt.NDArray[np.intp]) -> tuple[float, ...]:
        best = own
        while True:
            tried = [
                (*best[:place], own[place] * factor, *best[place + 1 :])
                for place in range(len(own))
                for factor in BOOSTS
            ]
            better = max(tried, key=lambda each: float(value(each)[places].mean()))
            if value(better)[places].mean() <= value(best)[places].mean() + 1e-9:
                return best
            best = better

    after: dict[str, list[str]] = {}
    for known, unseen in _folds(len(queries), seed):
        chosen = climb(known)
        after |= {queries[place]: ranked(chosen)[queries[place]] for place in unseen}
    everything = climb(np.arange(len(queries)))
    boosts = dict(zip(names, everything, strict=True))
    told = ", ".join(f"{name} {weight:g}" for name, weight in boosts.items())
    return Step("fields", _compared(qrels, ranked(own), after), told), boosts


def _tune_fusion(
    qrels: Qrels, lessons: Sequence[Lesson], ranking: Ranking, seed: int
) -> tuple[Step, float]:
    """Choose the dense lane's share from what both lanes say of the candidates."""
    lessons = [each for each in lessons if qrels.relevant(each.query)]
    queries = [each.query for each in lessons]
    dense, lexical = FEATURES.index("similarity_share"), FEATURES.index("bm25_share")

    def ranked(weight: float) -> dict[str, list[str]]:
        return {
            each.query: each.ranked(
                weight * np.maximum(each.features[:, dense], 0)
                + (1 - weight) * each.features[:, lexical]
            )[:_DEPTH]
            for each in lessons
        }

    tables = {weight: ranked(weight) for weight in {*DENSE_WEIGHTS, ranking.dense_weight}}
    values = {weight: _ndcg(qrels, queries, table) for weight, table in tables.items()}

    def best(places: npt.NDArray[np.intp]) -> float:
        return max(tables, key=lambda weight: float(values[weight][places].mean()))

    after: dict[str, list[str]] = {}
    for known, unseen in _folds(len(queries), seed):
        chosen = tables[best(known)]
        after |= {queries[place]: chosen[queries[place]] for place in unseen}
    weight = best(np.arange(len(queries)))
    before = tables[ranking.dense_weight]
    return Step("fusion", _compared(qrels, before, after), f"dense {weight:g}"), weight


def _judge_ranker(
    qrels: Qrels, lessons: Sequence[Lesson], held_out: HeldOut, present: Ranker | None
) -> Step:
    """Compare a ranker's rankings of queries it has not seen with those of the present one."""
    after = {each.query: each.ranked(held_out.trees[each.query]) for each in lessons}
    before = {
        each.query: each.ranked(each.joined if present is None else present.scores(each.features))
        for each in lessons
    }
    return Step("ranker", _compared(qrels, before, after), "")


def _compared(
    qrels: Qrels, before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]
) -> Evaluation:
    runs = [Run("before", before), Run("after", after)]
    return evaluate(qrels, runs, measures=(_CHOOSING, condensed(_CHOOSING)), baseline="before")


def _folds(count: int, seed: int) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return (known, unseen) places of each fold."""
    order = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(order, max(2, min(_FOLDS, count)))
    return [(np.setdiff1d(order, part), part) for part in parts]


def _ndcg(qrels: Qrels, queries: Sequence[str], ranked: Mapping[str, Sequence[str]]) -> Doubles:
    """Return nDCG@10 of each query, (queries,)."""
    discounts = 1 / np.log2(np.arange(2, _DEPTH + 2))
    found = []
    for query in queries:
        judged = qrels.grades[query]
        gains = [max(qrels.gain(judged.get(each, 0)), 0) for each in ranked[query][:_DEPTH]]
        ideal = sorted((qrels.gain(grade) for grade in judged.values()), reverse=True)[:_DEPTH]
        best = float(np.dot(ideal, discounts[: len(ideal)]))
        found.append(float(np.dot(gains, discounts[: len(gains)])) / best if best > 0 else 0.0)
    return np.array(found)


def adopted(folder: str | Path, found: Tuned) -> bool:
    """Keep in a shop what won; returns whether anything did.

    Raises:
        ShopError: others were changing the shop for too long.
    """
    won = {step.name for step in found.steps if step.adopted}
    if not won:
        return False
    with Shop.existing(folder).writing() as shop:
        if found.ranker is not None:
            write_ranker(shop.ranker, *found.ranker)
        if won & {"fields", "fusion"}:
            shop.remember(replace(shop.settings, ranking=found.ranking))
    return True

"""Learn a ranker from graded candidates, and tell how good it is on queries it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, MissingExtra
from ..indexer.settings import Ranking
from ..retriever.features import FEATURES, FloatMatrix
from ..retriever.query import Query
from ..retriever.ranker import About, Curve, Linear
from .qrels import Qrels
from .run import Run

if TYPE_CHECKING:
    from ..retriever.retriever import ECommRetriever

Doubles = npt.NDArray[np.float64]

RIGHT = 2
"""From this grade on a shopper calls a product right, where 3 is the highest."""

_TOP = 3  # grades are spread over 0 to 3
# An unrated candidate may be right where it stands this high; below, it is taken for wrong.
_MAY_BE_RIGHT = 50
_ROUNDS = 200
_SEEDS = 3
_TREES: Mapping[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
}
_RIDGE = 10.0
_KNOTS = 64


@dataclass(frozen=True, slots=True)
class Lesson:
    """The candidates of one query.

    Attributes:
        query: its id.
        product_ids: (n,) of the candidates.
        features: (n, features).
        joined: (n,) the scores that join the lanes, by which they stand without a ranker.
        grades: (n,) from 0 to 3; -1 where nobody rated the product and it may be right.
        weight: how much the query counts, so that a shop of few queries is not outvoted.
    """

    query: str
    product_ids: Sequence[str]
    features: FloatMatrix
    joined: npt.NDArray[np.float32]
    grades: npt.NDArray[np.float32]
    weight: float = 1.0

    @property
    def rated(self) -> npt.NDArray[np.bool_]:
        """Tell which candidates something can be learned from."""
        known: npt.NDArray[np.bool_] = self.grades >= 0
        return known

    def weights(self) -> npt.NDArray[np.float32]:
        """Return how much each candidate counts: the less, the further down it stands unranked."""
        place = np.argsort(np.argsort(-self.joined, kind="stable"), kind="stable")
        counts: npt.NDArray[np.float32] = (self.weight / np.log2(place + 2)).astype(np.float32)
        return counts

    def ranked(self, scores: npt.NDArray[Any]) -> list[str]:
        """Return the candidates' ids, best first."""
        order = np.argsort(-scores, kind="stable")
        return [self.product_ids[place] for place in order]


def read_lessons(
    shop: ECommRetriever, qrels: Qrels, *, ranking: Ranking | None = None
) -> Iterator[Lesson]:
    """Yield the candidates that a shop puts forward for each judged query.

    Args:
        shop: an open shop.
        qrels: the judgments.
        ranking: other weights than the shop's.

    Raises:
        ShopError: the shop was indexed before there was a forward index.
    """
    top = max((grade for of in qrels.grades.values() for grade in of.values()), default=0)
    scale = _TOP / max(top, 1)
    asked = {query: text for query, text in qrels.queries.items() if text.strip()}
    found = shop.learnable([Query(text) for text in asked.values()], ranking)
    for query, (ids, joined, made) in zip(asked, found, strict=True):
        judged = qrels.grades[query]
        unrated = np.full(len(ids), -1.0, np.float32)
        if query in qrels.complete:
            unrated[:] = 0
        else:
            unrated[np.argsort(-joined, kind="stable")[_MAY_BE_RIGHT:]] = 0
        rated = (
            max(judged[each], 0) * scale if each in judged else float(otherwise)
            for each, otherwise in zip(ids, unrated, strict=True)
        )
        grades = np.fromiter(rated, np.float32, len(ids))
        yield Lesson(query, ids, made, joined, grades)


def train_trees(lessons: Sequence[Lesson], seed: int = 0) -> str:
    """Return boosted trees that tell a grade by features, as LightGBM's text.

    Grades are learned one by one (MART; Friedman 2001), so that a score means the same for each
    query and nonsense gets low ones. `benchmarks/ranker.py` compares LambdaMART.

    Raises:
        InputError: there is nothing to learn from.
        MissingExtra: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    made, grades, weights = _table(lessons)
    data = lightgbm.Dataset(made, grades, weight=weights, feature_name=list(FEATURES))
    trees = lightgbm.train({**_TREES, "seed": seed}, data, _ROUNDS)
    text: str = trees.model_to_string()
    return text


def train_linear(lessons: Sequence[Lesson]) -> Linear:
    """Return a weighted sum of features that tells a grade (ridge regression)."""
    made, grades, counts = _table(lessons)
    means, scales = made.mean(axis=0, dtype=np.float64), made.std(axis=0, dtype=np.float64)
    scales[scales < 1e-9] = 1.0
    standard = (made - means) / scales
    weighed = standard.T * counts
    square = weighed @ standard + _RIDGE * np.eye(standard.shape[1])
    weights = np.linalg.solve(square, weighed @ (grades - np.average(grades, weights=counts)))
    return Linear(tuple(means.tolist()), tuple(scales.tolist()), tuple(weights.tolist()))


@dataclass(frozen=True)
class HeldOut:
    """What rankers say of queries that they were not trained on.

    Attributes:
        trees: query → scores of its candidates by boosted trees.
        linear: query → scores by a weighted sum.
    """

    trees: Mapping[str, Doubles]
    linear: Mapping[str, Doubles]

    def runs(self, lessons: Sequence[Lesson]) -> list[Run]:
        """Return the rankings by trees, by the weighted sum, and without a ranker ("joined")."""
        tables: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "ranker": self.trees,
            "linear": self.linear,
            "joined": {lesson.query: lesson.joined for lesson in lessons},
        }
        return [
            Run(name, {each.query: each.ranked(scores[each.query]) for each in lessons})
            for name, scores in tables.items()
        ]


def cross_validate(
    lessons: Sequence[Lesson],
    *,
    others: Sequence[Lesson] = (),
    folds: int = 5,
    seed: int = 0,
    tell: Any = lambda fold, folds: None,
) -> HeldOut:
    """Score each query by rankers that were trained on the other folds.

    Args:
        lessons: the queries that are cut into folds.
        others: queries that every ranker is trained on as well.
        folds: how many parts.
        seed: of the cut; trees are averaged over three seeds of their own.
        tell: called with each fold's number and how many there are.
    """
    from ..retriever.boosting import Trees

    order = np.random.default_rng(seed).permutation(len(lessons))
    trees: dict[str, Doubles] = {}
    linear: dict[str, Doubles] = {}
    parts = np.array_split(order, max(2, min(folds, len(lessons))))
    for number, part in enumerate(parts, 1):
        tell(number, len(parts))
        unseen = {int(place) for place in part}
        known = [each for place, each in enumerate(lessons) if place not in unseen] + [*others]
        models = [Trees(train_trees(known, seed=each)) for each in range(_SEEDS)]
        line = train_linear(known)
        for place in part:
            lesson = lessons[place]
            scores = np.mean([each.scores(lesson.features) for each in models], axis=0)
            trees[lesson.query] = scores
            linear[lesson.query] = line.scores(lesson.features)
    return HeldOut(trees, linear)


def probability_curve(lessons: Sequence[Lesson], scores: Mapping[str, Doubles]) -> Curve:
    """Return the curve from scores to the share of right products (isotonic regression).

    Args:
        lessons: graded candidates.
        scores: of each query's candidates, by a ranker that was not trained on it.
    """
    from scipy.optimize import isotonic_regression

    given = np.concatenate([scores[each.query][each.rated] for each in lessons])
    right = np.concatenate([each.grades[each.rated] >= RIGHT for each in lessons])
    order = np.argsort(given, kind="stable")
    given = given[order]
    risen = isotonic_regression(right[order].astype(float)).x
    knots = np.unique(np.searchsorted(risen, np.unique(risen), side="left"))
    ends = np.unique(np.concatenate([knots, knots[1:] - 1, [len(risen) - 1]]))
    if len(ends) > _KNOTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, _KNOTS).astype(int))]
    return Curve(tuple(given[ends].tolist()), tuple(risen[ends].tolist()))


def learn_ranker(
    lessons: Sequence[Lesson],
    held_out: HeldOut,
    *,
    encoder: str,
    trained_on: str,
    figures: Mapping[str, float],
) -> tuple[About, str]:
    """Return a ranker trained on all lessons: what is known of it, and its trees.

    Args:
        lessons: graded candidates.
        held_out: what rankers trained on parts of them say of the other parts.
        encoder: name of the encoder that the shops were indexed with.
        trained_on: what the lessons are, in words.
        figures: what was measured on queries not seen.
    """
    about = About(
        features=FEATURES,
        encoder=encoder,
        curve=probability_curve(lessons, held_out.trees),
        linear=train_linear(lessons),
        linear_curve=probability_curve(lessons, held_out.linear),
        trained_on=trained_on,
        figures=figures,
    )
    return about, train_trees(lessons)


def _table(
    lessons: Sequence[Lesson],
) -> tuple[FloatMatrix, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the rated candidates' features, grades and weights."""
    if not any(each.rated.any() for each in lessons):
        raise InputError("none of the judged products is a candidate; nothing can be learned")
    return (
        np.concatenate([each.features[each.rated] for each in lessons]),
        np.concatenate([each.grades[each.rated] for each in lessons]),
        np.concatenate([each.weights()[each.rated] for each in lessons]),
    )


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError:
        raise MissingExtra("lightgbm", "rank", "Training a ranker") from None
    return lightgbm

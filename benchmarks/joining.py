"""How far could any weighing of what a shop knows lift hybrid search? Fitted to judgments.

python benchmarks/joining.py SHOP JUDGMENTS --model TRAINED [--folds 5] [--seeds 3]

Candidates of both lanes get features: each lane's score, keyword scores by field, how the lanes'
best products vote for types of product, and which words of the query title and type hold. Their
weights are fitted to nDCG@10 by coordinate ascent (Metzler & Croft 2007, "Linear feature-based
models for information retrieval"), and judged on the folds they were not fitted to. Gradient
boosting on the same features is tried beside. What weights reach on the queries they were fitted
to is an upper end of what this could bring.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from dsv3 import ECommRetriever, load_encoder
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.eval import Qrels, Run, load_qrels, measure_queries, nDCG
from dsv3.eval.examples.pool import Pool, read_pool
from dsv3.eval.examples.types import ProductTypes
from sklearn.ensemble import HistGradientBoostingRegressor

Vector = npt.NDArray[np.float64]
CANDIDATES = 150
STEPS = (-0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4)
# What moving a weight away from the start must earn, so that nothing moves for chance alone.
PRICE = 0.002


@dataclass(frozen=True)
class Asked:
    """A query's candidates: their products, features (n, features) and grades."""

    query: str
    products: list[str]
    features: Vector
    grades: Vector
    ideal: float


class Features:
    """Computes what a shop knows of a query and all its products."""

    def __init__(self, shop: ECommRetriever, pool: Pool, cache: EmbeddingCache, model: str) -> None:
        self.shop, self.pool = shop, pool
        self.encoders = [load_encoder(name) for name in dict.fromkeys((model, "default"))]
        self.vectors = [pool.encoded_by(one, cache, lambda seen: None) for one in self.encoders]
        self.place = {int(row): n for n, row in enumerate(pool.rows)}
        self.types = [" ".join(terms) for terms in ProductTypes(pool).of]
        self.kinds = np.unique(self.types, return_inverse=True)[1]
        self.untyped = np.array([not name for name in self.types])
        self.titles = [words(product.title) for product in pool.products]

    def of(self, text: str) -> tuple[npt.NDArray[np.int64], Vector]:
        """Return the candidates' places and their features, keywords first, then the model."""
        boosts = self.shop.settings.ranking.boosts
        lexical = self._lexical(text, boosts)
        dense = [
            scaled(vectors @ encoder.encode_queries([text])[0])
            for encoder, vectors in zip(self.encoders, self.vectors, strict=True)
        ]
        lanes = [lexical, *dense]
        fields = [self._lexical(text, {field: 1.0}) for field in boosts]
        votes = [self._votes(lane) for lane in (*lanes, (lexical + dense[0]) / 2)]
        asked = words(text)
        held = [
            np.array([len(asked & has) / max(len(asked), 1) for has in texts])
            for texts in (self.titles, [words(name) for name in self.types])
        ]
        best = [np.argsort(-lane, kind="stable")[:CANDIDATES] for lane in lanes]
        candidates = np.unique(np.concatenate(best))
        return candidates, np.stack([*lanes, *fields, *votes, *held], axis=1)[candidates]

    def _lexical(self, text: str, boosts: Mapping[str, float]) -> Vector:
        lexical = self.shop.snapshot().lexical
        found = lexical.search(lexical.read(text, boosts), 2000)
        scores = np.zeros(len(self.pool))
        for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
            scores[self.place[row]] = score
        return scaled(scores)

    def _votes(self, scores: Vector) -> Vector:
        """Return each product's share of the votes of the 50 best for their types."""
        best = np.argsort(-scores, kind="stable")[:50]
        weights = np.exp((scores[best] - scores[best[0]]) / 0.05)
        votes = np.bincount(self.kinds[best], weights, self.kinds.max() + 1)
        shares: Vector = (votes / weights.sum())[self.kinds]
        return np.where(self.untyped, 0.0, shares)


def words(text: str) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", text.casefold())}


def scaled(scores: npt.NDArray[np.floating]) -> Vector:
    best = float(scores.max())
    return np.maximum(scores / best, 0.0).astype(float) if best > 0 else np.zeros(len(scores))


def collect(features: Features, qrels: Qrels) -> list[Asked]:
    found = []
    for query, text in qrels.queries.items():
        places, known = features.of(text)
        products = [features.pool.products[n].product_id for n in places]
        grades = [max(qrels.grade(query, product) or 0, 0) for product in products]
        ideal = sorted((max(grade, 0) for grade in qrels.grades[query].values()), reverse=True)
        dcg = discounted(np.array(ideal[:10], float))
        found.append(Asked(query, products, known, np.array(grades, float), dcg))
    return found


def discounted(gains: Vector) -> float:
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


def quality(weights: Vector, asked: Sequence[Asked]) -> float:
    total = 0.0
    for one in asked:
        if one.ideal:
            best = np.argsort(-(one.features @ weights), kind="stable")[:10]
            total += discounted(one.grades[best]) / one.ideal
    return total / len(asked)


def ascend(asked: Sequence[Asked]) -> Vector:
    start = np.zeros(asked[0].features.shape[1])
    start[:2] = 0.7, 0.3
    weights, best = start.copy(), quality(start, asked)
    for turn in range(3):
        for place in np.random.default_rng(turn).permutation(len(start)):
            for step in STEPS:
                tried = weights.copy()
                tried[place] += step
                reached = quality(tried, asked) - PRICE * float(np.abs(tried - start).sum())
                if reached > best + 1e-4:
                    best, weights = reached, tried
    return weights


def boost(asked: Sequence[Asked]) -> HistGradientBoostingRegressor:
    fitted = [one for one in asked if one.ideal]
    model = HistGradientBoostingRegressor(
        max_iter=80, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=40, random_state=0
    )
    shares = np.concatenate([np.full(len(one.grades), 1 / len(one.grades)) for one in fitted])
    return model.fit(
        np.concatenate([one.features for one in fitted]),
        np.concatenate([2.0**one.grades - 1 for one in fitted]),
        sample_weight=shares * len(shares),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    qrels = load_qrels(options.judgments, "auto")
    with (
        ECommRetriever.open(options.shop) as shop,
        EmbeddingCache(options.shop / "embeddings.sqlite") as cache,
    ):
        features = Features(shop, read_pool(shop, cache), cache, options.model)
        asked = collect(features, qrels)
    for weight in (0.3, 0.5):
        fixed = np.zeros(asked[0].features.shape[1])
        fixed[:2] = 1 - weight, weight
        print(f"lanes alone, dense weight {weight}: {quality(fixed, asked):.4f}")
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(asked))
        unseen, seen, boosted = [], [], {}
        for fold in range(options.folds):
            test = [asked[n] for n in order[fold :: options.folds]]
            rest = [asked[n] for place, n in enumerate(order) if place % options.folds != fold]
            weights = ascend(rest)
            unseen.append(quality(weights, test) * len(test) / len(asked))
            seen.append(quality(weights, rest))
            model = boost(rest)
            for one in test:
                ranked = np.argsort(-model.predict(one.features), kind="stable")
                boosted[one.query] = [one.products[n] for n in ranked[:100]]
        found = measure_queries(qrels, Run("boosted", boosted), [nDCG @ 10])[nDCG @ 10]
        print(
            f"split {seed}: linear {sum(unseen):.4f} on queries not fitted to, "
            f"{np.mean(seen):.4f} on those fitted to; "
            f"boosted trees {np.mean([*found.values()]):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Training examples from graded judgments."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ...encoder.training.examples import Example
from ...encoder.training.graded import GradedList
from ..qrels import Qrels
from .pool import Pool

# Examples drawn of one query, so that a query with many judged products does not rule.
MOST_PER_QUERY = 24


def judged_examples(
    qrels: Qrels, pool: Pool, *, negatives: int = 1, seed: int = 0, source: str = "judgments"
) -> Iterator[Example]:
    """Yield an example for each relevant product, against products with a lower grade.

    Products that the pool does not hold are passed over. The grade that weighs an example is its
    share of the highest gain.
    """
    generator = random.Random(seed)  # noqa: S311 - a draw, not a secret
    for query, judged in qrels.grades.items():
        gains = {
            pool.places[product]: qrels.gain(grade)
            for product, grade in judged.items()
            if product in pool.places
        }
        top = max(gains.values(), default=0.0)
        relevant = [place for place, gain in gains.items() if gain > 0]
        generator.shuffle(relevant)
        for place in relevant[:MOST_PER_QUERY]:
            worse = [other for other, gain in gains.items() if gain < gains[place]]
            chosen = generator.sample(worse, min(negatives, len(worse)))
            yield Example(
                query=qrels.text(query),
                positive=pool.texts[place],
                negatives=tuple(pool.texts[other] for other in chosen),
                grade=gains[place] / top,
                source=source,
                topic=f"query {qrels.text(query)}",
            )


def graded_lists(qrels: Qrels, pool: Pool) -> list[GradedList]:
    """Return each query's judged products with their gains as shares of the highest."""
    lists = []
    for query, judged in qrels.grades.items():
        known = [product for product in judged if product in pool.places]
        gains = [qrels.gain(judged[product]) for product in known]
        top = max(gains, default=0.0)
        if top > 0:
            texts = tuple(pool.texts[pool.places[product]] for product in known)
            lists.append(GradedList(qrels.text(query), texts, tuple(gain / top for gain in gains)))
    return lists

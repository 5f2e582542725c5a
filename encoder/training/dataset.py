"""Examples as the columns a trainer takes."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .contrastive import false_negative_mask
from .examples import Example
from .losses import TrainingData


def contrastive_columns(
    examples: Sequence[Example], *, negatives: int = 1, seed: int = 0
) -> TrainingData:
    """Lay examples out as query, positive, negatives and label (topic's place, grade).

    An example with too few negatives is given positives of others, drawn at random.
    """
    from datasets import Dataset

    generator = random.Random(seed)  # noqa: S311 - an order, not a secret
    topics = sorted({example.topic for example in examples} | {""})
    places = {topic: place for place, topic in enumerate(topics)}
    columns: dict[str, list[object]] = {"query": [], "positive": []}
    columns |= {f"negative_{n}": [] for n in range(negatives)}
    columns["label"] = []
    for example in examples:
        columns["query"].append(example.query)
        columns["positive"].append(example.positive)
        given = list(example.negatives[:negatives])
        while len(given) < negatives:
            given.append(_other(examples, example, generator))
        for n, text in enumerate(given):
            columns[f"negative_{n}"].append(text)
        columns["label"].append([float(places[example.topic]), example.grade])
    return TrainingData(Dataset.from_dict(columns), false_negative_mask(topics))


def _other(examples: Sequence[Example], than: Example, generator: random.Random) -> str:
    """Return another example's positive; its own where there is no other."""
    for _ in range(20):
        drawn = generator.choice(examples)
        if drawn.positive != than.positive and not _related(drawn.topic, than.topic):
            return drawn.positive
    return than.positive


def _related(one: str, other: str) -> bool:
    """Say whether two topics are one, or one ends in the words of the other."""
    if not one or not other:
        return False
    return f" {one}".endswith(f" {other}") or f" {other}".endswith(f" {one}")

"""Examples as the columns a trainer takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .examples import Example

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Columns:
    """Examples as columns, with the topics that their labels point into."""

    dataset: Dataset
    topics: Sequence[str]


def contrastive_columns(
    examples: Sequence[Example], *, negatives: int = 1, seed: int = 0
) -> Columns:
    """Lay examples out as query, positive, negatives and label (topic's place, grade).

    An example with too few negatives is given positives of others, drawn at random.
    """
    from datasets import Dataset

    generator = random.Random(seed)  # noqa: S311 - lessons, not secrets
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
    return Columns(Dataset.from_dict(columns), topics)


def _other(examples: Sequence[Example], than: Example, generator: random.Random) -> str:
    """Return another example's positive; its own where there is no other."""
    for _ in range(20):
        drawn = generator.choice(examples)
        if drawn.positive != than.positive and not _kindred(drawn.topic, than.topic):
            return drawn.positive
    return than.positive


def _kindred(one: str, other: str) -> bool:
    """Say whether two topics are one, or one ends in the words of the other."""
    if not one or not other:
        return False
    return f" {one}".endswith(f" {other}") or f" {other}".endswith(f" {one}")

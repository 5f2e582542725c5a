"""Lists of products with grades, and the loss that learns their order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

# Products in a list; a longer one is drawn from anew, a shorter one repeats.
LIST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class GradedList:
    """One query with the texts that were graded for it, and their grades from 0 to 1."""

    query: str
    texts: tuple[str, ...]
    grades: tuple[float, ...]


def graded_columns(
    lists: Sequence[GradedList], rows: int, *, scale: float, seed: int = 0
) -> Dataset:
    """Lay lists out as query, document_0 …, and label (the grades times `scale`).

    The loss is the Kullback-Leibler divergence of the softmax of cosines from that of the labels:
    ListNet's top-one probabilities (Cao et al. 2007, equation 3). Each row draws
    `LIST_LENGTH` of a list's products, so that grades are in play.
    """
    from datasets import Dataset

    generator = random.Random(seed)  # noqa: S311 - an order, not a secret
    usable = [one for one in lists if len(set(one.grades)) > 1]
    columns: dict[str, list[object]] = {"query": []}
    columns |= {f"document_{n}": [] for n in range(LIST_LENGTH)}
    columns["label"] = []
    for row in range(rows if usable else 0):
        one = usable[row % len(usable)]
        places = _draw(one, generator)
        columns["query"].append(one.query)
        for n, place in enumerate(places):
            columns[f"document_{n}"].append(one.texts[place])
        columns["label"].append([one.grades[place] * scale for place in places])
    return Dataset.from_dict(columns)


def _draw(one: GradedList, generator: random.Random) -> list[int]:
    """Draw places of a list, the best grade always among them."""
    best = max(range(len(one.grades)), key=lambda place: (one.grades[place], generator.random()))
    others = [place for place in range(len(one.grades)) if place != best]
    generator.shuffle(others)
    drawn = [best, *others][:LIST_LENGTH]
    while len(drawn) < LIST_LENGTH:
        drawn.append(generator.choice(others))
    return drawn

"""Which examples a pass holds: a function of its number alone, so that a run resumes anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from ....errors import InputError
from ..examples import Example


@dataclass(frozen=True)
class Batches:
    """Cuts examples into batches, in a new order each epoch.

    Attributes:
        examples: all of them.
        size: of a batch, over all processes.
        epochs: how often each is seen.
        seed: of the orders.

    """

    examples: Sequence[Example]
    size: int
    epochs: int
    seed: int

    def __post_init__(self) -> None:
        if len(self.examples) < self.size:
            raise InputError(
                f"{len(self.examples)} examples do not fill a batch of {self.size}; "
                "give more, or choose a smaller batch"
            )

    @property
    def passes(self) -> int:
        """Return how many batches there are over all epochs."""
        return len(self.examples) // self.size * self.epochs

    def part(self, number: int, rank: int, processes: int) -> list[Example]:
        """Return one process's part of a batch."""
        epoch, place = divmod(number, len(self.examples) // self.size)
        share = self.size // processes
        first = place * self.size + rank * share
        order = _order(len(self.examples), self.seed, epoch)
        return [self.examples[n] for n in order[first : first + share]]


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order

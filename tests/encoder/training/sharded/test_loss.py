from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.sharded.loss import contrastive_loss
from dsv3.encoder.training.sharded.processes import joined_processes
from dsv3.encoder.training.sharded.trainer import documents_of
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, distributed

from .conftest import Together


def vectors() -> tuple[Tensor, Tensor, Tensor]:
    """Return 6 queries, their positives and one negative for each."""
    generator = torch.Generator().manual_seed(0)
    queries, positives, negatives = torch.randn(3, 6, 5, generator=generator).unbind()
    return queries, positives, negatives


def test_it_is_sentence_transformers_loss(tiny_encoder: SentenceTransformer) -> None:
    queries, positives, negatives = vectors()
    with joined_processes() as processes:
        found = contrastive_loss(
            queries,
            torch.cat([positives, negatives]),
            torch.ones(12, dtype=torch.bool),
            scale=20,
            group=processes.line.get_group(),
        )
    oracle = MultipleNegativesRankingLoss(tiny_encoder)
    wanted = oracle.compute_loss_from_embeddings([queries, positives, negatives], torch.zeros(0))
    torch.testing.assert_close(found, wanted)


@pytest.fixture
def tiny_encoder() -> SentenceTransformer:
    import dsv3.encoder.v3  # noqa: F401 - makes V3 folders known

    return SentenceTransformer(
        str(Path(__file__).parents[2] / "v3" / "tiny"), device="cpu", local_files_only=True
    )


def alone(present: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of the whole batch and its gradients, by plain formulas."""
    leaves = [one.requires_grad_() for one in vectors()]
    queries, *documents = (torch.nn.functional.normalize(one, dim=-1) for one in leaves)
    scores = 20 * queries @ torch.cat(documents).T
    loss = torch.nn.functional.cross_entropy(
        scores.masked_fill(~present, -torch.inf), torch.arange(6)
    )
    return loss.detach(), list(torch.autograd.grad(loss, leaves))


def test_two_processes_have_the_loss_and_the_gradients_of_one(together: Together) -> None:
    present = torch.ones(12, dtype=torch.bool)
    present[7] = present[11] = False

    def work(rank: int) -> dict[str, Any]:
        mine = slice(3 * rank, 3 * rank + 3)
        leaves = [one[mine].clone().requires_grad_() for one in vectors()]
        there = torch.cat([present[:6][mine], present[6:][mine]])
        group = distributed.group.WORLD
        assert group is not None
        loss = contrastive_loss(leaves[0], torch.cat(leaves[1:]), there, scale=20, group=group)
        loss.backward()
        return {"loss": loss.detach(), "gradients": [one.grad for one in leaves]}

    found = together(work)
    wanted, gradients = alone(present)
    torch.testing.assert_close((found[0]["loss"] + found[1]["loss"]) / 2, wanted)
    for number, gradient in enumerate(gradients):
        both = torch.cat([one["gradients"][number] for one in found]) / 2
        torch.testing.assert_close(both, gradient)


def test_negatives_fill_places_and_missing_ones_are_marked() -> None:
    part = [
        Example("a", "A", ("x", "y", "z")),
        Example("b", "B"),
        Example("c", "C", ("w",)),
    ]
    texts, present = documents_of(part, 2)
    assert texts == ["A", "B", "C", "x", "y", "w"]
    assert present.tolist() == [True] * 5 + [False, False, True, False]
    assert _spread(texts, present.tolist()) == ["A", "B", "C", "x", "y", None, None, "w", None]
    assert documents_of(part, 0)[0] == ["A", "B", "C"]


def _spread(texts: Iterable[str], present: list[bool]) -> list[str | None]:
    left: Iterator[str] = iter(texts)
    return [next(left) if there else None for there in present]

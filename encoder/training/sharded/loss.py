"""The contrastive loss, over negatives of all processes."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed._functional_collectives import all_gather_single_autograd


def contrastive_loss(
    queries: Tensor,
    documents: Tensor,
    present: Tensor,
    *,
    scale: float,
    group: ProcessGroup,
) -> Tensor:
    """Return the mean cross-entropy of each query's positive among all documents of all processes.

    Equation 2 of Henderson et al. 2017, "Efficient Natural Language Response Suggestion for Smart
    Reply", on scaled cosine similarities, as MultipleNegativesRankingLoss of sentence-transformers.
    A process computes it for its own queries; the mean over processes is the loss of the batch,
    and its gradient is whole once each process's gradients are averaged, because the gather hands
    back to each document the gradients of all processes' queries.

    Args:
        queries: (batch, dim).
        documents: (batch * (1 + negatives), dim), first the positives in the queries' order. The
            shape is the same in all processes.
        present: which documents there are, bool; the others only fill the shape.
        scale: the inverse of the temperature.
        group: the processes.

    """
    mine = F.normalize(documents, dim=-1)
    everyone = all_gather_single_autograd(mine, 0, group)  # (processes * documents, dim)
    there = all_gather_single_autograd(present, 0, group)
    scores = scale * F.normalize(queries, dim=-1) @ everyone.T  # (batch, processes * documents)
    scores = scores.masked_fill(~there, -torch.inf)
    positives = torch.arange(len(queries), device=scores.device)
    return F.cross_entropy(scores, positives + group.rank() * len(documents))

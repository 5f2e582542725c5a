"""The loss by which a student places texts where its teacher places them.

Two things are copied. A text's vector: Reimers & Gurevych 2020, "Making Monolingual Sentence
Embeddings Multilingual using Knowledge Distillation" (there by squared error, which for unit
vectors is twice 1 - cosine). And how texts lie to each other, which is what ranking reads: the
similarities within a batch, as in Tung & Mori 2019, "Similarity-Preserving Knowledge
Distillation", compared as distributions, as Passalis & Tefas 2018, "Learning Deep Representations
with Probabilistic Knowledge Transfer", do.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from ...errors import InputError


def vector_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean of 1 - cosine over unit vectors (n, dim)."""
    return 1 - (student * teacher).sum(-1).mean()


def similarity_loss(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], temperature: float
) -> Tensor:
    """Return the mean KL divergence of the student's similarities from the teacher's.

    Each query and each document sees the batch's documents, itself left out, as a distribution:
    softmax of cosine / temperature.

    Args:
        student: unit vectors of queries (q, dim) and of documents (n, dim).
        teacher: the same.
        temperature: of both softmaxes.

    """
    ours = _log_shares(*student, temperature)  # (q + n, n)
    theirs = _log_shares(*teacher, temperature)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")


def _log_shares(queries: Tensor, documents: Tensor, temperature: float) -> Tensor:
    scores = torch.cat([queries, documents]) @ documents.T / temperature
    itself = torch.zeros_like(scores, dtype=torch.bool)
    itself[len(queries) :].fill_diagonal_(True)
    # a large negative number, not infinity, whose share times its logarithm has no value
    return F.log_softmax(scores.masked_fill(itself, -1e4), dim=-1)


class DistillationLoss(nn.Module):
    """Compares a student's vectors with its teacher's.

    The columns are queries and documents; labels are (batch, 2): their places in `targets`. The
    student learns without dropout and without balancing its experts.

    Args:
        model: the student, a SentenceTransformer.
        targets: (texts, dim) unit vectors of the teacher.
        temperature: of the softmax over similarities; lower looks at nearer neighbours alone.
        similarity_weight: of the similarities' part, against 1 for the vectors' part.

    """

    targets: Tensor

    def __init__(
        self, model: nn.Module, targets: Tensor, *, temperature: float, similarity_weight: float
    ) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("targets", targets, persistent=False)
        self.temperature = temperature
        self.similarity_weight = similarity_weight

    def forward(
        self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None
    ) -> Tensor:
        """Return the loss of a batch of queries and documents."""
        if labels is None:
            raise InputError("distillation needs the places of the teacher's vectors")
        self.model.eval()
        queries, documents = (
            F.normalize(self.model(column)["sentence_embedding"], dim=-1)
            for column in sentence_features
        )
        theirs = (self.targets[labels[:, 0].long()], self.targets[labels[:, 1].long()])
        loss = vector_loss(torch.cat([queries, documents]), torch.cat(theirs))
        if self.similarity_weight:
            near = similarity_loss((queries, documents), theirs, self.temperature)
            loss = loss + self.similarity_weight * near
        return loss

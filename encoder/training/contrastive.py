"""The contrastive loss: a query is nearer to its product than to every other of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from sentence_transformers.util.distributed import all_gather, get_rank, get_world_size
from torch import Tensor, nn

from ...errors import InputError


def false_negative_mask(topics: Sequence[str]) -> Tensor:
    """Say which topics' products may answer which topics' queries; returns (n, n) bool.

    True where the two are one, or where one ends in the words of the other. An empty topic shares
    with none.
    """
    mask = torch.zeros(len(topics), len(topics), dtype=torch.bool)
    places = {topic: place for place, topic in enumerate(topics) if topic}
    for topic, place in places.items():
        words = topic.split()
        for begin in range(len(words)):
            other = places.get(" ".join(words[begin:]))
            if other is not None:
                mask[place, other] = mask[other, place] = True
    return mask


class ContrastiveLoss(CachedLossMixin, nn.Module):
    """Scores each query's product against all others of the batch, hard negatives among them.

    InfoNCE (van den Oord et al. 2018, equation 4) with in-batch negatives. Of these, two kinds are
    left out, since they may well be answers: positives whose topic the mask joins to the query's,
    and products that the model itself finds nearer than the query's own by a margin (after
    Solatorio 2024, "GISTEmbed", which asks a second model). A query's own hard negatives always
    count.

    With several processes each scores its queries against the products of all, and the mean over
    processes is the loss of the whole batch.

    Where a batch is larger than `mini_batch_size`, memory is that of a mini-batch: gradients of
    the embeddings are kept, and each mini-batch is encoded again (Gao et al. 2021, "Scaling Deep
    Contrastive Learning Batch Size under Memory Limited Setup").

    Labels are (batch, 2): the topic's place in the mask, and the grade, which weighs the example.

    Args:
        model: a SentenceTransformer.
        mask: see `false_negative_mask`.
        scale: what cosines are multiplied by; the temperature's inverse.
        margin: how much nearer than the positive an in-batch product must be to be left out.
        mini_batch_size: texts encoded at once.
        batch_size: texts of a column in a batch; with at most `mini_batch_size` nothing is kept.

    """

    mask: Tensor

    def __init__(
        self,
        model: nn.Module,
        mask: Tensor,
        *,
        scale: float = 20.0,
        margin: float = 0.05,
        mini_batch_size: int = 32,
        batch_size: int = 64,
    ) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mask", mask, persistent=False)
        self.scale = scale
        self.margin = margin
        self.mini_batch_size = mini_batch_size
        self.uses_gradient_cache = batch_size > mini_batch_size

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the batch's loss; the first column holds queries, the second their products."""
        if self.uses_gradient_cache:
            cached: Tensor = self.forward_cached(sentence_features, labels)
            return cached
        columns = [[self.model(column)["sentence_embedding"]] for column in sentence_features]
        return self.calculate_loss(columns, labels)

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Return the mean loss, weighted by grade; with `with_backward` also its gradients."""
        queries, *columns = (F.normalize(torch.cat(column), dim=-1) for column in reps)
        if labels is None:
            raise InputError("the contrastive loss needs a topic and a grade for each example")
        grades = labels[:, 1].to(queries.dtype)
        everyone, total = labels, grades.sum()
        if (processes := get_world_size()) > 1:
            columns = [all_gather(column, with_grad=True) for column in columns]
            everyone = all_gather(labels)
            total = everyone[:, 1].to(queries.dtype).sum() / processes
        scores = queries @ torch.cat(columns).T  # (batch, columns * processes * batch)
        own = torch.arange(len(queries), device=queries.device) + get_rank() * len(queries)
        left_out = self._left_out(scores.detach(), own, labels[:, 0], everyone[:, 0])
        scores = scores.masked_fill(left_out, -torch.inf)
        losses = F.cross_entropy(scores * self.scale, own, reduction="none")  # (batch,)
        loss = (losses * grades).sum() / total.clamp_min(1e-9)
        if with_backward:
            loss.backward()
            return loss.detach()
        return loss

    def _left_out(self, scores: Tensor, own: Tensor, topics: Tensor, everyone: Tensor) -> Tensor:
        """Say which products may be answers too.

        Args:
            scores: (batch, columns * all) cosines.
            own: (batch,) places of the queries' own products in a column.
            topics: (batch,) of the queries.
            everyone: (all,) topics of a column's products.

        Returns:
            (batch, columns * all) bool.

        """
        places = torch.arange(len(everyone), device=scores.device)
        is_own = places == own.unsqueeze(1)  # (batch, all)
        positive = scores.gather(1, own.unsqueeze(1))
        near = scores > positive + self.margin
        near &= ~is_own.repeat(1, scores.size(1) // len(everyone))
        near[:, : len(everyone)] |= self.mask[topics.long()][:, everyone.long()] & ~is_own
        return near

"""The contrastive loss against torch's own arithmetic, with and without cached gradients."""

from __future__ import annotations

import pytest
import torch
from dsv3.encoder.training.contrastive import ContrastiveLoss, false_negative_mask
from dsv3.errors import InputError
from torch import Tensor, nn


class Encoder(nn.Module):
    """Stand in for a SentenceTransformer: a linear map of given features."""

    def __init__(self, dim: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.map = nn.Linear(4, dim, dtype=torch.float64)

    def __getitem__(self, place: int) -> nn.Module:
        return self.map

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sentence_embedding": self.map(features["input_ids"])}


def features(batch: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randn(batch, 4, dtype=torch.float64, generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones(batch, 4)}


def labels(topics: list[int], grades: list[float]) -> Tensor:
    return torch.tensor([[float(t), g] for t, g in zip(topics, grades, strict=True)])


def test_the_mask_follows_the_last_words() -> None:
    mask = false_negative_mask(["", "printer", "laser printer", "printer cable"])
    assert mask[1, 2]
    assert mask[2, 1]
    assert mask[1, 1]
    assert not mask[1, 3]
    assert not mask[0].any()


def test_equals_cross_entropy_where_nothing_is_left_out() -> None:
    model = Encoder()
    loss = ContrastiveLoss(model, false_negative_mask([""]), margin=10.0, mini_batch_size=8)
    loss.uses_gradient_cache = False
    columns = [features(8, seed) for seed in range(3)]
    found = loss(columns, labels([0] * 8, [1.0] * 8))
    queries, *documents = (
        nn.functional.normalize(model(column)["sentence_embedding"]) for column in columns
    )
    scores = 20.0 * queries @ torch.cat(documents).T
    assert torch.allclose(found, nn.functional.cross_entropy(scores, torch.arange(8)))


def test_cached_gradients_equal_plain_ones() -> None:
    mask = false_negative_mask(["", "mouse"])
    gradients = []
    for batch_size in (12, 4):  # 12 > 5 caches, 4 <= 5 does not
        model = Encoder()
        loss = ContrastiveLoss(model, mask, mini_batch_size=5, batch_size=batch_size)
        columns = [features(12, seed) for seed in range(3)]
        value = loss(columns, labels([1, 1, 0] * 4, [1.0, 0.5, 0.2] * 4))
        value.backward()
        assert model.map.weight.grad is not None
        gradients.append((value.item(), model.map.weight.grad))
    assert gradients[0][0] == pytest.approx(gradients[1][0])
    assert torch.allclose(gradients[0][1], gradients[1][1], atol=1e-12)


def left_out_of(loss: ContrastiveLoss, scores: Tensor, topics: list[int]) -> Tensor:
    own, told = torch.arange(len(topics)), torch.tensor(topics, dtype=torch.float32)
    return loss._left_out(scores, own, told, told)


def test_positives_of_a_like_topic_are_no_negatives() -> None:
    model = Encoder()
    loss = ContrastiveLoss(model, false_negative_mask(["", "mouse"]), margin=10.0)
    scores = torch.zeros(3, 6)
    left_out = left_out_of(loss, scores, [1, 1, 0])
    expected = torch.zeros(3, 6, dtype=torch.bool)
    expected[0, 1] = expected[1, 0] = True
    assert torch.equal(left_out, expected)


def test_nearer_than_the_positive_is_left_out_unless_it_was_mined_for_the_query() -> None:
    loss = ContrastiveLoss(Encoder(), false_negative_mask([""]), margin=0.1)
    scores = torch.tensor([[0.5, 0.9, 0.9, 0.2], [0.1, 0.5, 0.55, 0.9]])
    left_out = left_out_of(loss, scores, [0, 0])
    # Row 0: its own mined negative, column 2, counts though it is nearer. Row 1's is column 3.
    assert left_out.tolist() == [[False, True, False, False], [False, False, False, False]]


def test_a_grade_weighs_its_example() -> None:
    model = Encoder()
    loss = ContrastiveLoss(model, false_negative_mask([""]), mini_batch_size=8)
    loss.uses_gradient_cache = False
    columns = [features(4, seed) for seed in range(2)]
    one = loss(columns, labels([0] * 4, [1.0, 0.0, 0.0, 0.0]))
    other = loss(columns, labels([0] * 4, [0.0, 1.0, 1.0, 1.0]))
    both = loss(columns, labels([0] * 4, [1.0] * 4))
    assert torch.allclose(both, (one + 3 * other) / 4)


def test_labels_are_asked_for() -> None:
    loss = ContrastiveLoss(Encoder(), false_negative_mask([""]))
    with pytest.raises(InputError, match="topic and a grade"):
        loss.calculate_loss([[torch.ones(2, 3)], [torch.ones(2, 3)]])

"""What goes to a GPU and what does not: with a stand-in everywhere, on a real one where it is."""

from __future__ import annotations

import numpy as np
import pytest
from dsv3.encoder.base import FloatArray
from dsv3.indexer.vectors import gpu
from dsv3.indexer.vectors.backend import Faiss, faiss, gpu_count
from dsv3.indexer.vectors.base import VectorIndex
from dsv3.indexer.vectors.build import build_index

COUNT, DIM = 600, 16
ROWS = np.arange(COUNT)
VECTORS = np.random.default_rng(0).standard_normal((COUNT, DIM)).astype(np.float32)
MASK = np.asarray(np.random.default_rng(1).random(COUNT) < 0.5)


class StandIn:
    """Search like a GPU copy: no settings are taken, so no filter could be."""

    def __init__(self, index: Faiss) -> None:
        self.index = index
        self.nprobe = 0
        self.searches = 0

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
        self.searches += 1
        scores, positions = self.index.search(queries, k)
        return scores, positions


def build(spec: str) -> VectorIndex:
    return build_index(spec, DIM, "cosine", COUNT, [(ROWS, VECTORS)], VECTORS)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    made: list[StandIn] = []

    def copy(index: Faiss) -> StandIn:
        made.append(StandIn(index))
        return made[-1]

    monkeypatch.setattr(gpu, "gpu_count", lambda module: 1)
    monkeypatch.setattr(gpu, "copy_to_gpu", copy)
    return made


def test_unfiltered_searches_go_to_the_gpu(copies: list[StandIn]) -> None:
    index = build("Flat")
    found = index.search(VECTORS[:5], 3)
    assert [copy.searches for copy in copies] == [1]
    assert found.plan.endswith("on the GPU")
    assert found.rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    index.search(VECTORS[:5], 3)
    assert [copy.searches for copy in copies] == [2]


def test_a_filter_is_never_sent_to_the_gpu(copies: list[StandIn]) -> None:
    index = build("Flat")
    found = index.search(VECTORS[:5], 3, MASK)
    assert MASK[found.rows].all()
    assert "on the CPU, for the GPU index takes no filter" in found.plan
    assert all(copy.searches == 0 for copy in copies)
    few = np.zeros(COUNT, np.bool_)
    few[3] = True
    assert index.search(VECTORS[:1], 3, few).plan == "exact over 1 of 600 rows"
    assert all(copy.searches == 0 for copy in copies)


def test_tombstones_are_never_sent_to_the_gpu(copies: list[StandIn]) -> None:
    index = build("Flat")
    index.remove(ROWS[:2])
    assert 0 not in index.search(VECTORS[:1], 3).rows
    assert all(copy.searches == 0 for copy in copies)


def test_a_copy_is_made_anew_after_a_change(copies: list[StandIn]) -> None:
    index = build("Flat")
    index.search(VECTORS[:1], 1)
    index.add(np.array([COUNT]), -VECTORS[:1])
    assert index.search(-VECTORS[:1], 1).rows[0, 0] == COUNT
    assert len(copies) == 2


@pytest.mark.parametrize("spec", ["HNSW32", "IVF8,RaBitQfs,Refine(SQ8)", "RaBitQ"])
def test_kinds_without_a_gpu_form_stay_on_the_cpu(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = build(spec)
    monkeypatch.setattr(gpu, "gpu_count", lambda module: 1)
    assert "GPU" not in index.search(VECTORS[:2], 3).plan


@pytest.mark.gpu
@pytest.mark.parametrize("spec", ["Flat", "IVF8,Flat", "IVF8,SQ8"])
def test_on_a_real_gpu(spec: str) -> None:
    if not gpu_count(faiss()):
        pytest.skip("no GPU, or FAISS was built without")
    index = build(spec)
    found = index.search(VECTORS[:50], 5, effort=10)
    assert "on the GPU" in found.plan
    assert found.rows[:, 0].tolist() == list(range(50))
    filtered = index.search(VECTORS[:50], 5, MASK, effort=10)
    assert MASK[filtered.rows].all()

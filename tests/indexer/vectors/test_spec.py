"""Which index is chosen, and which factory strings are accepted."""

from __future__ import annotations

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.indexer.vectors.build import build_index
from dsv3.indexer.vectors.faiss_index import FaissIndex
from dsv3.indexer.vectors.spec import (
    FLAT_COUNT,
    GRAPH_COUNT,
    choose_spec,
    lists_for,
    make_index,
    resolve_spec,
)
from hypothesis import given
from hypothesis import strategies as st

MUCH = 1 << 40


@pytest.mark.parametrize("count", [0, 1, 500, FLAT_COUNT])
def test_small_catalogs_are_searched_exactly(count: int) -> None:
    assert choose_spec(count, 384, MUCH) == "Flat"
    assert choose_spec(count, 384, 0) == "Flat"


def test_middle_sizes_take_the_graph_while_it_fits_into_memory() -> None:
    count = FLAT_COUNT + 1
    assert choose_spec(count, 384, MUCH) == "HNSW32"
    assert choose_spec(count, 384, count * 384 * 4).startswith("IVF")
    assert choose_spec(GRAPH_COUNT + 1, 384, MUCH).startswith("IVF")


@given(count=st.integers(0, 10**9), dim=st.integers(8, 4096), memory=st.integers(0, MUCH))
def test_lists_are_large_enough_to_train(count: int, dim: int, memory: int) -> None:
    spec = choose_spec(count, dim, memory)
    assert spec in ("Flat", "HNSW32") or spec == f"IVF{lists_for(count)},RaBitQfs,Refine(SQ8)"
    if spec.startswith("IVF"):
        assert count / lists_for(count) >= 64
    assert lists_for(count) <= lists_for(2 * count)


@pytest.mark.parametrize("count", [100, FLAT_COUNT + 1, GRAPH_COUNT + 1])
def test_what_is_chosen_can_be_made(count: int) -> None:
    assert make_index(choose_spec(count, 64, MUCH), 64).ntotal == 0


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("Flatt", "Flatt"),
        ("", "cannot be used"),
        ("IVF64,PQ7", "PQ7"),
        ("NSG32", "takes no filter"),
        ("PQ8", "takes no filter"),
        ("PQ8x4fs", "takes no filter"),
        ("RaBitQfs", "takes no filter"),
        ("IDMap,Flat", "takes no filter"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(spec: str, told: str) -> None:
    with pytest.raises(InputError, match="cannot be used") as caught:
        make_index(spec, 64)
    assert told in str(caught.value)
    assert "HNSW32" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_vectors_to_train_on() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    with pytest.raises(InputError, match="cannot be trained on 50 vectors") as caught:
        build_index("IVF64,Flat", 16, "cosine", 50, [(np.arange(50), vectors)], vectors)
    assert "fewer lists" in str(caught.value)


def test_adding_before_training() -> None:
    index = FaissIndex("IVF4,Flat", 16, "cosine")
    with pytest.raises(InputError, match="must be trained"):
        index.add(np.arange(2), np.ones((2, 16), np.float32))


def test_dim_must_be_positive() -> None:
    with pytest.raises(InputError, match="dim"):
        make_index("Flat", 0)


@pytest.mark.parametrize(("wanted", "codes"), [("int8", "SQ8"), ("binary", "RaBitQ")])
def test_compressed_vectors_have_plain_names(wanted: str, codes: str) -> None:
    assert resolve_spec(wanted, FLAT_COUNT, 64, MUCH) == codes
    listed = resolve_spec(wanted, GRAPH_COUNT, 64, MUCH)
    assert listed == f"IVF1024,{codes}"
    for spec in (codes, listed):
        assert make_index(spec, 64).ntotal == 0
    assert resolve_spec("auto", 10, 64, MUCH) == "Flat"
    assert resolve_spec("HNSW16", 10, 64, MUCH) == "HNSW16"

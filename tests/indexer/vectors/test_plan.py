"""The cost model: which way of searching is chosen, and how widely."""

from __future__ import annotations

import pytest
from dsv3.indexer.vectors.plan import Task, breadth_for, choose_plan
from dsv3.indexer.vectors.spec import make_index
from dsv3.indexer.vectors.structure import Structure, look_into
from hypothesis import given
from hypothesis import strategies as st

GRAPH_INDEX = make_index("HNSW32", 16)
LISTS_INDEX = make_index("IVF256,RaBitQfs,Refine(SQ8)", 16)
CODES_INDEX = make_index("RaBitQ", 16)
FLAT_INDEX = make_index("Flat", 16)
ALL = [look_into(index) for index in (GRAPH_INDEX, LISTS_INDEX, CODES_INDEX, FLAT_INDEX)]


def task(passing: int, capacity: int = 1_000_000, k: int = 10, effort: float = 1.0) -> Task:
    return Task(passing, capacity, capacity, 384, k, effort)


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.kind)
def test_few_rows_are_scored_exactly(structure: Structure) -> None:
    plan = choose_plan(structure, task(312))
    assert plan.method == "exact"
    assert plan.words == "exact over 312 of 1,000,000 rows"


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.kind)
def test_many_rows_are_left_to_the_index(structure: Structure) -> None:
    plan = choose_plan(structure, task(500_000))
    assert plan.method == "index"
    assert "(50 % pass)" in plan.words


def test_words_name_the_breadth() -> None:
    graph, lists, codes, flat = ALL
    assert choose_plan(graph, task(101_000)).words.endswith("with filter (10.1 % pass)")
    assert "IVF nprobe" in choose_plan(lists, task(1_000_000)).words
    assert choose_plan(codes, task(1_000_000)).words == "every code, best scored again exactly"
    assert choose_plan(flat, task(1_000_000)).words == "exact over every vector"


@given(
    few=st.integers(1, 999_999),
    more=st.integers(0, 1_000_000),
    kind=st.sampled_from([0, 1]),
    k=st.integers(1, 1000),
)
def test_fewer_passing_rows_never_narrow_the_search(few: int, more: int, kind: int, k: int) -> None:
    many = min(1_000_000, few + more)
    narrow, wide = task(few, k=k), task(many, k=k)
    assert breadth_for(ALL[kind], narrow) >= breadth_for(ALL[kind], wide) >= 1


@given(passing=st.integers(1, 10**6), k=st.integers(1, 2000), effort=st.floats(0.01, 50))
def test_a_plan_is_within_the_index(passing: int, k: int, effort: float) -> None:
    for structure in ALL:
        plan = choose_plan(structure, task(passing, k=k, effort=effort))
        assert plan.fetch >= min(k, passing)
        if plan.method == "index" and structure.kind == "lists":
            assert 1 <= plan.breadth <= structure.lists
        if plan.method == "index" and structure.kind == "graph":
            assert plan.breadth >= plan.fetch

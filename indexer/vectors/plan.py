"""Choose how to search by what it costs: every passing row exactly, or the approximate index.

All measured constants of the search stand here. They were measured with benchmarks/vectors.py
on 384-dimensional product vectors, one thread; benchmarks/README-vectors.md has the table they
come from. Only their ratios matter: a faster machine moves them together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .structure import Structure

# Scoring one gathered vector, per value: random reads of 1.5 kB each at 1M vectors.
EXACT_NS_PER_VALUE = 0.55
# One step of HNSW scores the unseen neighbours of one node, per value of a vector.
GRAPH_NS_PER_VALUE = 6.9
# Scoring one centroid, one code within a list, and one code or vector of a full scan.
CENTROID_NS_PER_VALUE = 0.25
LISTED_NS_PER_VALUE = 0.04
SCANNED_NS_PER_VALUE = 0.1
# Asking the filter about one position of a full scan.
FILTER_NS = 3.0

# efSearch without a filter, for an index of 10,000 vectors, and its growth per tenfold size.
GRAPH_BREADTH = 112
GRAPH_GROWTH = 3.5
# A filter adds this many steps for every vector that is passed by on the way to a result.
GRAPH_PER_RESULT = 3
# nprobe without a filter is LISTS_BREADTH * lists ** LISTS_POWER: 28 of 64, 94 of 2,048.
LISTS_BREADTH = 6.5
LISTS_POWER = 0.35
# With a filter it grows by the share that passes to this power: 2.5 times at 1 %.
LISTS_GROWTH = -0.2
# Candidates for each result that are scored again from exact vectors, by what was stored.
RESCORED_FINE = 2
RESCORED_COARSE = 20
# Candidates that a refinement itself scores for each of those.
REFINED_FACTOR = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How one search is done.

    Attributes:
        method: "exact" scores every passing row; "index" asks FAISS.
        breadth: efSearch or nprobe.
        fetch: candidates to ask the index for.
        words: the same for people.

    """

    method: Literal["exact", "index"]
    breadth: int
    fetch: int
    words: str


@dataclass(frozen=True, slots=True)
class Task:
    """What a plan depends on: `passing` of `capacity` vectors may be among k results."""

    passing: int
    live: int
    capacity: int
    dim: int
    k: int
    effort: float = 1.0

    @property
    def share(self) -> float:
        """Return the share of vectors held that may be found."""
        return self.passing / self.capacity


def choose_plan(structure: Structure, task: Task) -> Plan:
    """Choose the cheaper of exact scoring and the index at the breadth recall asks for."""
    breadth = breadth_for(structure, task)
    fetch = min(task.passing, task.k * rescored(structure))
    if exact_cost(task) <= index_cost(structure, task, breadth):
        words = f"exact over {task.passing:,} of {task.live:,} rows"
        return Plan("exact", 0, task.k, words)
    if structure.kind == "graph":
        breadth = max(breadth, fetch)
    return Plan("index", breadth, fetch, _words(structure, task, breadth))


def rescored(structure: Structure) -> int:
    """Return how many candidates for each result are scored again from exact vectors."""
    if structure.keeps_vectors:
        return 1
    return RESCORED_COARSE if structure.coarse else RESCORED_FINE


def breadth_for(structure: Structure, task: Task) -> int:
    """Return the efSearch or nprobe that keeps recall at this selectivity; 0 for a full scan."""
    wanted: float
    if structure.kind == "graph":
        grown = GRAPH_BREADTH * GRAPH_GROWTH ** max(0.0, math.log10(task.capacity / 1e4))
        passed_by = task.k * (1 / task.share - 1)
        wanted = grown + GRAPH_PER_RESULT * passed_by
        return max(1, math.ceil(wanted * task.effort))
    if structure.kind == "lists":
        wanted = LISTS_BREADTH * structure.lists**LISTS_POWER * task.share**LISTS_GROWTH
        return min(structure.lists, max(1, math.ceil(wanted * task.effort)))
    return 0


def exact_cost(task: Task) -> float:
    """Estimate the nanoseconds of scoring every passing row."""
    return task.passing * task.dim * EXACT_NS_PER_VALUE


def index_cost(structure: Structure, task: Task, breadth: int) -> float:
    """Estimate the nanoseconds of asking the index."""
    if structure.kind == "graph":
        return breadth * task.dim * GRAPH_NS_PER_VALUE
    if structure.kind == "lists":
        asked = task.capacity * breadth / structure.lists
        centroids = structure.lists * CENTROID_NS_PER_VALUE
        return task.dim * (centroids + asked * LISTED_NS_PER_VALUE)
    return task.capacity * FILTER_NS + task.passing * task.dim * SCANNED_NS_PER_VALUE


def _words(structure: Structure, task: Task, breadth: int) -> str:
    names = {
        "flat": "exact over every vector",
        "codes": "every code",
        "graph": f"HNSW efSearch {breadth:,}",
        "lists": f"IVF nprobe {breadth:,} of {structure.lists:,}",
    }
    words = names[structure.kind]
    if task.passing < task.live:
        words += f" with filter ({100 * task.passing / task.live:.3g} % pass)"
    if not structure.keeps_vectors:
        words += ", best scored again exactly"
    return words

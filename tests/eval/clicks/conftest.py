"""Worlds whose parameters are known: models drawn at random, and logs simulated from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from dsv3.eval.clicks import MODELS, ClickModel, Sessions
from dsv3.eval.clicks.models.cascade import Cascade
from dsv3.eval.clicks.models.dbn import DBN, SimplifiedDBN
from dsv3.eval.clicks.models.dcm import DCM
from dsv3.eval.clicks.models.pbm import PBM
from dsv3.eval.clicks.models.ubm import UBM

Plant = Callable[[str, int, int, int], ClickModel]
Searches = Callable[[ClickModel, int, int, int, int], Sessions]


def plant_model(name: str, count: int, depth: int, seed: int = 0) -> ClickModel:
    rng = np.random.default_rng(seed)
    liked = rng.uniform(0.1, 0.8, count + 1)
    satisfied = rng.uniform(0.2, 0.8, count + 1)
    ranks = np.arange(1.0, depth + 1.0, dtype=np.float64)
    distance = np.maximum(ranks[:, None] - np.arange(depth), 1.0)
    looks = distance**-0.7
    looks[:, 1:] *= 0.8
    planted = {
        "pbm": PBM(liked, ranks**-0.7),
        "cascade": Cascade(liked),
        "dcm": DCM(liked, np.linspace(0.7, 0.3, depth)),
        "sdbn": SimplifiedDBN(liked, satisfied, np.asarray(1.0)),
        "dbn": DBN(liked, satisfied, np.asarray(0.85)),
        "ubm": UBM(liked, looks),
    }
    assert set(planted) == set(MODELS)
    return planted[name]


def draw_sessions(model: ClickModel, count: int, searches: int, depth: int, seed: int) -> Sessions:
    """Shuffle the products of queries that have `depth` products each."""
    rng = np.random.default_rng(seed)
    queries = rng.integers(count // depth, size=searches)
    order = np.argsort(rng.random((searches, depth)), 1)
    items = queries[:, None] * depth + order
    return Sessions(items, model.simulate(items, rng), count)


@pytest.fixture
def plant() -> Plant:
    return plant_model


@pytest.fixture
def searches() -> Searches:
    return draw_sessions


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)

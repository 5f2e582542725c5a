"""A world of one click model, a logging system that varies its lists, and the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.clicks import ClickLog, ClickModel, Search, collect_log, estimate_clicks
from dsv3.eval.clicks.models.cascade import Cascade
from dsv3.eval.clicks.models.pbm import PBM
from dsv3.eval.clicks.offpolicy import place_weights, target_items

QUERIES, PRODUCTS, DEPTH = 4, 4, 3
NAMES = [(f"q{q}", f"p{p}") for q in range(QUERIES) for p in range(PRODUCTS)]
LIKED = np.random.default_rng(0).uniform(0.1, 0.8, len(NAMES) + 1)
WORLD = PBM(LIKED, np.asarray([1.0, 0.6, 0.4]))
# The system to be judged puts the three most attractive products first.
TARGET = {
    f"q{q}": [f"p{p}" for p in np.argsort(-LIKED[q * PRODUCTS : q * PRODUCTS + PRODUCTS])[:DEPTH]]
    for q in range(QUERIES)
}


def draw_log(searches: int, seed: int, world: ClickModel = WORLD) -> ClickLog:
    """Log a system that shows p0, p1, p2, p3 turned by 0 to 3 places, and not evenly so."""
    rng = np.random.default_rng(seed)
    turn_chances = np.asarray([0.4, 0.1, 0.3, 0.2])
    found = []
    for number in range(searches):
        query, turn = int(rng.integers(QUERIES)), int(rng.choice(4, p=turn_chances))
        order = [(place + turn) % PRODUCTS for place in range(DEPTH)]
        if rng.random() < 0.5:
            order = order[::-1]
        items = np.asarray([[query * PRODUCTS + p for p in order]])
        clicks = world.simulate(items, rng)[0].tolist()
        # Straight, p stands at `place` for turn p - place; reversed, for turn p - (2 - place).
        chances = [
            0.5 * turn_chances[(p - place) % 4] + 0.5 * turn_chances[(p - (2 - place)) % 4]
            for place, p in enumerate(order)
        ]
        found.append(Search(str(number), f"q{query}", [f"p{p}" for p in order], clicks, chances))
    return collect_log(found)


def truth(world: ClickModel = WORLD) -> float:
    items = np.asarray([[q * PRODUCTS + int(p[1]) for p in TARGET[f"q{q}"]] for q in range(4)])
    return float(world.click_probabilities(items).sum(1).mean())


def worst_model(log: ClickLog) -> PBM:
    """Predict 0.9 clicks for anything anywhere."""
    return PBM(np.full(len(log.pairs) + 1, 0.9), np.ones(DEPTH))


LOGS = [draw_log(250, seed) for seed in range(120)]


def test_inverse_propensity_is_unbiased_and_the_log_alone_is_not() -> None:
    found = np.asarray(
        [estimate_clicks(log, TARGET, model=worst_model(log)).ips.mean for log in LOGS]
    )
    logged = np.asarray([log.clicks.sum(1).mean() for log in LOGS])
    error = found.std(ddof=1) / np.sqrt(len(LOGS))
    assert found.mean() == pytest.approx(truth(), abs=3 * error)
    assert abs(logged.mean() - truth()) > 10 * logged.std(ddof=1) / np.sqrt(len(LOGS))


@pytest.mark.parametrize("wrong", [False, True])
def test_doubly_robust_is_unbiased_whatever_the_model(wrong: bool) -> None:
    found, ips = [], []
    for log in LOGS:
        model = worst_model(log) if wrong else WORLD
        log = log if wrong else log.with_pairs(NAMES)
        estimates = estimate_clicks(log, TARGET, model=model)
        found.append(estimates.doubly_robust.mean)
        ips.append(estimates.ips.mean)
        if wrong:
            assert estimates.direct.mean == pytest.approx(0.9 * DEPTH)
        else:
            assert estimates.direct.mean == pytest.approx(truth(), abs=0.15)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(truth(), abs=3.5 * error)
    if not wrong:
        assert np.var(found) < 0.9 * np.var(ips)


def test_self_normalised_and_fitted_models_vary_less() -> None:
    estimates = [estimate_clicks(log, TARGET) for log in LOGS[:60]]
    ips, snips, robust = (
        np.asarray([getattr(e, kind).mean for e in estimates])
        for kind in ("ips", "self_normalised", "doubly_robust")
    )
    assert snips.var() < ips.var()
    assert robust.var() < ips.var()
    for found in (snips, robust):
        assert found.mean() == pytest.approx(truth(), abs=0.05)


@pytest.mark.parametrize("kind", ["ips", "self_normalised", "doubly_robust"])
def test_intervals_cover_the_truth(kind: str) -> None:
    covered = 0
    for log in LOGS:
        interval = getattr(estimate_clicks(log, TARGET, model=worst_model(log)), kind)
        covered += interval.low <= truth() <= interval.high
    assert covered >= 0.88 * len(LOGS)


def test_estimates_agree_with_a_large_log() -> None:
    estimates = estimate_clicks(draw_log(20_000, 999), TARGET)
    for kind in (estimates.ips, estimates.self_normalised, estimates.doubly_robust):
        assert kind.mean == pytest.approx(truth(), abs=0.03)
        assert kind.low < kind.mean < kind.high
    assert estimates.direct.mean == pytest.approx(truth(), abs=0.03)
    assert estimates.unsupported == 0
    assert 1000 < estimates.effective_searches < 20_000


def test_model_of_the_wrong_kind_biases_direct_and_not_doubly_robust() -> None:
    """Clicks of a cascade, predicted by a PBM that takes every rank to be looked at."""
    log = draw_log(20_000, 5).with_pairs(NAMES)
    wrong = PBM(LIKED, np.ones(DEPTH))
    estimates = estimate_clicks(log, TARGET, model=wrong)
    assert estimates.direct.mean > truth() + 0.2
    assert estimates.doubly_robust.mean == pytest.approx(truth(), abs=0.04)


def test_logging_system_itself_is_estimated_exactly() -> None:
    """One list always shown has propensity 1; every estimate is then the log's own mean."""
    model = Cascade(LIKED)
    items = np.tile([0, 1, 2], (500, 1))
    clicks = model.simulate(items, np.random.default_rng(0))
    searches = [
        Search(str(n), "q0", ["p0", "p1", "p2"], row, [1.0] * 3) for n, row in enumerate(clicks)
    ]
    estimates = estimate_clicks(collect_log(searches), {"q0": ["p0", "p1", "p2"]})
    for kind in (estimates.ips, estimates.self_normalised, estimates.doubly_robust):
        assert kind.mean == pytest.approx(clicks.sum(1).mean())
    assert estimates.ips.low == pytest.approx(estimates.self_normalised.low)
    assert estimates.effective_searches == pytest.approx(500)


def test_unknown_products_are_unsupported() -> None:
    log = LOGS[0]
    target = {"q0": ["new", "p0"], "q1": ["p1"]}
    estimates = estimate_clicks(log, target, model=worst_model(log))
    rows = target_items(log, target)
    assert (place_weights(log, rows)[rows == len(log.pairs)] == 0).all()
    assert 0.15 < estimates.unsupported < 0.5
    nothing = estimate_clicks(log, {}, model=worst_model(log))
    assert (nothing.ips.mean, nothing.direct.mean, nothing.effective_searches) == (0, 0, 0)


def test_clipping_bounds_the_weights() -> None:
    log = LOGS[0]
    target = target_items(log, TARGET)
    assert place_weights(log, target).max() > 3
    assert place_weights(log, target, clip=3).max() == 3


def test_log_without_propensities_is_refused() -> None:
    with pytest.raises(InputError, match="has no propensities: add a column"):
        estimate_clicks(replace(LOGS[0], propensities=None), TARGET)

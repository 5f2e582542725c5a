"""What every click model must do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.clicks import MODELS, ClickModel, Sessions, measure_fit
from dsv3.eval.clicks.models.base import LEAST
from dsv3.eval.clicks.sessions import Floats

Plant = Callable[[str, int, int, int], ClickModel]
Searches = Callable[[ClickModel, int, int, int, int], Sessions]
DEPTH = 5


def all_patterns(ranking: list[int], count: int) -> Sessions:
    patterns = np.asarray(list(product((False, True), repeat=len(ranking))))
    return Sessions(np.tile(ranking, (len(patterns), 1)), patterns, count)


def chances(model: ClickModel, sessions: Sessions) -> Floats:
    after = model.conditional(sessions)
    found: Floats = np.where(sessions.clicks, after, 1 - after).prod(1)
    return found


@pytest.mark.parametrize("ranking", [[3, 1, 4, 0, 2], [2, 0, 3, -1, -1], [4, -1, -1, -1, -1]])
def test_conditionals_make_one_distribution_with_the_marginals(
    name: str, plant: Plant, ranking: list[int]
) -> None:
    model = plant(name, DEPTH, DEPTH, 1)
    patterns = all_patterns(ranking, DEPTH)
    chance = chances(model, patterns)
    assert chance.sum() == pytest.approx(1.0)
    marginal = model.click_probabilities(np.asarray([ranking]))[0]
    assert chance @ patterns.clicks == pytest.approx(marginal)


def test_examination_explains_the_clicks(name: str, plant: Plant) -> None:
    """In every model a click is an examined product that attracts: P(C) = P(E) a."""
    ranking = [3, 1, 4, 0, 2]
    model = plant(name, DEPTH, DEPTH, 2)
    patterns = all_patterns(ranking, DEPTH)
    possible = chances(model, patterns) > 0
    patterns = Sessions(patterns.items[possible], patterns.clicks[possible], DEPTH)
    examined = model.examined(patterns)
    assert (examined[patterns.clicks] == 1).all()
    looks = chances(model, patterns) @ examined
    marginal = model.click_probabilities(np.asarray([ranking]))[0]
    assert looks * model.attractiveness[ranking] == pytest.approx(marginal)


def test_simulated_searches_follow_the_distribution(name: str, plant: Plant) -> None:
    ranking, searches = [1, 3, 0, 2], 60_000
    model = plant(name, 4, 4, 3)
    drawn = model.simulate(np.tile(ranking, (searches, 1)), np.random.default_rng(0))
    patterns = all_patterns(ranking, 4)
    code = 2 ** np.arange(4)[::-1]
    counted = np.bincount(drawn @ code, minlength=16) / searches
    expected = chances(model, patterns)
    assert np.abs(counted - expected).max() < 5 * np.sqrt(0.25 / searches)


def test_nothing_below_the_end_of_a_list_is_clicked(name: str, plant: Plant) -> None:
    model = plant(name, 4, 4, 0)
    items = np.asarray([[0, 1, -1, -1], [-1, -1, -1, -1]] * 200)
    clicks = model.simulate(items, np.random.default_rng(0))
    assert clicks[::2, :2].any()
    assert not clicks[items < 0].any()
    assert (model.click_probabilities(items)[items < 0] == 0).all()


def test_simulation_repeats_with_its_seed(name: str, plant: Plant) -> None:
    model = plant(name, 4, 4, 0)
    items = np.tile([0, 1, 2, 3], (50, 1))
    once, again, other = (model.simulate(items, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()


def test_no_step_of_fitting_lowers_the_likelihood(
    name: str, plant: Plant, searches: Searches
) -> None:
    sessions = searches(plant(name, 20, DEPTH, 4), 20, 800, DEPTH, 4)
    model = MODELS[name].start(sessions)
    before = -np.inf
    for _ in range(15):
        model = model.step(sessions, 0.0)
        after = measure_fit(model, sessions).log_likelihood
        assert after >= before - 1e-5
        before = after
    for value in model.parameters.values():
        assert ((value >= LEAST) & (value <= 1)).all()


def test_planted_parameters_are_recovered(name: str, plant: Plant, searches: Searches) -> None:
    planted = plant(name, 20, DEPTH, 5)
    fitted = MODELS[name].fit(searches(planted, 20, 30_000, DEPTH, 5), shrinkage=0)
    for parameter, value in planted.parameters.items():
        known = identified(parameter, value)
        error = np.abs(fitted.parameters[parameter][known] - value[known])
        assert error.mean() < 0.03, parameter
        assert error.max() < 0.1, parameter


def identified(parameter: str, value: Floats) -> tuple[np.ndarray, ...] | slice:
    """Leave out the item never seen, and what no click can tell of."""
    if value.ndim == 2:
        return np.tril_indices(len(value))
    if value.ndim == 0:
        return ()
    return slice(0, -1) if parameter != "examination" else slice(None)


def test_fitted_model_predicts_held_out_searches(
    name: str, plant: Plant, searches: Searches
) -> None:
    planted = plant(name, 20, DEPTH, 6)
    fitted = MODELS[name].fit(searches(planted, 20, 10_000, DEPTH, 6))
    held_out = searches(planted, 20, 10_000, DEPTH, 7)
    found, best = measure_fit(fitted, held_out), measure_fit(planted, held_out)
    assert found.log_likelihood == pytest.approx(best.log_likelihood, abs=0.01)
    assert found.perplexity == pytest.approx(best.perplexity, abs=0.005)
    assert 1 < found.conditional_perplexity <= found.perplexity + 0.01
    for predicted, counted in found.ctr_by_rank:
        assert predicted == pytest.approx(counted, abs=0.02)


def test_unseen_item_gets_the_mean(name: str, plant: Plant, searches: Searches) -> None:
    sessions = searches(plant(name, 20, DEPTH, 8), 20, 500, DEPTH, 8)
    fitted = MODELS[name].fit(sessions)
    known = fitted.attractiveness[:-1]
    assert known.min() < fitted.attractiveness[-1] < known.max()


def test_shrinkage_moderates_an_item_seen_once(name: str) -> None:
    items = np.asarray([[0, 1]] * 50 + [[2, 1]])
    clicks = np.asarray([[False, True]] * 25 + [[False, False]] * 25 + [[True, False]])
    sessions = Sessions(items, clicks, 3)
    bold, careful = (MODELS[name].fit(sessions, shrinkage=s).attractiveness[2] for s in (0, 5))
    assert bold == pytest.approx(1, abs=1e-3)
    assert careful < 0.7


def test_fitting_on_nothing_is_refused(name: str) -> None:
    empty = Sessions(np.empty((0, 3), dtype=np.int64), np.empty((0, 3), dtype=bool), 0)
    with pytest.raises(InputError, match="without searches"):
        MODELS[name].fit(empty)


@pytest.mark.parametrize("ranked", ["pbm", "dcm", "ubm"])
def test_more_ranks_than_fitted_are_refused(plant: Plant, ranked: str) -> None:
    with pytest.raises(InputError, match="knows 3 ranks and was asked about 4"):
        plant(ranked, 4, 3, 0).click_probabilities(np.asarray([[0, 1, 2, 3]]))

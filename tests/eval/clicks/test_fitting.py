from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.clicks import (
    MODELS,
    ClickLog,
    ClickModel,
    Search,
    Sessions,
    collect_log,
    fit_model,
    load_model,
    measure_fit,
    model_class,
    relevance_weights,
    save_model,
)
from dsv3.eval.clicks.models.cascade import Cascade
from dsv3.eval.clicks.models.pbm import PBM


def biased_log(model: ClickModel, searches: int = 4000, seed: int = 0) -> ClickLog:
    """Show four products of one query, number 3 nearly always last."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(searches):
        order = [*rng.permutation(3), 3]
        if rng.random() < 0.1:
            order = order[::-1]
        clicks = model.simulate(np.asarray([order]), rng)[0].tolist()
        found.append(Search(str(number), "q", [f"p{p}" for p in order], clicks))
    return collect_log(found)


PLANTED = PBM(np.asarray([0.3, 0.3, 0.3, 0.6, 0.5]), np.asarray([1.0, 0.5, 0.3, 0.2]))


def test_weights_see_through_position() -> None:
    """The best product is clicked least often, because it stands last."""
    log = biased_log(PLANTED)
    weights = relevance_weights(log, fit_model(log, "pbm").model)
    by_product = {product: weight for (_, product), weight in weights.items()}
    rate = {p: w.clicks / w.impressions for p, w in by_product.items()}
    assert min(rate, key=lambda p: rate[p]) == "p3"
    best = max(by_product, key=lambda p: by_product[p].attractiveness)
    assert best == "p3"
    assert by_product["p3"].attractiveness == pytest.approx(0.6, abs=0.1)
    for weight in by_product.values():
        assert weight.impressions == 4000
        assert weight.clicks <= weight.examinations <= weight.impressions
        found = weight.clicks / weight.examinations
        assert found == pytest.approx(weight.attractiveness, abs=0.02)


def test_weights_need_the_same_vocabulary() -> None:
    log = biased_log(PLANTED, 50)
    fitted = fit_model(log, "pbm")
    other = collect_log([Search("1", "q", ["p0"], [True])])
    with pytest.raises(InputError, match="knows 4 items and the log has 1 pairs"):
        relevance_weights(other, fitted.model)
    weights = relevance_weights(fitted.recode(other), fitted.model)
    assert list(weights) == [("q", "p0")]


def test_held_out_ctr_of_a_log_is_predicted() -> None:
    fit, held_out = biased_log(PLANTED, 8000).split(0.25, seed=3)
    found = measure_fit(fit_model(fit, "pbm").model, held_out.sessions)
    assert found.searches == 2000
    for predicted, counted in found.ctr_by_rank:
        assert predicted == pytest.approx(counted, abs=0.035)


def test_the_true_kind_of_model_fits_best() -> None:
    planted = Cascade(PLANTED.attractiveness)
    fit, held_out = biased_log(planted, 8000).split(0.25)
    likelihood = {
        name: measure_fit(fit_model(fit, name).model, held_out.sessions).log_likelihood
        for name in MODELS
    }
    assert likelihood["cascade"] > likelihood["pbm"] + 0.05
    # DCM and both DBNs contain the cascade model: they come near and cannot pass it by much.
    for name in ("dcm", "sdbn", "dbn"):
        assert likelihood[name] == pytest.approx(likelihood["cascade"], abs=0.01)


def test_perplexity_by_hand() -> None:
    model = PBM(np.asarray([0.8, 0.5, 0.5]), np.asarray([1.0, 0.5]))
    items, clicks = np.asarray([[0, 1], [0, -1]]), np.asarray([[True, False], [False, False]])
    fit = measure_fit(model, Sessions(items, clicks, 2))
    first = 2 ** -((np.log2(0.8) + np.log2(0.2)) / 2)
    second = 2 ** -np.log2(0.75)
    assert fit.perplexity_by_rank == pytest.approx((first, second))
    assert fit.perplexity == pytest.approx((first + second) / 2)
    logs = np.log([0.8, 0.2, 0.75])
    assert fit.conditional_perplexity == pytest.approx(np.exp(-logs.mean()))
    assert fit.log_likelihood == pytest.approx(logs.sum() / 2)
    assert np.asarray(fit.ctr_by_rank) == pytest.approx(np.asarray([[0.8, 0.5], [0.25, 0.0]]))


def test_impossible_click_costs_much_and_not_everything() -> None:
    sessions = Sessions(np.asarray([[0, 1]]), np.asarray([[True, True]]), 2)
    found = measure_fit(Cascade(np.full(3, 0.5)), sessions).log_likelihood
    assert found == pytest.approx(np.log(0.5) + np.log(1e-6))


@pytest.mark.parametrize("name", MODELS)
def test_fitted_model_comes_back_from_its_file(tmp_path: Path, name: str) -> None:
    log = biased_log(PLANTED, 200)
    fitted = fit_model(log, name)
    save_model(fitted, tmp_path / "model.json")
    loaded = load_model(tmp_path / "model.json")
    assert loaded.pairs == log.pairs
    assert type(loaded.model) is model_class(name)
    assert measure_fit(loaded.model, log.sessions) == measure_fit(fitted.model, log.sessions)
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(InputError, match="no such file"):
        load_model(path)
    for text in ("{", "[]", "{}", '{"format": 1, "model": "pbm", "parameters": {"a": 1}}'):
        path.write_text(text)
        with pytest.raises(InputError, match="not a click model written by dsv3"):
            load_model(path)
    path.write_text('{"format": 9}')
    with pytest.raises(InputError, match="format 9 is not 1"):
        load_model(path)

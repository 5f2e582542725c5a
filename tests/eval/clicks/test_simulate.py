from __future__ import annotations

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.clicks import (
    MODELS,
    ClickReport,
    Simulation,
    click_lift,
    collect_log,
    ctr_lift,
    fit_grades,
    grade_model,
    rank_agreement,
    simulate,
)
from dsv3.eval.clicks.log import Search
from dsv3.eval.measures import measure_queries, nDCG
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run

Qrel = dict[str, dict[str, int]]


def judge(queries: int = 40, products: int = 30, seed: int = 0) -> Qrel:
    rng = np.random.default_rng(seed)
    return {
        f"query {q}": {f"p{p}": int(rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])) for p in range(products)}
        for q in range(queries)
    }


def system(qrels: Qrel, noise: float, seed: int = 0) -> dict[str, list[str]]:
    """Rank by grade plus noise: the more noise, the worse."""
    rng = np.random.default_rng(seed)
    return {
        query: sorted(judged, key=lambda p: -(judged[p] + noise * rng.normal()))
        for query, judged in qrels.items()
    }


QRELS = judge()
GOOD, BAD = system(QRELS, 0.3), system(QRELS, 3.0)
GOOD_MANY, BAD_MANY = system(judge(150), 0.0), system(judge(150), 3.0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shopper", ["navigational", "informational", "perfect"])
def test_drawn_searches_agree_with_exact_expectations(name: str, shopper: str) -> None:
    drawn = simulate(BAD, QRELS, Simulation(name, sessions=800, shopper=shopper))
    exact = simulate(BAD, QRELS, Simulation(name, sessions=0, shopper=shopper))
    assert drawn.ctr.mean == pytest.approx(exact.ctr.mean, abs=0.015)
    assert drawn.clicks_at_k.mean == pytest.approx(exact.clicks_at_k.mean, rel=0.03)
    assert drawn.first_click is not None
    assert exact.first_click is not None
    assert drawn.first_click.mean == pytest.approx(exact.first_click.mean, rel=0.03)
    for a, b in zip(drawn.ctr_by_rank, exact.ctr_by_rank, strict=True):
        assert a.mean == pytest.approx(b.mean, abs=0.025)


def check_consistent(report: ClickReport) -> None:
    assert report.abandonment.mean == pytest.approx(1 - report.ctr.mean)
    assert report.clicks_at_k.mean >= report.ctr.mean - 1e-9
    assert report.ctr.mean == pytest.approx(np.mean(list(report.query_ctr.values())))
    intervals = [report.ctr, report.clicks_at_k, report.abandonment, *report.ctr_by_rank]
    for interval in [*intervals, report.first_click]:
        assert interval is not None
        assert interval.low <= interval.mean + 1e-9
        assert interval.mean <= interval.high + 1e-9


@pytest.mark.parametrize("name", MODELS)
def test_report_is_consistent(name: str) -> None:
    report = simulate(GOOD, QRELS, Simulation(name, sessions=200))
    check_consistent(report)
    assert len(report.ctr_by_rank) == 10
    assert sum(r.mean for r in report.ctr_by_rank) == pytest.approx(report.clicks_at_k.mean)


def test_cascade_by_hand() -> None:
    """Two products of attractiveness 0.05 and 0.95: P(no click) = 0.95 * 0.05."""
    qrels = {"q": {"bad": 0, "good": 1}}
    report = simulate({"q": ["bad", "good"]}, qrels, Simulation("cascade", sessions=0))
    assert report.ctr.mean == pytest.approx(1 - 0.95 * 0.05)
    assert report.first_click is not None
    expected = (1 * 0.05 + 2 * 0.95 * 0.95) / (1 - 0.95 * 0.05)
    assert report.first_click.mean == pytest.approx(expected)
    assert [r.mean for r in report.ctr_by_rank] == pytest.approx([0.05, 0.95 * 0.95])


def test_same_seed_same_report_other_seed_other() -> None:
    once, again = (simulate(BAD, QRELS, Simulation("dbn", sessions=50, seed=4)) for _ in range(2))
    assert once == again
    assert once.ctr != simulate(BAD, QRELS, Simulation("dbn", sessions=50, seed=5)).ctr


def test_query_draws_the_same_beside_other_queries() -> None:
    alone = {"query 3": QRELS["query 3"]}
    assert max(alone["query 3"].values()) == 3
    few, many = (simulate(BAD, qrels, Simulation("dbn", sessions=50)) for qrels in (alone, QRELS))
    assert few.query_ctr["query 3"] == many.query_ctr["query 3"]


@pytest.mark.parametrize("name", MODELS)
def test_better_system_gets_a_significant_lift(name: str) -> None:
    worse, better = (simulate(s, QRELS, Simulation(name, sessions=200)) for s in (BAD, GOOD))
    lift = ctr_lift(worse, better)
    assert lift.value == pytest.approx(better.ctr.mean / worse.ctr.mean - 1)
    assert lift.low <= lift.value <= lift.high
    assert lift.significant
    assert lift.value > 0
    assert ctr_lift(better, worse).value < 0
    clicks = click_lift(worse, better)
    assert clicks.value == pytest.approx(better.clicks_at_k.mean / worse.clicks_at_k.mean - 1)


def test_system_against_itself_has_no_lift() -> None:
    report = simulate(GOOD, QRELS, Simulation("dbn", sessions=50))
    lift = ctr_lift(report, report)
    assert (lift.value, lift.low, lift.high) == (0, 0, 0)
    assert not lift.significant


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Draw shops of 40 queries from one population; its CTR is that of all 2,400 queries."""
    everything = judge(2400, 10, seed=1)
    ranked = {query: list(judged) for query, judged in everything.items()}
    truth = simulate(ranked, everything, Simulation("dbn", sessions=0)).ctr.mean
    names = list(everything)
    covered = 0
    for shop in range(60):
        some = {query: everything[query] for query in names[shop * 40 : shop * 40 + 40]}
        interval = simulate(ranked, some, Simulation(grade_model("dbn", top=3), sessions=0)).ctr
        covered += interval.low <= truth <= interval.high
    assert covered >= 51


def test_missing_and_unjudged_are_counted() -> None:
    qrels = {"a": {"x": 1, "y": 0}, "b": {"x": 1}, "c": {"x": 1}}
    rankings = {"a": ["z", "x"], "b": [], "stranger": ["x"]}
    report = simulate(rankings, qrels, Simulation("cascade", sessions=0))
    assert report.unjudged == 0.5
    assert report.not_judged == 1
    assert report.without_results == 2
    assert report.query_ctr["b"] == report.query_ctr["c"] == 0
    left_out = simulate(rankings, qrels, Simulation("cascade", sessions=0, unjudged="left out"))
    assert left_out.unjudged == 0
    assert left_out.query_ctr["a"] == pytest.approx(0.95)
    assert report.query_ctr["a"] == pytest.approx(1 - 0.95 * 0.05)
    assert "left out" in left_out.notes[1]


def test_nothing_shown_at_all() -> None:
    report = simulate({}, QRELS, Simulation("dbn"))
    assert report.ctr.mean == 0
    assert report.abandonment.mean == 1
    assert report.first_click is None
    assert report.ctr_by_rank == ()
    with pytest.raises(InputError, match="drew no click"):
        ctr_lift(report, report)


@pytest.mark.parametrize("name", MODELS)
def test_systems_ranked_by_clicks_as_by_ndcg(name: str) -> None:
    noises = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 20.0]
    ctr, ndcg = {}, {}
    qrels = judge(150)
    for noise in noises:
        ranked = system(qrels, noise, seed=9)
        report = simulate(ranked, qrels, Simulation(name, sessions=0))
        ctr[f"noise {noise}"] = report.ctr.mean
        values = measure_queries(Qrels(qrels), Run("s", ranked), [nDCG @ 10])[nDCG @ 10]
        ndcg[f"noise {noise}"] = float(np.mean(list(values.values())))
    agreement = rank_agreement(ctr, ndcg)
    assert agreement.tau > 0.85
    assert agreement.p < 0.01
    assert agreement.systems == len(noises)


def test_clicks_are_no_measure_where_a_click_can_satisfy() -> None:
    """Under DBN a good list satisfies with one click; CTR rises, clicks do not follow."""
    worse, better = (
        simulate(s, judge(150), Simulation("dbn", sessions=0)) for s in (BAD_MANY, GOOD_MANY)
    )
    assert ctr_lift(worse, better).value > 0
    assert click_lift(worse, better).value < ctr_lift(worse, better).value


def test_agreement_of_orders() -> None:
    up = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert rank_agreement(up, up).tau == pytest.approx(1)
    assert rank_agreement(up, {name: -value for name, value in up.items()}).tau == -1
    with pytest.raises(InputError, match="in common"):
        rank_agreement(up, {"a": 1.0})
    with pytest.raises(InputError, match="one value"):
        rank_agreement(up, dict.fromkeys(up, 1.0))


def test_fitted_grades_replace_the_defaults() -> None:
    """Shoppers of another taste than the default are recovered from their log."""
    model = grade_model("dbn", top=3, shopper="informational")
    rng = np.random.default_rng(0)
    searches = []
    for number in range(6000):
        query = f"query {rng.integers(40)}"
        products = list(rng.permutation(list(QRELS[query]))[:8])
        items = np.asarray([[QRELS[query][p] for p in products]])
        searches.append(Search(str(number), query, products, model.simulate(items, rng)[0]))
    fitted = fit_grades(collect_log(searches), QRELS, "dbn")
    assert fitted.attractiveness[:4] == pytest.approx(model.attractiveness[:4], abs=0.04)
    with_fitted, with_true = (
        simulate(BAD, QRELS, Simulation(m, sessions=0)) for m in (fitted, model)
    )
    assert with_fitted.ctr.mean == pytest.approx(with_true.ctr.mean, abs=0.01)
    assert with_fitted.clicks_at_k.mean == pytest.approx(with_true.clicks_at_k.mean, rel=0.03)
    with pytest.raises(InputError, match="no query of the click log"):
        fit_grades(collect_log(searches), {"another": {"p": 1}}, "dbn")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("top", [1, 2, 3, 4, 6])
def test_higher_grades_attract_and_satisfy_more(name: str, top: int) -> None:
    parameters = grade_model(name, top=top).parameters
    assert (np.diff(parameters["attractiveness"][: top + 1]) > 0).all()
    assert parameters["attractiveness"][0] == 0.05
    assert parameters["attractiveness"][top] == 0.95
    if "satisfaction" in parameters:
        assert (np.diff(parameters["satisfaction"][: top + 1]) > 0).all()


def test_mistakes_are_told() -> None:
    with pytest.raises(InputError, match="no click model 'dnb'; choose one of pbm"):
        simulate(GOOD, QRELS, Simulation("dnb"))
    with pytest.raises(InputError, match="no shopper 'idle'"):
        simulate(GOOD, QRELS, Simulation(shopper="idle"))
    with pytest.raises(InputError, match="no judgments"):
        simulate(GOOD, {})
    with pytest.raises(InputError, match="k must be"):
        simulate(GOOD, QRELS, Simulation(k=0))
    with pytest.raises(InputError, match="unjudged must be"):
        simulate(GOOD, QRELS, Simulation(unjudged="ignored"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="knows grades up to 1, the judgments 3"):
        simulate(GOOD, QRELS, Simulation(grade_model("dbn", top=1)))
    five, ten = (simulate(GOOD, QRELS, Simulation(sessions=5, k=k)) for k in (5, 10))
    with pytest.raises(InputError, match="more than the system"):
        ctr_lift(five, ten)
    fewer = simulate(GOOD, {"query 0": QRELS["query 0"]}, Simulation(sessions=5))
    with pytest.raises(InputError, match="not simulated over the same queries"):
        ctr_lift(ten, fewer)

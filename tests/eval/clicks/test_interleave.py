from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from dsv3.eval.clicks import Simulation, interleave, team_draft
from hypothesis import given
from hypothesis import strategies as st

PRODUCTS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(PRODUCTS, PRODUCTS, st.integers(1, 10), st.integers(0, 1000))
def test_draft_keeps_both_orders(first: list[str], second: list[str], k: int, seed: int) -> None:
    shown, teams = team_draft(first, second, k, np.random.default_rng(seed))
    assert len(shown) == len(teams) == min(k, len(set(first) | set(second)))
    assert len(set(shown)) == len(shown)
    for team, ranking in enumerate((first, second)):
        picked = [p for p, side in zip(shown, teams, strict=True) if side == team]
        places = [ranking.index(product) for product in picked]
        assert places == sorted(places)
    if len(set(first)) == len(set(second)) == 8:
        for cut in range(0, len(teams) + 1, 2):
            assert sum(teams[:cut]) == cut // 2


@given(PRODUCTS, st.integers(0, 1000))
def test_draft_of_one_system_with_itself_is_its_ranking(ranking: list[str], seed: int) -> None:
    assert team_draft(ranking, ranking, 10, np.random.default_rng(seed))[0] == ranking


def test_first_pick_is_tossed() -> None:
    rng = np.random.default_rng(0)
    first = Counter(team_draft("ab", "cd", 4, rng)[0][0] for _ in range(4000))
    assert set(first) == {"a", "c"}
    assert first["a"] / 4000 == pytest.approx(0.5, abs=0.04)


def test_system_without_results_leaves_the_list_to_the_other() -> None:
    assert team_draft([], ["a", "b"], 3, np.random.default_rng(0)) == (["a", "b"], [1, 1])


def judge(queries: int, seed: int = 0) -> dict[str, dict[str, int]]:
    rng = np.random.default_rng(seed)
    return {
        f"q{q}": {f"p{p}": int(grade) for p, grade in enumerate(rng.integers(0, 4, 20))}
        for q in range(queries)
    }


def rank(qrels: dict[str, dict[str, int]], noise: float, seed: int) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    return {q: sorted(j, key=lambda p: -(j[p] + noise * rng.normal())) for q, j in qrels.items()}


@pytest.mark.parametrize("model", ["pbm", "cascade", "dbn"])
def test_no_bias_between_equal_systems(model: str) -> None:
    qrels = judge(60)
    same = rank(qrels, 1.0, 0)
    for other in (same, rank(qrels, 1.0, 1)):
        report = interleave(same, other, qrels, Simulation(model, sessions=60))
        assert report.verdict == "cannot tell from 60 queries"
        assert abs(report.preference.mean) < 0.04
        assert report.wins + report.losses + report.ties == 60 * 60


def test_equal_systems_are_called_different_no_more_often_than_alpha() -> None:
    wrong = 0
    for seed in range(60):
        qrels = judge(25, seed)
        first, second = rank(qrels, 1.0, seed), rank(qrels, 1.0, seed + 1000)
        report = interleave(first, second, qrels, Simulation("cascade", sessions=5, seed=seed))
        wrong += not report.verdict.startswith("cannot")
    assert wrong <= 8


@pytest.mark.parametrize("model", ["pbm", "cascade", "dcm", "sdbn", "dbn", "ubm"])
def test_better_system_is_found(model: str) -> None:
    qrels = judge(60)
    good, bad = rank(qrels, 0.3, 0), rank(qrels, 3.0, 1)
    assert interleave(bad, good, qrels, Simulation(model, sessions=20)).verdict == "better"
    report = interleave(good, bad, qrels, Simulation(model, sessions=20))
    assert report.verdict == "worse"
    assert report.losses > report.wins
    assert report.preference.high < 0


def test_seed_repeats_and_left_out_shortens() -> None:
    qrels = judge(10)
    good, bad = rank(qrels, 0.3, 0), rank(qrels, 3.0, 1)
    reports = [interleave(bad, good, qrels, Simulation(sessions=10, seed=s)) for s in (1, 1, 2)]
    assert reports[0] == reports[1]
    assert reports[0].preference != reports[2].preference
    padded = {query: [f"new {n}" for n in range(10)] + ranking for query, ranking in good.items()}
    plain = interleave(bad, good, qrels, Simulation(sessions=10, unjudged="left out"))
    assert interleave(bad, padded, qrels, Simulation(sessions=10, unjudged="left out")) == plain
    assert interleave(bad, padded, qrels, Simulation(sessions=10)).losses > plain.losses

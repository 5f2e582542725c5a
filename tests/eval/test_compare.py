from __future__ import annotations

import numpy as np
import pytest
from dsv3.errors import InputError
from dsv3.eval.compare import (
    compare_values,
    correct,
    holm,
    mean_interval,
    randomisation_p,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest


def values(numbers: np.typing.NDArray[np.float64]) -> dict[str, float]:
    return {str(place): float(number) for place, number in enumerate(numbers)}


def test_a_clear_gain_is_better_and_its_mirror_worse() -> None:
    generator = np.random.default_rng(1)
    base = generator.random(60)
    system = base + 0.2 + 0.05 * generator.standard_normal(60)
    better = compare_values(values(base), values(system))
    worse = compare_values(values(system), values(base))
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert worse.worse
    assert better.difference.low > 0.15
    assert better.wins == worse.losses
    assert better.effect == pytest.approx(-worse.effect)


def test_noise_alone_cannot_be_told() -> None:
    generator = np.random.default_rng(2)
    base = generator.random(40)
    found = compare_values(values(base), values(base + 0.1 * generator.standard_normal(40)))
    assert found.verdict == "cannot tell from 40 queries"
    assert found.difference.low < 0 < found.difference.high


def test_the_same_run_differs_from_itself_in_nothing() -> None:
    base = values(np.random.default_rng(3).random(20))
    found = compare_values(base, base)
    assert (found.p, found.effect, found.ties, found.queries_needed) == (1.0, 0.0, 20, None)
    assert found.difference.low == found.difference.high == 0.0


def test_p_equals_the_exact_sign_test_where_all_changes_are_of_one_size() -> None:
    differences = [0.5] * 9 + [-0.5] * 2
    assert randomisation_p(differences) == pytest.approx(binomtest(2, 11).pvalue, abs=1e-9)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(60):
        interval = mean_interval(generator.beta(2, 1, size=50).tolist())
        covered += interval.low <= 2 / 3 <= interval.high
    assert 50 <= covered <= 60


def test_false_alarms_are_about_as_rare_as_alpha() -> None:
    generator = np.random.default_rng(5)
    alarms = sum(randomisation_p(generator.standard_normal(30).tolist()) < 0.05 for _ in range(100))
    assert alarms <= 13


def test_the_queries_asked_for_are_enough() -> None:
    generator = np.random.default_rng(6)
    pilot = generator.normal(0.05, 0.2, size=400)
    needed = compare_values(values(np.zeros(400)), values(pilot)).queries_needed
    assert needed is not None
    assert 60 < needed < 260
    found = 0
    for _ in range(40):
        found += randomisation_p(generator.normal(pilot.mean(), 0.2, size=needed).tolist()) < 0.05
    assert found >= 24


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_only_raises_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(p <= a <= 1 for p, a in zip(ps, adjusted, strict=True))
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    ranked = [adjusted[place] for place in order]
    assert ranked == sorted(ranked)


def test_correction_turns_a_doubtful_win_into_doubt() -> None:
    base = values(np.zeros(6))
    system = values(np.array([0.1, 0.2, 0.1, 0.3, 0.2, 0.1]))
    alone = compare_values(base, system)
    assert alone.p == pytest.approx(2 / 2**6)
    assert alone.verdict == "better"
    assert [c.verdict for c in correct([alone, alone])] == ["cannot tell from 6 queries"] * 2


def test_different_queries_are_refused() -> None:
    with pytest.raises(InputError, match="1 in common"):
        compare_values({"a": 1.0, "b": 0.0}, {"a": 1.0})


def test_few_queries_do_not_break_it() -> None:
    found = compare_values({"a": 0.0}, {"a": 1.0})
    assert found.verdict == "cannot tell from 1 queries"
    assert mean_interval([]).mean == 0.0

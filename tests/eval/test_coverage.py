from __future__ import annotations

import numpy as np
import pytest
from dsv3.eval.coverage import gini, measure_coverage
from dsv3.eval.run import Run
from hypothesis import given
from hypothesis import strategies as st


def test_counts_by_hand() -> None:
    run = Run("x", {"q": ["a", "b", "c"], "r": ["a", "gone"], "s": []})
    found = measure_coverage(run, ["a", "b", "c", "d"], k=2)
    assert (found.shown, found.possible, found.share) == (2, 4, 0.5)
    assert found.gini == pytest.approx(gini(np.array([2.0, 1, 0, 0])))
    assert found.gini_shown == pytest.approx(1 / 6)


def test_extremes() -> None:
    assert gini(np.ones(9)) == pytest.approx(0)
    assert gini(np.array([0.0] * 99 + [5])) == pytest.approx(0.99)
    assert gini(np.zeros(4)) == gini(np.zeros(0)) == 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_gini_is_the_mean_absolute_difference(counts: list[int]) -> None:
    array = np.array(counts, dtype=np.float64)
    if not array.sum():
        return
    spread = np.abs(array[:, None] - array[None, :]).mean()
    assert gini(array) == pytest.approx(spread / (2 * array.mean()), abs=1e-9)

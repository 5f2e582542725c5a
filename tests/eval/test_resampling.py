from __future__ import annotations

import numpy as np
import pytest
from dsv3.eval.resampling import bootstrap_means, randomisation_ps
from scipy.stats import bootstrap, permutation_test


@pytest.mark.parametrize("count", [12, 60])
@pytest.mark.parametrize("shape", ["even", "skewed"])
def test_intervals_agree_with_scipy(count: int, shape: str) -> None:
    generator = np.random.default_rng(count)
    values = generator.random(count) if shape == "even" else generator.exponential(size=count)
    theirs = bootstrap((values,), np.mean, n_resamples=9999, method="BCa", rng=generator)
    low, high = bootstrap_means(values[:, None])[:, 0]
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)


@pytest.mark.parametrize("count", [5, 12, 40])
def test_p_agrees_with_scipy(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.3, 1, size=count)
    theirs = permutation_test((differences,), np.sum, permutation_type="samples", vectorized=True)
    ours = randomisation_ps(differences[:, None])[0]
    assert ours == pytest.approx(theirs.pvalue, abs=0.02)


def test_columns_do_not_disturb_each_other() -> None:
    columns = np.random.default_rng(1).normal(0.2, 1, size=(30, 4))
    columns[:, 1] = 0.7
    columns[20:, 2] = 0.0
    columns[3:, 3] = 0.0
    for place in range(4):
        alone = columns[:, [place]]
        np.testing.assert_allclose(bootstrap_means(columns)[:, [place]], bootstrap_means(alone))
        np.testing.assert_allclose(randomisation_ps(columns)[[place]], randomisation_ps(alone))
    np.testing.assert_allclose(bootstrap_means(columns)[:, 1], 0.7)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.random.default_rng(2).normal(size=(50, 2))
    whole = bootstrap_means(columns), randomisation_ps(columns)
    monkeypatch.setattr("dsv3.eval.resampling._BLOCK", 50 * 7)
    parts = bootstrap_means(columns), randomisation_ps(columns)
    np.testing.assert_allclose(parts[0], whole[0], atol=0.05)
    np.testing.assert_allclose(parts[1], whole[1], atol=0.02)

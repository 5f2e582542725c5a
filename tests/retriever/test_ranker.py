"""A learned ranker: its two forms, its curve, and what becomes of a damaged one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from dsv3 import ECommRetriever
from dsv3.errors import ShopError
from dsv3.retriever import ranker as module
from dsv3.retriever.boosting import Trees
from dsv3.retriever.features import FEATURES, FloatMatrix
from dsv3.retriever.ranker import DEFAULT, Curve, Linear, Ranker, default_ranker, write_ranker


@pytest.fixture(scope="module")
def made() -> FloatMatrix:
    made: FloatMatrix = np.random.default_rng(0).random((300, len(FEATURES)), np.float32)
    return made


def test_trees_score_as_lightgbm_does(made: FloatMatrix) -> None:
    text = (DEFAULT / "trees.txt").read_text()
    own = lightgbm.Booster(model_str=text)
    trees = Trees(text)
    assert trees.scores(made) == pytest.approx(own.predict(made))
    parts = trees.contributions(made[:5])
    assert parts == pytest.approx(own.predict(made[:5], pred_contrib=True))
    assert parts.sum(axis=1) == pytest.approx(trees.scores(made[:5]))
    assert trees.scores(made[:0]).shape == (0,)


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(ShopError, match="LightGBM cannot use the ranker"):
        Trees("no model")


def test_features_of_another_number_are_refused(made: FloatMatrix) -> None:
    with pytest.raises(ValueError, match="features are wanted"):
        Trees((DEFAULT / "trees.txt").read_text()).scores(made[:, :3])


def test_a_weighted_sum_adds_up() -> None:
    count = len(FEATURES)
    line = Linear((1.0,) * count, (2.0,) * count, (3.0,) + (0.0,) * (count - 1))
    made = np.full((2, count), 5, np.float32)
    assert line.scores(made).tolist() == [6, 6]
    assert line.contributions(made)[0, :2].tolist() == [6, 0]


def test_a_curve_joins_its_points_and_stays_at_its_ends() -> None:
    curve = Curve((0.0, 1.0), (0.2, 0.6))
    assert curve(np.array([-5, 0.5, 9])) == pytest.approx([0.2, 0.4, 0.6])


def test_without_lightgbm_a_weighted_sum_ranks(
    made: FloatMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Ranker.read(DEFAULT).form == "boosted trees"
    monkeypatch.setattr(module, "boosting_is_installed", lambda: False)
    plain = Ranker.read(DEFAULT)
    assert plain.form == "a weighted sum"
    scores = plain.scores(made)
    assert scores == pytest.approx(plain.about.linear.scores(made))
    assert plain.probabilities(scores).max() <= 1
    assert sum(plain.contributions(made[:1])[0].values()) == pytest.approx(scores[0])


def test_higher_scores_are_no_less_probable(made: FloatMatrix) -> None:
    ranker = default_ranker()
    scores = np.sort(ranker.scores(made))
    assert np.all(np.diff(ranker.probabilities(scores)) >= 0)


@pytest.fixture
def known(sample_shop: Path, tmp_path: Path) -> Path:
    """Return a shop with the package's ranker, said to be made for its encoder."""
    shop = tmp_path / "shop.dsv3"
    shutil.copytree(sample_shop, shop)
    with ECommRetriever.open(shop) as opened:
        encoder = opened.snapshot().manifest.encoder["name"]
    about = replace(default_ranker().about, encoder=encoder)
    write_ranker(shop / "ranker", about, (DEFAULT / "trees.txt").read_text())
    return shop


def test_a_shops_own_ranker_ranks_and_says_why(known: Path) -> None:
    with ECommRetriever.open(known) as shop:
        found = shop.retrieve("wireless mouse", explain=True)
        assert found.plan["ranker"].startswith("boosted trees")
        assert all(0 <= hit.score <= 1 for hit in found)
        first = found[0].explanation
        assert first is not None
        sizes = [abs(value) for value in first.features.values()]
        assert set(first.features) == set(FEATURES)
        assert sizes == sorted(sizes, reverse=True)
        off = replace(shop.settings.ranking, without=("ranker",))
        plain = shop.retrieve("wireless mouse", explain=True, ranking=off)
        assert "ranker" not in plain.plan
        assert plain[0].explanation is not None
        assert plain[0].explanation.features == {}


def test_totals_and_facets_count_what_the_ranking_shows(known: Path) -> None:
    with ECommRetriever.open(known) as shop:
        for query in ("wireless mouse", "jacket", "dog food", "qwzxv"):
            found = shop.retrieve(query, k=1000)
            counted = shop.retrieve(query, k=1000, facets=["brand"])
            assert found.total == len(found) == counted.total == len(counted)
            assert [h.product_id for h in found] == [h.product_id for h in counted]


def test_a_ranker_for_another_encoder_is_not_used(sample_shop: Path) -> None:
    with ECommRetriever.open(sample_shop) as shop:
        told = shop.retrieve("mouse", explain=True).plan["ranker"]
    assert "none was trained for the encoder 'hashing" in told


@pytest.mark.parametrize(
    ("file", "content"),
    [("ranker.json", "{"), ("ranker.json", "{}"), ("trees.txt", "tree"), ("trees.txt", None)],
)
def test_a_damaged_ranker_is_told_and_the_packages_own_ranks(
    known: Path, file: str, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if content is None:
        (known / "ranker" / file).unlink()
    else:
        (known / "ranker" / file).write_text(content)
    with ECommRetriever.open(known) as shop:
        assert len(shop.retrieve("mouse")) > 0
        assert "the package's own ranks meanwhile" in caplog.text
        caplog.clear()
        shop.retrieve("mouse")
        assert caplog.text == ""


@pytest.mark.parametrize("file", ["ranker.json", "trees.txt"])
def test_a_ranker_that_was_cut_or_changed_is_not_used(tmp_path: Path, file: str) -> None:
    shutil.copytree(DEFAULT, tmp_path / "ranker")
    path = tmp_path / "ranker" / file
    whole = path.read_text()
    digit = whole.index("0.", len(whole) // 3)
    for damaged in (whole[: len(whole) // 2], f"{whole[:digit]}9{whole[digit + 1 :]}"):
        path.write_text(damaged)
        with pytest.raises(ShopError, match=r"(unreadable|damaged) ranker"):
            Ranker.read(tmp_path / "ranker")
    path.write_text(whole)
    assert Ranker.read(tmp_path / "ranker").about == default_ranker().about

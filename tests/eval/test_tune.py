"""A shop learns how to rank from its judgments, and keeps what wins beyond doubt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dsv3 import ECommRetriever
from dsv3.errors import InputError
from dsv3.eval.learn_ranker import Lesson, cross_validate, probability_curve, train_linear
from dsv3.eval.qrels import Qrels, collect, joined
from dsv3.eval.tune import Tuned, adopted, tune
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.retriever.features import FEATURES

KINDS = (
    "lamp", "phone", "camera", "laptop", "printer", "kettle", "drill", "saw", "tent", "stove",
    "bicycle", "guitar", "piano", "violin", "drone", "tablet", "watch", "mixer", "grill",
    "fridge", "oven", "router", "scanner", "helmet", "canoe", "kayak", "sofa", "mattress",
)  # fmt: skip
EXTRAS = ("case", "bag", "cleaner", "cable")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop in which keywords find what goes with a thing before the thing."""
    folder = tmp_path_factory.mktemp("tune")
    records = []
    for kind in KINDS:
        records += [
            {"id": f"{kind}-{n}", "title": f"Acme {n} series {kind}"} for n in range(len(EXTRAS))
        ]
        records += [
            {"id": f"{extra}-{kind}", "title": f"{extra} for {kind}, {kind}"} for extra in EXTRAS
        ]
    (folder / "feed.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    feed = Reading([str(folder / "feed.jsonl")])
    index_shop(folder / "shop.dsv3", feed, changes={"encoder": "hashing"}, workers=1)
    return folder / "shop.dsv3"


@pytest.fixture(scope="module")
def qrels() -> Qrels:
    things = [(kind, f"{kind}-{n}", 3) for kind in KINDS for n in range(len(EXTRAS))]
    return collect([*things, *((kind, "*", 0) for kind in KINDS)], source="things")


@pytest.fixture(scope="module")
def tuned(shop: Path, qrels: Qrels) -> Tuned:
    with ECommRetriever.open(shop) as opened:
        return tune(opened, qrels)


def test_what_wins_on_queries_not_seen_is_kept(shop: Path, qrels: Qrels, tuned: Tuned) -> None:
    assert [step.name for step in tuned.steps] == ["fields", "fusion", "ranker"]
    ranker = tuned.steps[-1]
    assert ranker.adopted
    assert ranker.comparison.difference.low > 0
    assert tuned.ranker is not None
    shares = list(tuned.importance.values())
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    with ECommRetriever.open(shop) as opened:
        assert opened.retrieve("kayak")[0].product_id not in {f"kayak-{n}" for n in range(4)}
        assert adopted(shop, tuned)
        found = opened.retrieve("kayak", explain=True)
    assert {hit.product_id for hit in found.hits[:4]} == {f"kayak-{n}" for n in range(4)}
    assert "boosted trees" in found.plan["ranker"]


def test_nothing_is_kept_where_nothing_wins(shop: Path, tuned: Tuned) -> None:
    before = {path: path.read_bytes() for path in shop.glob("*.json")}
    assert not adopted(shop, Tuned((), tuned.ranking, None))
    assert {path: path.read_bytes() for path in shop.glob("*.json")} == before


def test_too_few_queries_tell_nothing(shop: Path) -> None:
    with ECommRetriever.open(shop) as opened, pytest.raises(InputError, match="20 are"):
        tune(opened, collect([("mouse", "1", 3)]))


def lessons(count: int, noise: float) -> list[Lesson]:
    """Return queries whose grade is told by the first feature."""
    generator = np.random.default_rng(1)
    made = []
    for number in range(count):
        features = generator.random((30, len(FEATURES))).astype(np.float32)
        told = 3 * features[:, 0] + noise * generator.standard_normal(30)
        grades = np.clip(np.round(told), 0, 3).astype(np.float32)
        ids = [f"p{place}" for place in range(30)]
        made.append(Lesson(f"q{number}", ids, features, features[:, 1], grades))
    return made


def test_what_was_learned_holds_on_queries_not_seen() -> None:
    given = lessons(40, 0.3)
    held_out = cross_validate(given)
    for scores in (held_out.trees, held_out.linear):
        near = [np.corrcoef(scores[each.query], each.grades)[0, 1] for each in given]
        assert np.mean(near) > 0.8
    weights = np.abs(train_linear(given).weights)
    assert weights.argmax() == 0


def test_a_curve_is_the_share_of_right_products() -> None:
    given = lessons(60, 0.3)
    scores = {each.query: each.features[:, 0].astype(np.float64) for each in given}
    curve = probability_curve(given, scores)
    everything = np.concatenate([scores[each.query] for each in given])
    right = np.concatenate([each.grades >= 2 for each in given])
    told = curve(everything)
    assert np.mean(told) == pytest.approx(np.mean(right), abs=0.02)
    assert np.all(np.diff(curve.probabilities) >= 0)
    for low in (0.1, 0.4, 0.7):
        among = (everything >= low) & (everything < low + 0.2)
        assert np.mean(told[among]) == pytest.approx(np.mean(right[among]), abs=0.06)


def test_judgments_of_several_sources_are_joined_the_first_counts() -> None:
    one = collect([("mouse", "1", 3, "ann"), ("mouse", "2", 0, "ann")], source="a")
    other = collect([("q7", "1", 0, "clicks"), ("q7", "3", 2, "clicks")], {"q7": "mouse"})
    both = joined([one, other])
    assert both.grades == {"mouse": {"1": 3, "2": 0, "3": 2}}
    assert both.rater("mouse", "1") == "ann"
    assert both.rater("mouse", "3") == "clicks"

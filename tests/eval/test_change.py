"""A change of settings is made only if judgments allow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from dsv3.errors import ShopError
from dsv3.eval import change as changing
from dsv3.eval.change import LaneLoss, Verdict, adopt_change, judge_change
from dsv3.eval.compare import Interval
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.qrels import Qrels
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.shop import Shop
from dsv3.indexer.trial import trial_shop
from dsv3.retriever.retriever import ECommRetriever

Runner = Callable[..., CompletedProcess[str]]
SAMPLE = Path(__file__).parents[2] / "sample_data"
TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop.dsv3"
    source = str(SAMPLE / "catalogue.jsonl")
    index_shop(folder, Reading([source]), changes={"encoder": "hashing:512"}, workers=1)
    return folder


@pytest.fixture(scope="module")
def sample_qrels() -> Qrels:
    return load_qrels(SAMPLE / "judgments.csv")


def _verdict(after: float, most_loss: float = 0.012) -> Verdict:
    gap = Interval(after - 0.5, -0.1, 0.1)
    return Verdict(
        {"dim": 64}, "nDCG@10", 68, (LaneLoss("dense", 0.5, after, gap, 0.4),), most_loss
    )


def test_what_may_be_lost_decides() -> None:
    assert _verdict(0.4945).accepted
    assert _verdict(0.51).accepted
    refused = _verdict(0.49)
    assert not refused.accepted
    assert refused.refusal is not None
    for part in ("dim 64", "dense search loses 2.0%", "0.5000 to 0.4900", "stays as it is"):
        assert part in refused.refusal


def test_a_trial_leaves_the_shop_as_it_is_and_the_folder_clean(shop: Path) -> None:
    before = Shop(shop).settings
    with trial_shop(shop, {"encoder": "hashing:256"}, workers=1) as folder:
        with ECommRetriever.open(folder) as trial, ECommRetriever.open(shop) as now:
            assert trial.encoder.dim == 256
            assert now.encoder.dim == 512
            assert len(list(trial.products())) == len(list(now.products()))
        assert folder.is_dir()
    assert sorted(path.name for path in shop.parent.iterdir()) == [shop.name]
    assert Shop(shop).settings == before


def test_what_a_trial_encodes_is_in_the_shops_cache(shop: Path) -> None:
    with trial_shop(shop, {"encoder": "hashing:256"}, workers=1):
        pass
    done = index_shop(shop, changes={"encoder": "hashing:256"}, workers=1)
    assert done.built is not None
    assert done.built.encoding.encoded == 0


def test_a_change_that_loses_too_much_is_refused(shop: Path, sample_qrels: Qrels) -> None:
    verdict = judge_change(shop, {"encoder": "hashing:8", "dim": None}, sample_qrels, workers=1)
    dense = next(lane for lane in verdict.lanes if lane.lane == "dense")
    assert dense.loss > 0.3
    assert dense.difference.low <= dense.after - dense.before <= dense.difference.high < 0
    assert verdict.changes == {"encoder": "hashing:8"}
    with pytest.raises(ShopError, match="dense search loses"):
        adopt_change(shop, verdict)
    assert Shop(shop).settings.encoder == "hashing:512"


def test_a_change_that_loses_nothing_is_made(shop: Path, sample_qrels: Qrels) -> None:
    verdict = judge_change(shop, {"index": "binary"}, sample_qrels, workers=1)
    assert [lane.difference.mean for lane in verdict.lanes] == [0, 0]
    adopt_change(shop, verdict, workers=1)
    with ECommRetriever.open(shop) as now:
        assert now.snapshot().manifest.index == "RaBitQ"


def test_the_command_refuses_with_one_line(dsv3: Runner, shop: Path) -> None:
    done = dsv3(
        "eval", "change", "--in", shop, "-j", SAMPLE / "judgments.csv",
        "--encoder", "hashing:8", "--adopt", "--workers", "1", "--json",
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["accepted"] is False
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no more than 1.2% may be lost" in done.stderr
    assert Shop(shop).settings.encoder == "hashing:512"


def test_the_command_adopts_what_is_good_enough(dsv3: Runner, shop: Path) -> None:
    done = dsv3(
        "eval", "change", "--in", shop, "-j", SAMPLE / "judgments.csv",
        "--index", "int8", "--adopt", "--workers", "1",
    )  # fmt: skip
    assert done.returncode == 0
    assert "nDCG@10 on 90 queries" in done.stdout
    assert Shop(shop).settings.index == "int8"


def test_an_export_that_loses_too_much_is_not_adopted(
    dsv3: Runner, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def judged(shop: Path, changes: dict[str, str], *_: object, **__: object) -> Verdict:
        asked.update(changes)
        return _verdict(0.4)

    monkeypatch.setattr(changing, "judge_change", judged)
    out = tmp_path / "int8"
    done = dsv3(
        "model", "export", TINY, out, "--precision", "int8", "--no-check",
        "--in", shop, "-j", SAMPLE / "judgments.csv", "--adopt",
    )  # fmt: skip
    assert done.returncode == 1
    assert "stays as it is" in done.stderr
    assert asked == {"encoder": str(out)}
    assert Shop(shop).settings.encoder == "hashing:512"


def test_an_export_is_judged_with_both_a_shop_and_judgments(dsv3: Runner, tmp_path: Path) -> None:
    done = dsv3("model", "export", "default", tmp_path / "x", "--adopt")
    assert "give both --in and --judgments" in done.stderr
    assert not (tmp_path / "x").exists()

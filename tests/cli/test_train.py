"""`dsv3 train` and `dsv3 index --if-not-worse`, run as a user runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3.indexer.shop import Shop

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "encoder" / "v3" / "tiny"
JUDGMENTS = ROOT / "sample_data" / "judgments.csv"


Runner = Callable[..., CompletedProcess[str]]


@pytest.fixture
def shop(sample_shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_shop, tmp_path / "shop.dsv3"))


def test_a_model_that_is_not_better_exits_with_1(dsv3: Runner, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    done = dsv3(
        "train", "--in", shop, "--out", out, "--base", TINY, "--queries", 150, "--batch", 32,
        "--rate", 1e-9, "--augmented", 0,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not better than its base" in done.stderr
    shown = done.stdout + done.stderr
    assert "near-duplicate" in shown or "exact duplicate" in shown
    assert "product types" in shown
    assert "layer" in shown.casefold()  # the gates' load
    assert not out.exists()
    assert (tmp_path / "model.refused" / "held_out.csv").is_file()


def test_clicks_train_and_json_is_one_object(dsv3: Runner, shop: Path, tmp_path: Path) -> None:
    clicks = tmp_path / "clicks.jsonl"
    lines = (ROOT / "sample_data" / "catalogue.jsonl").read_text().splitlines()[:6]
    products = [json.loads(line)["id"] for line in lines]
    query = " ".join(json.loads(lines[0])["title"].split()[:3])
    with clicks.open("w") as stream:
        for session in range(60):
            for rank, product in enumerate(products, 1):
                clicked = rank == 1 + session % 3
                row = {
                    "session_id": str(session), "query": query, "product_id": product,
                    "rank": rank, "clicked": clicked,
                }  # fmt: skip
                stream.write(json.dumps(row) + "\n")
    done = dsv3(
        "train", "--in", shop, "--out", tmp_path / "model", "--base", TINY, "--queries", 80,
        "--batch", 16, "--rate", 1e-9, "--clicks", clicks, "--augment", "none", "--json",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["published"] is False
    assert found["examples"]["clicks"] > 0
    assert set(found["examples"]) == {"catalog", "clicks"}
    assert found["training"]["steps"] > 0


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--matryoshka", "a"), "--matryoshka 'a'"),
        (("--augment", "typos"), "no augmentation 'typos'"),
        (("--graded", "0.5", "--judgments", "none.csv"), "none.csv"),
        (("--graded", "0.5", "--queries", "80"), "give judgments or clicks"),
    ],
)
def test_bad_options(
    dsv3: Runner, shop: Path, tmp_path: Path, option: tuple[str, ...], told: str
) -> None:
    done = dsv3("train", "--in", shop, "--out", tmp_path / "model", *option)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr


def test_a_worse_encoder_is_kept_out(dsv3: Runner, shop: Path) -> None:
    before = Shop(shop).generations.current()
    done = dsv3("index", "--into", shop, "--encoder", TINY, "--if-not-worse", "-j", JUDGMENTS)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "stays as it is" in done.stderr
    assert Shop(shop).generations.current() == before
    assert Shop(shop).settings.encoder == "hashing"


@pytest.mark.slow
def test_a_better_encoder_is_let_in(dsv3: Runner, shop: Path) -> None:
    before = Shop(shop).generations.current()
    done = dsv3("index", "--into", shop, "--encoder", "default", "--if-not-worse", "-j", JUDGMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Shop(shop).generations.current() != before
    assert Shop(shop).settings.encoder == "default"


def test_if_not_worse_needs_a_change_and_judgments(dsv3: Runner, shop: Path) -> None:
    done = dsv3("index", "--into", shop, "--if-not-worse")
    assert "nothing to judge" in done.stderr
    done = dsv3("index", "--into", shop, "--if-not-worse", "--encoder", TINY)
    assert "a change needs --judgments" in done.stderr

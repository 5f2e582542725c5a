"""`dsv3 train` and `dsv3 index --if-not-worse`, run as a user runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.shop import Shop
from typer.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "encoder" / "v3" / "tiny"
JUDGMENTS = ROOT / "sample_data" / "judgments.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "shop.dsv3"
    source = Reading([str(ROOT / "sample_data" / "catalogue.jsonl")])
    index_shop(folder, source, changes={"encoder": "hashing"}, workers=1)
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "shop.dsv3"))


def dsv3(*arguments: str | Path | float) -> Result:
    from dsv3.cli.app import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_model_that_is_not_better_exits_with_1(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    done = dsv3(
        "train", "--in", shop, "--out", out, "--base", TINY, "--queries", 150, "--batch", 32,
        "--rate", 1e-9, "--augmented", 0,
    )  # fmt: skip
    assert done.exit_code == 1, done.output
    assert "not better than its base" in done.stderr
    assert "near-duplicate" in done.output or "exact duplicate" in done.output
    assert "product types" in done.output
    assert "layer" in done.output.casefold()  # the gates' load
    assert not out.exists()
    assert (tmp_path / "model.refused" / "held_out.csv").is_file()


def test_clicks_train_and_json_is_one_object(shop: Path, tmp_path: Path) -> None:
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
    assert done.exit_code == 1, done.output
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
def test_bad_options(shop: Path, tmp_path: Path, option: tuple[str, ...], told: str) -> None:
    done = dsv3("train", "--in", shop, "--out", tmp_path / "model", *option)
    assert done.exit_code != 0
    assert told in f"{done.exception}{done.output}"


def test_a_worse_encoder_is_kept_out(shop: Path) -> None:
    before = Shop(shop).generations.current()
    done = dsv3("index", "--into", shop, "--encoder", TINY, "--if-not-worse", "-j", JUDGMENTS)
    assert done.exit_code == 1, done.output
    assert "stays as it is" in str(done.exception)
    assert Shop(shop).generations.current() == before
    assert Shop(shop).settings.encoder == "hashing"


@pytest.mark.slow
def test_a_better_encoder_is_let_in(shop: Path) -> None:
    before = Shop(shop).generations.current()
    done = dsv3("index", "--into", shop, "--encoder", "default", "--if-not-worse", "-j", JUDGMENTS)
    assert done.exit_code == 0, done.output
    assert Shop(shop).generations.current() != before
    assert Shop(shop).settings.encoder == "default"


def test_if_not_worse_needs_a_change_and_judgments(shop: Path) -> None:
    done = dsv3("index", "--into", shop, "--if-not-worse")
    assert "nothing to judge" in str(done.exception)
    done = dsv3("index", "--into", shop, "--if-not-worse", "--encoder", TINY)
    assert "a change needs --judgments" in str(done.exception)

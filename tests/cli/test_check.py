"""`dsv3 index --check`, and what a run says of its sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Runner = Callable[..., CompletedProcess[str]]
ROWS = "id;title;price;brand\n1;Kettle;39.90;Orvana\n2;Pan;29.00;\n3;;5.00;\n"


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "feed.csv"
    file.write_text(ROWS)
    return file


def test_a_check_shows_what_would_be_stored_and_stores_nothing(
    dsv3: Runner, feed: Path, tmp_path: Path
) -> None:
    done = dsv3("index", "--check", feed, "--into", tmp_path / "s.dsv3")
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("3 read, 2 would be stored, 1 rejected", "39.9", "no title", "100%", "50%"):
        assert part in done.stdout
    assert not (tmp_path / "s.dsv3").exists()


def test_a_check_as_one_object(dsv3: Runner, feed: Path) -> None:
    found = json.loads(dsv3("index", "--check", feed, "--json").stdout)
    [source] = found["sources"]
    assert source["source"] == str(feed)
    assert source["fields"]["brand"] == {"columns": ["brand"], "how": "our own name", "share": 0.5}
    assert [product["title"] for product in source["examples"]] == ["Kettle", "Pan"]
    assert source["warnings"] == []
    assert found["records"]["read"] == 3


def test_a_run_tells_in_short_what_a_check_tells(dsv3: Runner, feed: Path, tmp_path: Path) -> None:
    shop = tmp_path / "s.dsv3"
    done = dsv3("index", feed, "--into", shop, "--encoder", "hashing")
    assert "product_id 100%, title 100%, brand 50%, price 100%" in " ".join(done.stdout.split())
    changed = tmp_path / "changed.csv"
    changed.write_text(ROWS.replace(";price;", ";old;").replace("Pan", "Wok"))
    told = json.loads(dsv3("index", changed, "--into", shop, "--json").stdout)
    assert told["sources"][0]["products"] == 2
    [warning] = told["sources"][0]["warnings"]
    assert warning.startswith("no price was recognised")


def test_where_no_record_can_be_stored_the_reason_is_told(dsv3: Runner, tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    file.write_text("id;title\n1;\n2;\n")
    for options in ([], ["--check"], ["--json"]):
        done = dsv3("index", file, "--into", tmp_path / "s.dsv3", "--encoder", "hashing", *options)
        assert done.returncode == 2
        assert "of 2 records none could be stored: 2 x no title" in done.stderr
    assert not (tmp_path / "s.dsv3").exists()


def test_a_check_needs_sources(dsv3: Runner) -> None:
    done = dsv3("index", "--check")
    assert (done.returncode, done.stderr) == (2, "dsv3: --check needs the sources to read\n")


def test_prices_and_codes_that_were_not_taken_are_told(dsv3: Runner, tmp_path: Path) -> None:
    source = tmp_path / "shop.csv"
    source.write_text(
        "sku,title,price,ean\n1,Lamp,9.90 EUR,0012345678905\n2,Desk,auf Anfrage,4.00638E+12\n"
        "3,Chair,$5,\n"
    )
    shop = str(tmp_path / "s.dsv3")
    run = dsv3("index", str(source), "--into", shop, "--encoder", "hashing")
    assert "Taken without a price: 1 on request" in run.stdout
    assert "Prices of several currencies: 1 EUR, 1 $" in run.stdout
    assert "Codes lost: 1 in ean" in run.stdout
    found = dsv3("search", "", "--in", shop, "--where", "price < 50")
    assert "keep to one with: currency = 'EUR'" in " ".join(found.stdout.split())
    found = dsv3("search", "", "--in", shop, "--sort", "price", "--json")
    assert "keep to one with: currency = 'EUR'" in " ".join(found.stderr.split())
    assert len(found.stdout.splitlines()) == 3


def test_duplicates_and_empty_sources_are_told(dsv3: Runner, tmp_path: Path) -> None:
    source, empty = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("id,title\n1,Lamp\n1,Desk\n2,Chair\n")
    empty.write_text("id,title\n")
    told = dsv3("index", "--check", source, empty)
    assert "3 read, 2 would be stored" in told.stdout
    assert "Duplicate ids: 1; the last one is taken" in told.stdout
    assert f"No record of a product in {empty}" in told.stdout.replace("\n", " ")
    found = json.loads(dsv3("index", "--check", source, empty, "--json").stdout)["records"]
    assert (found["added"], found["duplicate_ids"]) == (2, 1)
    assert found["without_products"] == [str(empty)]
    run = dsv3("index", source, empty, "--into", tmp_path / "s", "--encoder", "hashing", "--json")
    assert json.loads(run.stdout)["records"]["without_products"] == [str(empty)]

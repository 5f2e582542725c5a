"""The programs of `examples/` run on the sample shop."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from fastapi.testclient import TestClient

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CATALOG = ROOT / "sample_data" / "catalogue.jsonl"


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """Run a program as the command line does; return its exit status."""
    monkeypatch.setattr(sys, "argv", [name, *arguments, "--encoder", "hashing"])
    try:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def judgments(tmp_path: Path) -> Path:
    """Return the sample's judgments of its first five queries."""
    head, *rows = (ROOT / "sample_data" / "judgments.csv").read_text().splitlines(keepends=True)
    queries = list(dict.fromkeys(row.split(",")[0] for row in rows))[:5]
    path = tmp_path / "judgments.csv"
    path.write_text(head + "".join(row for row in rows if row.split(",")[0] in queries))
    return path


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "search.py", "service.py", "evaluate_in_ci.py",
    }  # fmt: skip


def test_search_shows_products_and_the_changed_price(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "search.py", str(CATALOG), "keyboard", "--where", "price < 100") == 0
    before, after = capsys.readouterr().out.split("\nthe first at half its price:\n")
    first = before.splitlines()[0]
    price, title = float(first.split()[2]), first.split(maxsplit=3)[3]
    (again,) = [line for line in after.splitlines() if line.endswith(title)]
    assert float(again.split()[2]) == pytest.approx(price / 2, abs=0.01)
    assert "products; brands: " in before


def test_search_of_a_file_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "search.py", "no/such/file.jsonl", "mouse") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_evaluation_passes_and_writes_its_report(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    judgments: Path,
    tmp_path: Path,
) -> None:
    report = tmp_path / "report.html"
    status = run(
        monkeypatch, "evaluate_in_ci.py", str(CATALOG), str(judgments),
        "--fail-if", "nDCG@10 < 0.1", "--report", str(report),
    )  # fmt: skip
    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    assert "hybrid" in shown.out
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_evaluation_fails_below_its_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], judgments: Path
) -> None:
    status = run(
        monkeypatch, "evaluate_in_ci.py", str(CATALOG), str(judgments),
        "--fail-if", "nDCG@10 < 0.999",
    )  # fmt: skip
    assert status == 1
    assert "failed: hybrid: nDCG@10 is 0." in capsys.readouterr().err


def test_the_service_searches_and_sees_a_changed_price(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    products = tmp_path / "products.jsonl"
    products.write_text("".join(CATALOG.read_text().splitlines(keepends=True)[:40]))
    shop = tmp_path / "shop.dsv3"
    index_shop(shop, Reading([str(products)]), changes={"encoder": "hashing"}, workers=1)
    known = json.loads(products.read_text().splitlines()[0])
    monkeypatch.setenv("SHOP", str(shop))
    with TestClient(runpy.run_path(str(EXAMPLES / "service.py"))["app"]) as client:
        found = client.get("/products", params={"q": known["title"], "k": 3}).json()
        assert found["items"][0]["product_id"] == known["id"]
        assert found["total"] >= len(found["items"])
        path = f"/products/{known['id']}/price"
        assert client.put(path, json={"price": 0.5}).status_code == 204
        cheap = client.get("/products", params={"q": known["title"], "where": "price < 1"}).json()
        assert [item["product_id"] for item in cheap["items"]] == [known["id"]]
        assert client.put("/products/none/price", json={"price": 1}).status_code == 404
        assert client.put(path, json={"price": -1}).status_code == 422
        refused = client.get("/products", params={"q": "mouse", "where": "no_such_field < 1"})
        assert refused.status_code == 400
        assert "no_such_field" in refused.json()["error"]

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from dsv3 import ECommRetriever
from dsv3.retriever import serving
from dsv3.retriever.results import Results
from starlette.testclient import TestClient

CATALOG = Path(__file__).parents[2] / "sample_data" / "catalogue.jsonl"


@pytest.fixture(scope="module")
def shop(sample_shop: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(sample_shop) as opened:
        yield opened


@pytest.fixture
def client(shop: ECommRetriever) -> TestClient:
    return TestClient(serving.create_app(shop, workers=2))


def test_answers_as_retrieve_does(client: TestClient, shop: ECommRetriever) -> None:
    asked: dict[str, Any] = {
        "q": "wireless mouse",
        "k": 3,
        "where": "price < 60",
        "facet": ["brand", "price"],
    }
    answer = client.get("/search", params=asked)
    expected = shop.retrieve("wireless mouse", 3, "price < 60", facets=["brand", "price"])
    body = answer.json()
    assert answer.status_code == 200
    assert body["total"] == expected.total
    assert [hit["product_id"] for hit in body["hits"]] == [hit.product_id for hit in expected]
    assert set(body["facets"]) == {"brand", "price"}
    page = client.get("/search?q=mouse&offset=2&k=2&sort=price:asc&explain=true").json()
    assert [hit["rank"] for hit in page["hits"]] == [3, 4]
    assert page["plan"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/search?q=x&where=pric<3", "unknown field 'pric'"),
        ("/search?q=x&k=many", "k 'many' is not a whole number"),
        ("/search?q=x&k=0", "k must be at least 1"),
        ("/search?q=x&mode=magic", "mode 'magic'"),
        ("/search?q=x&limit=3", "unknown parameter 'limit'"),
        ("/search?q=x&explain=perhaps", "neither true nor false"),
    ],
)
def test_a_bad_request_says_what_was_wrong(client: TestClient, path: str, message: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/health").json()["products"] == 529
    client.get("/search?q=mouse")
    client.get("/search?q=x&k=0")
    text = client.get("/metrics").text
    assert 'dsv3_requests_total{path="/search",status="200"} 1.0' in text
    assert 'dsv3_requests_total{path="/search",status="400"} 1.0' in text
    assert "mouse" not in text


def test_overload_is_refused_not_queued(
    shop: ECommRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def slow(*_: object, **__: object) -> Results:
        release.wait(20)
        return Results((), 0)

    monkeypatch.setattr(shop, "retrieve", slow)
    monkeypatch.setattr(serving, "_WAITING_FOR_EACH_WORKER", 2)
    with TestClient(serving.create_app(shop, workers=1)) as client, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.get, "/search?q=x") for _ in range(8)]
        deadline = time.monotonic() + 20
        while sum(each.done() for each in asked) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        release.set()
        statuses = sorted(each.result().status_code for each in asked)
    assert statuses == [200] * 3 + [429] * 5


@pytest.mark.slow
def test_the_command_serves_without_torch(sample_shop: Path) -> None:
    command = [sys.executable, "-m", "dsv3", "serve", "--in", str(sample_shop), "--port", "8765"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(200):
                try:
                    with urlopen("http://127.0.0.1:8765/search?q=mouse") as answer:
                        assert json.load(answer)["total"] > 0
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                pytest.fail("the server never answered")
            mapped = Path(f"/proc/{process.pid}/maps")
            if mapped.exists():
                assert "libtorch" not in mapped.read_text()
        finally:
            process.terminate()
            process.communicate()

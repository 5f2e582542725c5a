"""A model rates, through a server of this machine that does what servers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.eval.rating import model
from dsv3.eval.rating.model import Budget, ModelRater, default_guide
from dsv3.eval.rating.ratings import Ratings, read_items, read_ratings

KEY = "sk-hidden-0123456789"
Runner = Callable[..., CompletedProcess[str]]
Answer = tuple[int, str, dict[str, str]]


def completion(grades: object, tokens: int | None = 100) -> Answer:
    content = grades if isinstance(grades, str) else json.dumps(grades)
    body: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": content}}]}
    if tokens is not None:
        body["usage"] = {"total_tokens": tokens}
    return 200, json.dumps(body), {}


class Server(ThreadingHTTPServer):
    """Gives the answers it was told to, in their order; then a 2 for every product."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def products(self) -> list[int]:
        return [each["messages"][1]["content"].count('{"number"') for each in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.paths.append(self.path)
        count = body["messages"][1]["content"].count('{"number"')
        even = completion({str(number + 1): 2 for number in range(count)})
        status, text, headers = self.server.answers.pop(0) if self.server.answers else even
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Asked:
    """A rater that asks the server, and how long it slept."""

    def __init__(self, server: Server, to_rate: Path, **changes: Any) -> None:
        self.slept: list[float] = []
        self.told: list[str] = []
        self.out = to_rate.with_name("r.jsonl")
        self.log = to_rate.with_name("r.log")
        self.items = read_items(to_rate)
        self.rater = ModelRater(
            server.url, "judge-1", "Grade well.", self.log,
            **{"sleep": self.slept.append, "tell": self.told.append, **changes},
        )  # fmt: skip

    def rate(self) -> model.Spent:
        return self.rater.rate(self.items, Ratings(self.out), "judge-1")

    @property
    def grades(self) -> dict[str, int]:
        return {rating.product: rating.grade for rating in read_ratings(self.out)}


def test_a_query_is_a_request_and_grades_are_saved(server: Server, to_rate: Path) -> None:
    server.answers = [
        completion({"1": 3, "2": 0, "3": 1}),
        completion('```json\n{"3":2,"1":0,"2":1}\n```'),
    ]
    asked = Asked(server, to_rate, key=KEY)
    spent = asked.rate()
    assert asked.grades == {"r0": 3, "r1": 0, "r2": 1, "b0": 0, "b1": 1, "b2": 2}
    assert (spent.requests, spent.tokens, spent.rated, spent.failed) == (2, 200, 6, 0)
    first = server.asked[0]
    assert (first["model"], first["messages"][0]["content"]) == ("judge-1", "Grade well.")
    question = first["messages"][1]["content"]
    assert question.startswith('Query: "red shoe"')
    assert "image_url" not in question
    assert "product_id" not in question
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert set(server.paths) == {"/v1/chat/completions"}
    logged = [json.loads(line) for line in asked.log.read_text(encoding="utf-8").splitlines()]
    assert logged[0]["answered"] == '{"1": 3, "2": 0, "3": 1}'
    assert logged[0]["asked"] == first
    assert Asked(server, to_rate).rate().requests == 0


def test_many_products_of_a_query_are_asked_in_parts(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "to-rate.jsonl"
    lines = [json.dumps({"query": "hat", "product_id": f"p{n}", "title": "t"}) for n in range(45)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert Asked(server, path).rate().rated == 45
    assert server.products == [20, 20, 5]


def test_a_busy_server_is_asked_again_later(server: Server, to_rate: Path) -> None:
    server.answers = [(429, "busy", {"Retry-After": "7"}), (503, "", {}), (500, "x", {})]
    asked = Asked(server, to_rate)
    assert (asked.rate().rated, asked.slept[0]) == (6, 7)
    assert len(asked.slept) == 3
    assert 2 <= asked.slept[1] <= 3
    assert 4 <= asked.slept[2] <= 6


def test_a_server_that_does_not_answer_costs_its_pairs_alone(
    server: Server, to_rate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    def slow(*_: object, **__: object) -> None:
        raise httpx.ReadTimeout(f"no answer with {KEY}")

    monkeypatch.setattr(httpx.Client, "post", slow)
    asked = Asked(server, to_rate, key=KEY)
    spent = asked.rate()
    assert (spent.rated, spent.failed, spent.requests) == (0, 6, 2 * model.TRIES)
    assert asked.told == [f"{q}: no usable answer for 3 products" for q in ("red shoe", "blue hat")]
    assert KEY not in asked.log.read_text(encoding="utf-8")
    monkeypatch.undo()
    assert Asked(server, to_rate).rate().rated == 6


@pytest.mark.parametrize(
    "answer",
    ["", "3, 0, 1", "{}", '{"1":3,"2":0}', '{"1":3,"2":0,"3":4}', '{"1":3,"2":0,"3":1,"4":1}',
     '{"1":3,"2":0,"3":"1"}', '{"1":3,"2":0,"3":true}', '{"1":3,"2":0,"3":1.5}', "[3,0,1]",
     'Here: {"1":3,"2":0,"3":1}'],
)  # fmt: skip
def test_an_answer_that_is_not_just_grades_is_asked_again(
    server: Server, to_rate: Path, answer: str
) -> None:
    server.answers = [completion(answer), completion({"1": 3, "2": 3, "3": 3})]
    asked = Asked(server, to_rate)
    assert (asked.rate().requests, asked.grades["r2"], asked.slept) == (3, 3, [])


def test_answers_that_are_no_completion_are_never_grades(server: Server, to_rate: Path) -> None:
    server.answers = [(200, text, {}) for text in ("<html>", "[]", '{"choices":[]}')]
    asked = Asked(server, to_rate)
    assert (asked.rate().rated, set(asked.grades.values())) == (6, {2})


def test_a_refusal_ends_the_run_and_shows_no_key(server: Server, to_rate: Path) -> None:
    server.answers = [completion({"1": 1, "2": 1, "3": 1}), (401, f"Wrong key: {KEY}", {})]
    asked = Asked(server, to_rate, key=KEY)
    with pytest.raises(InputError, match=r"answers 401: Wrong key: \*\*\*"):
        asked.rate()
    assert len(asked.grades) == 3
    assert KEY not in asked.log.read_text(encoding="utf-8")
    assert KEY not in repr(asked.rater)


def test_a_model_that_takes_no_temperature_gets_none(server: Server, to_rate: Path) -> None:
    server.answers = [(400, "Unsupported value: 'temperature'", {})]
    asked = Asked(server, to_rate)
    assert asked.rate().rated == 6
    assert ["temperature" in each for each in server.asked] == [True, False, False]


def test_the_budget_ends_a_run_and_the_next_goes_on(server: Server, to_rate: Path) -> None:
    asked = Asked(server, to_rate, budget=Budget.parse("1 requests"))
    spent = asked.rate()
    assert (spent.rated, spent.stopped, spent.requests) == (3, True, 1)
    spent = Asked(server, to_rate, budget=Budget.parse("1,000 tokens")).rate()
    assert (spent.rated, spent.stopped, len(asked.grades)) == (3, False, 6)
    few = Asked(server, to_rate, budget=Budget.parse("5 tokens"))
    few.out.unlink()
    assert few.rate().requests == 0
    for wrong in ("5", "0 requests", "5 euros", "-1 tokens"):
        with pytest.raises(InputError, match="say '200 requests' or '500000 tokens'"):
            Budget.parse(wrong)


def test_addresses_that_cannot_be_are_told(server: Server, to_rate: Path) -> None:
    for url in ("http://", "https://user:pass@host/v1", "http://host/v1?key=1"):
        with pytest.raises(InputError) as told:
            ModelRater(url, "m", "g", to_rate)
        assert "pass" not in str(told.value)
    told_lines: list[str] = []
    ModelRater("http://far.example/v1", "m", "g", to_rate, key=KEY, tell=told_lines.append)
    assert told_lines == ["the key goes to far.example without encryption"]


def test_the_guide_names_every_grade_and_the_answer() -> None:
    guide = default_guide()
    assert all(f"\n{grade} " in guide for grade in range(4))
    assert '{"1": 3' in guide


def test_the_command_takes_its_key_from_the_environment(
    server: Server, to_rate: Path, dsv3: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    out = to_rate.with_name("r.jsonl")
    common = ("eval", "rate", to_rate, "--out", out, "--rater", server.url)
    done = dsv3(
        *common, "--model", "org/judge 1", "--key-env", "SHOP_KEY", "--budget", "1 requests"
    )
    assert done.returncode == 0, done.stderr
    assert f"{out}: 3 pairs rated by org/judge-1, 3 left; 1 requests, 100 tokens" in done.stdout
    assert "the budget is spent; the same command goes on" in done.stderr
    assert server.keys == [f"Bearer {KEY}"]
    assert out.with_name("r.jsonl.log").exists()
    server.answers = [completion("no")] * model.TRIES
    failed = dsv3(*common, "--model", "org/judge 1")
    assert (failed.returncode, server.keys[-1]) == (1, None)
    assert "3 pairs got no usable answer" in failed.stderr
    assert "give --model" in dsv3(*common).stderr
    page = dsv3("eval", "rate", to_rate, "--out", out, "--model", "x")
    assert "--model is for models" in page.stderr

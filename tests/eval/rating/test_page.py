"""The rating page: what it shows, what it saves, and who may use it."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from dsv3.eval.rating import page
from dsv3.eval.rating.ratings import Ratings, read_items, read_ratings
from starlette.testclient import TestClient

ANNA = "/secret/anna"


class Rater:
    """A browser with one rater's page open."""

    def __init__(self, items: Path, out: Path, *, pictures: bool = False, rater: str = "") -> None:
        self.out = out
        self.ratings = Ratings(out)
        app = page.create_page(
            read_items(items), self.ratings, "secret", pictures=pictures, rater=rater
        )
        self.client = TestClient(app, base_url="http://127.0.0.1")

    def say(self, what: str, pair: int = 0, at: str = ANNA) -> str:
        return self.client.post(at, data={"say": what, "pair": str(pair)}).text

    @property
    def grades(self) -> dict[tuple[str, str], int]:
        return {(r.rater, r.product): r.grade for r in read_ratings(self.out)}


@pytest.fixture
def rater(to_rate: Path, tmp_path: Path) -> Rater:
    return Rater(to_rate, tmp_path / "r.jsonl")


def test_a_pair_is_shown_as_it_is(rater: Rater) -> None:
    text = rater.client.get(ANNA).text
    for part in ("red shoe 0 &lt;b&gt;&amp;", "1,234.50 EUR", "dry clean", ">yes<", "0</b> of 6"):
        assert part in text
    assert "r0" not in re.sub(r"<style.*?</style>|<script.*?</script>", "", text, flags=re.S)
    assert "<b>&<" not in text


def test_grades_are_saved_at_once_and_go_on_after_a_restart(
    rater: Rater, to_rate: Path, tmp_path: Path
) -> None:
    assert "red shoe 1" in rater.say("3", 0)
    assert rater.grades == {("anna", "r0"): 3}
    rater.say("0", 1)
    again = Rater(to_rate, tmp_path / "r.jsonl")
    text = again.client.get(ANNA).text
    assert "red shoe 2" in text
    assert "2</b> of 6" in text
    assert "red shoe 1" in again.say("undo")
    assert again.grades == {("anna", "r0"): 3}


def test_undo_takes_back_grades_and_skips(rater: Rater) -> None:
    rater.say("2", 0)
    assert "1 skipped" in rater.say("skip", 1)
    assert "red shoe 1" in rater.say("undo")
    assert "red shoe 0" in rater.say("undo")
    assert rater.grades == {}
    assert "red shoe 0" in rater.say("undo")


def test_what_was_skipped_comes_again_at_the_end(rater: Rater) -> None:
    rater.say("skip", 0)
    for pair in range(1, 6):
        text = rater.say("1", pair)
    assert "red shoe 0" in text
    assert "All 6 pairs are rated" in rater.say("3", 0)
    assert len(rater.grades) == 6


def test_raters_do_not_see_each_other(rater: Rater) -> None:
    rater.say("3", 0)
    assert "red shoe 0" in rater.client.get("/secret/ben").text
    rater.say("1", 0, "/secret/ben")
    assert rater.grades == {("anna", "r0"): 3, ("ben", "r0"): 1}


def test_a_stale_page_rates_what_it_showed(rater: Rater) -> None:
    rater.say("3", 0)
    assert "red shoe 1" in rater.say("2", 0)
    assert rater.grades == {("anna", "r0"): 2}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"say": "4", "pair": "0"},
        {"say": "3"},
        {"say": "3", "pair": "6"},
        {"say": "3", "pair": "-1"},
        {"say": "3", "pair": "²"},
        {"say": "3", "pair": "0", "more": "x" * 20_000},
    ],
)
def test_a_form_that_says_nothing_changes_nothing(rater: Rater, form: dict[str, str]) -> None:
    assert rater.client.post(ANNA, data=form).status_code == 200
    assert rater.grades == {}


def test_names_are_asked_for(rater: Rater) -> None:
    assert "Your name" in rater.client.get("/secret/").text
    found = rater.client.post("/secret/", data={"name": " Łucja "}, follow_redirects=False)
    assert (found.status_code, found.headers["location"]) == (303, "/secret/%C5%81ucja")
    assert "Łucja" in rater.client.get(found.headers["location"]).text
    wrong = rater.client.post("/secret/", data={"name": "two words"})
    assert wrong.status_code == 422
    assert "without spaces" in wrong.text


def test_a_given_name_is_the_only_one(to_rate: Path, tmp_path: Path) -> None:
    rater = Rater(to_rate, tmp_path / "r.jsonl", rater="anna")
    assert "anna" in rater.client.get("/secret/").text
    assert rater.client.get("/secret/ben").status_code == 404


def test_without_the_token_there_is_nothing(rater: Rater) -> None:
    for path in ("/", "/anna", "/wrong/", "/wrong/anna", "/secre/anna", "/secret%20/anna"):
        assert rater.client.get(path).status_code == 404, path
        rater.client.post(path, data={"say": "3", "pair": "0"})
    assert rater.grades == {}


def test_the_browser_is_told_to_load_nothing_else(rater: Rater, to_rate: Path) -> None:
    answer = rater.client.get(ANNA)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<img" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', answer.text))
    assert f"script-src 'nonce-{nonce}'" in policy
    assert not re.search(r'\sstyle="|\son[a-z]+="', answer.text)
    pictured = Rater(to_rate, rater.out, pictures=True).client.get(ANNA)
    assert 'src="https://shop.example/p.png"' in pictured.text
    assert "img-src http: https:;" in pictured.headers["content-security-policy"]


def test_only_addresses_of_the_web_are_linked(rater: Rater) -> None:
    assert 'href="https://shop.example/p"' in rater.client.get(ANNA).text
    second = rater.say("3", 0)
    assert "red shoe 1" in second
    assert "javascript:" not in second


def test_what_cannot_be_saved_is_said_and_asked_again(
    rater: Rater, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Ratings, "_append", full)
    answer = rater.client.post(ANNA, data={"say": "3", "pair": "0"})
    assert answer.status_code == 500
    assert "Not saved: No space left on device" in answer.text
    assert "red shoe 0" in answer.text
    monkeypatch.undo()
    assert rater.grades == {}
    assert "red shoe 1" in rater.say("3", 0)


def test_the_command_serves_until_interrupted(to_rate: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    command = [sys.executable, "-m", "dsv3", "eval", "rate", to_rate, "--out", out, "--no-open"]
    with subprocess.Popen(
        [*map(str, command), "--rater", "anna"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        with urlopen(address, timeout=30) as answer:  # noqa: S310
            assert "red shoe" in answer.read().decode()
        with urlopen(f"{address}anna", data=b"say=3&pair=0", timeout=30):  # noqa: S310
            pass
        time.sleep(0.2)
        process.send_signal(2)
        told, errors = process.communicate(timeout=30)
    assert told == f"{out}: 1 of 6 pairs rated by anna\n"
    assert errors == ""
    assert process.returncode == 0
    assert json.loads(out.read_text(encoding="utf-8"))["grade"] == 3

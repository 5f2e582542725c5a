"""Let a language model rate, through any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from ...errors import InputError, MissingExtra
from ...indexer.known_fields import KNOWN_FIELDS
from .ratings import GRADES, Item, Ratings

try:
    import httpx
except ModuleNotFoundError as error:
    raise MissingExtra(str(error.name), "rate", "Rating by a model") from None

AT_ONCE = 20
"""Products of one query in a request."""
TRIES = 6
SECONDS = 120.0
"""How long an answer may take."""
_LONGEST_WAIT = 60.0
_CHARACTERS_A_TOKEN = 4  # where a server does not count
_NO_FACTS = frozenset({"query_id", "query", "product_id"}) | {
    each.name for each in KNOWN_FIELDS if each.look in ("address", "picture")
}


@dataclass(frozen=True)
class Budget:
    """How much may be asked: so many requests or tokens, whichever `unit` says; 0 is no end."""

    most: int = 0
    unit: str = "requests"

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read `200 requests` or `500000 tokens`.

        Raises:
            InputError: it says neither.

        """
        found = re.fullmatch(r"\s*([1-9][0-9_,]*)\s*(requests|tokens)\s*", text)
        if not found:
            raise InputError(f"budget {text!r}: say '200 requests' or '500000 tokens'")
        return cls(int(re.sub("[_,]", "", found[1])), found[2])


@dataclass
class Spent:
    """What was asked and came of it.

    Attributes:
        requests: sent, those that failed included.
        tokens: as the server counts them, else a quarter of the characters.
        rated: pairs that were graded.
        failed: pairs that got no usable answer.
        stopped: whether the budget ended before the pairs did.

    """

    requests: int = 0
    tokens: int = 0
    rated: int = 0
    failed: int = 0
    stopped: bool = False


@dataclass
class ModelRater:
    """Asks a model for grades, a query at a time.

    Attributes:
        url: as far as `/v1`, or the whole address of the chat completions.
        model: as the server calls it.
        guide: how to grade; given as the system's message.
        log: a file that gets a line for each request: what was asked and answered, without the key.
        key: for the server; in no log and no message.
        budget: how much may be asked.
        tell: called with what a person should know.
        sleep: waits so many seconds.

    """

    url: str
    model: str
    guide: str
    log: Path
    key: str = field(default="", repr=False)
    budget: Budget = field(default_factory=Budget)
    tell: Callable[[str], None] = lambda line: None
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(f"{self.url}: not the address of a server: http://… or https://…")
        if parts.username or parts.password or parts.query:
            raise InputError("the address holds a key; give it by the environment (--key-env)")
        base = self.url.rstrip("/")
        self._address = base if base.endswith("/chat/completions") else f"{base}/chat/completions"
        self._temperature: dict[str, float] = {"temperature": 0}
        if self.key and parts.scheme == "http" and not _is_here(parts.hostname):
            self.tell(f"the key goes to {parts.hostname} without encryption")

    def rate(self, items: Sequence[Item], ratings: Ratings, rater: str) -> Spent:
        """Rate what this rater has not rated; each answer is saved before the next is asked for.

        Raises:
            InputError: the server refuses for good, as it does a wrong key or an unknown model.

        """
        spent = Spent()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with (
            httpx.Client(headers=headers, timeout=SECONDS) as client,
            self.log.open("ab") as self._file,
        ):
            for batch in _batches([item for item in items if item.pair not in ratings.by(rater)]):
                grades = self._ask(client, batch, spent)
                if spent.stopped:
                    break
                if grades is None:
                    spent.failed += len(batch)
                    self.tell(f"{batch[0].text}: no usable answer for {len(batch)} products")
                    continue
                ratings.add(list(zip(batch, grades, strict=True)), rater)
                spent.rated += len(batch)
        return spent

    def _ask(self, client: httpx.Client, batch: Sequence[Item], spent: Spent) -> list[int] | None:
        """Ask until there is a grade for each; None where no try gave one."""
        messages = [
            {"role": "system", "content": self.guide},
            {"role": "user", "content": _question(batch)},
        ]
        expected = sum(len(message["content"]) for message in messages) // _CHARACTERS_A_TOKEN
        for attempt in range(TRIES):
            most, unit = self.budget.most, self.budget.unit
            if most and (
                spent.requests >= most if unit == "requests" else spent.tokens + expected > most
            ):
                spent.stopped = True
                return None
            answer, wait = self._send(client, messages, spent)
            grades = _grades(answer, len(batch)) if answer is not None else None
            if grades is not None:
                return grades
            if answer is None and attempt + 1 < TRIES:
                self.sleep(_back_off(attempt) if wait is None else wait)
        return None

    def _send(
        self, client: httpx.Client, messages: list[dict[str, str]], spent: Spent
    ) -> tuple[str | None, float | None]:
        """Return the answer's text, or None and how long the server wants to be left alone."""
        body = {"model": self.model, "messages": messages, **self._temperature}
        spent.requests += 1
        try:
            response = client.post(self._address, json=body)
        except httpx.TransportError as error:
            self._note(body, None, f"{type(error).__name__}: {error}", 0)
            return None, None
        text, tokens = _content(response)
        if response.is_success:
            tokens = tokens or (len(orjson.dumps(body)) + len(text or "")) // _CHARACTERS_A_TOKEN
            spent.tokens += tokens
        self._note(body, response.status_code, response.text if text is None else text, tokens)
        if response.is_success:
            return text or "", None
        if response.status_code == 429 or response.status_code >= 500:
            return None, _asked_to_wait(response)
        if response.status_code == 400 and "temperature" in response.text and self._temperature:
            self._temperature = {}  # some models take none
            return None, 0.0
        said = " ".join(self._hidden(response.text).split())[:300]
        raise InputError(f"{self._address} answers {response.status_code}: {said}")

    def _note(self, body: dict[str, Any], status: int | None, answer: str, tokens: int) -> None:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "address": self._address,
            "asked": body,
            "status": status,
            "answered": answer,
            "tokens": tokens,
        }
        self._file.write(self._hidden(orjson.dumps(line).decode()).encode() + b"\n")
        self._file.flush()

    def _hidden(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text


def key_from(variable: str) -> str:
    """Return the key that the environment holds under this name; empty where there is none."""
    return os.environ.get(variable, "").strip()


def default_guide() -> str:
    """Return the guide that comes with dsv3."""
    return Path(__file__).with_name("guide.md").read_text(encoding="utf-8")


def _is_here(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield products of one query together, the query that comes first in the file first."""
    by_query: dict[str, list[Item]] = {}
    for item in items:
        by_query.setdefault(item.query, []).append(item)
    for wanted in by_query.values():
        for start in range(0, len(wanted), AT_ONCE):
            yield wanted[start : start + AT_ONCE]


def _question(batch: Sequence[Item]) -> str:
    products = []
    for number, item in enumerate(batch, 1):
        facts = {n: fact for n, fact in item.facts.items() if fact and n not in _NO_FACTS}
        products.append({"number": str(number), **facts})
    lines = "\n".join(orjson.dumps(product).decode() for product in products)
    return f"Query: {orjson.dumps(batch[0].text).decode()}\nProducts, one a line:\n{lines}"


def _grades(answer: str, count: int) -> list[int] | None:
    """Read a grade for each number from 1; None unless the answer is just that."""
    text = re.sub(r"^```(?:json)?\s*|\s*```$", "", answer.strip())
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    numbers = [str(number) for number in range(1, count + 1)]
    if not isinstance(found, dict) or set(found) != set(numbers):
        return None
    grades = [found[number] for number in numbers]
    fits = all(type(grade) is int and grade in GRADES for grade in grades)
    return grades if fits else None


def _content(response: httpx.Response) -> tuple[str | None, int]:
    """Return the text of a chat completion and the tokens it took; None where it is none."""
    try:
        found = orjson.loads(response.content)
        text = found["choices"][0]["message"]["content"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return None, 0
    usage = found.get("usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else 0
    return (
        text if isinstance(text, str) else None,
        tokens if isinstance(tokens, int) else 0,
    )


def _asked_to_wait(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return min(float(given), _LONGEST_WAIT) if given.isdecimal() else None


def _back_off(attempt: int) -> float:
    """Return 1, 2, 4 … seconds, up to a half more, so that many do not come back at once."""
    return float(min(2.0**attempt, _LONGEST_WAIT) * (1 + random.random() / 2))  # noqa: S311

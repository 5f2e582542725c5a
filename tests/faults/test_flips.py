"""Flip bytes in every file of a shop: no answer is wrong, and what a message names mends it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import NEW, Worker, assert_agree, copied, named_commands, one_line
from .worker import Answers

QUICK = int(os.environ.get("DSV3_TEST_FLIPS", "3"))
"""Flips a file in the quick tests."""
MANY = int(os.environ.get("DSV3_TEST_MANY_FLIPS", "10000"))
"""Flips in the slow tests, over all files."""

# A value in the settings may be one that their owner has written: it holds.
SETTINGS = "settings.json"
Flip = tuple[str, int, int]


def files(shop: Path) -> list[str]:
    """Return the names of all files that hold anything."""
    found = (path for path in shop.rglob("*") if path.is_file() and path.stat().st_size)
    return sorted(str(path.relative_to(shop)) for path in found)


def flips(shop: Path, names: list[str], each: int, seed: int) -> Iterator[Flip]:
    """Choose bytes of each file: the first, the last, and others between; and bits of them."""
    chosen = random.Random(seed)  # noqa: S311
    for name in names:
        size = (shop / name).stat().st_size
        for number in range(each):
            between = chosen.randrange(size)
            offset = {0: between, 1: 0, 2: size - 1}.get(number, between)
            yield name, offset, 1 << chosen.randrange(8)


@pytest.fixture(scope="module")
def shop(
    worker: Worker, old_shop: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a shop of two generations, the live one of the new edition."""
    made = copied(old_shop, tmp_path_factory.mktemp("flips").resolve() / "shop.dsv3")
    worker.value("index", shop=made, sources=[sources / NEW])
    return made


@pytest.fixture(scope="module")
def new(worker: Worker, shop: Path) -> Answers:
    answers: Answers = worker.value("answers", shop=shop)
    return answers


@pytest.fixture(scope="module")
def anew(
    worker: Worker, shop: Path, new: Answers, tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    """Return what the shop answers when all has been derived anew."""
    made = copied(shop, tmp_path_factory.mktemp("anew").resolve() / "shop.dsv3")
    worker.value("index", shop=made, rebuild=True)
    answers: Answers = worker.value("answers", shop=made)
    assert_agree(new, answers)
    return answers


def check(worker: Worker, shop: Path, allowed: list[Any], given: list[Flip]) -> list[Flip]:
    """See that each flip leaves answers as they were or is refused; return those refused."""
    refused, wrong = [], []
    while given:
        told = worker.outcomes("flips", shop=shop, flips=given)
        done = [part for part in told if part["status"] != "begun"]
        for flip, found in zip(given, done, strict=False):
            if found["status"] == "refused" and one_line(found["said"]):
                if flip[0] != SETTINGS:  # which no command can know
                    refused.append(flip)
            elif found["status"] != "done":
                wrong.append((flip, f"{found['status']}: {found.get('said', '')[-300:]}"))
            elif found["value"] not in allowed and flip[0] != SETTINGS:
                wrong.append((flip, "another answer"))
        given = given[len(done) :]
    assert not wrong, f"{len(wrong)} flips: {wrong[:40]}"
    return refused


def mend(worker: Worker, shop: Path, sources: Path, flip: Flip, anew: Answers, to: Path) -> None:
    """See that the command which the message names makes the shop answer as before."""
    name, offset, bits = flip
    broken = copied(shop, to)
    content = bytearray((broken / name).read_bytes())
    content[offset] ^= bits
    (broken / name).write_bytes(content)
    said = worker.do("answers", shop=broken)["said"]
    commands = named_commands(said, sources / NEW)
    assert commands, said
    for command in commands:
        done = worker.value("command", arguments=command)
        assert done["code"] == 0, (flip, said, done)
    assert_agree(worker.value("answers", shop=broken), anew)


def test_no_flipped_byte_changes_an_answer(
    worker: Worker,
    shop: Path,
    sources: Path,
    old: Answers,
    new: Answers,
    anew: Answers,
    tmp_path: Path,
) -> None:
    allowed = [worker.value("digest", answers=answers) for answers in (old, new)]
    refused = check(worker, shop, allowed, list(flips(shop, files(shop), QUICK, seed=1)))
    for flip in refused[:: max(1, len(refused) // 4)]:
        mend(worker, shop, sources, flip, anew, tmp_path.resolve() / "shop.dsv3")


@pytest.mark.slow
def test_no_flipped_byte_of_many_changes_an_answer(
    worker: Worker,
    shop: Path,
    sources: Path,
    old: Answers,
    new: Answers,
    anew: Answers,
    tmp_path: Path,
) -> None:
    allowed = [worker.value("digest", answers=answers) for answers in (old, new)]
    names = files(shop)
    given = list(flips(shop, names, MANY // len(names), seed=2))
    refused = []
    for begin in range(0, len(given), 200):
        refused += check(worker, shop, allowed, given[begin : begin + 200])
    for flip in refused[:: max(1, len(refused) // 200)]:
        mend(worker, shop, sources, flip, anew, tmp_path.resolve() / "shop.dsv3")


@pytest.mark.parametrize("name", ["catalog.sqlite", "embeddings.sqlite"])
@pytest.mark.parametrize(
    "each", [3, pytest.param(300, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_flipped_byte_of_a_database_is_never_built_into_a_generation(
    name: str, each: int, worker: Worker, shop: Path, new: Answers, anew: Answers, tmp_path: Path
) -> None:
    wrong = []
    for flip in flips(shop, [name], each, seed=3):
        broken = copied(shop, tmp_path.resolve() / "shop.dsv3")
        content = bytearray((broken / name).read_bytes())
        content[flip[1]] ^= flip[2]
        (broken / name).write_bytes(content)
        built = worker.do("index", shop=broken, rebuild=True)
        served = worker.value("answers", shop=broken)
        if built["status"] == "refused" and one_line(built["said"]):
            if served != new:
                wrong.append((flip, "refused, and yet another answer"))
        elif built["status"] != "done":
            wrong.append((flip, f"{built['status']}: {built.get('said', '')[-300:]}"))
        elif served != anew:
            wrong.append((flip, "another answer"))
    assert not wrong, f"{len(wrong)} flips: {wrong[:40]}"

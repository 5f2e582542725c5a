"""Kill whatever changes a shop at every write and rename; nothing is lost, wrong or in the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .conftest import CHANGES, Worker, assert_agree, change, copied, left_behind, one_line
from .worker import Answers

QUICK = int(os.environ.get("DSV3_TEST_KILLS", "2"))
"""Kills of each change in the quick tests; the slow ones kill at every call."""


class Killing:
    """One change of a shop, what it starts from and what it leads to."""

    def __init__(self, name: str, worker: Worker, sources: Path, old_shop: Path, to: Path) -> None:
        self.worker = worker
        self.start = to / "none" if name == "first run" else old_shop
        self.task, self.arguments = change(name, sources)
        self.shop = to / "shop.dsv3"
        done = self.change()
        assert done["status"] == "done", done
        self.calls = done["calls"]
        self.new: Answers = worker.value("answers", shop=self.shop)
        assert_agree(self.new, worker.value("anew", shop=self.shop, to=to / "anew.dsv3"))
        self.old: Answers | None = None
        if self.start == old_shop:
            self.old = worker.value("answers", shop=old_shop)

    def change(self, die_at: int = 0) -> dict[str, Any]:
        copied(self.start, self.shop)
        return self.worker.do(self.task, die_at=die_at, shop=self.shop, **self.arguments)

    def kill(self, at: int) -> None:
        killed = self.change(at)
        assert killed["status"] == "died", killed
        served = self.worker.do("answers", shop=self.shop)
        if served["status"] == "refused":
            assert self.old is None
            assert one_line(served["said"])
        else:
            assert served["status"] == "done", served
            assert served["value"] in ([self.new] if self.old is None else [self.old, self.new])
        again = self.worker.do(self.task, shop=self.shop, **self.arguments)
        assert again["status"] == "done", again
        assert self.worker.value("answers", shop=self.shop) == self.new
        assert self.worker.value("inspect", folder=self.shop, check=True)["problems"] == []
        assert left_behind(self.shop) == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_killed_is_made_by_the_same_command(
    name: str, worker: Worker, sources: Path, old_shop: Path, tmp_path: Path
) -> None:
    killing = Killing(name, worker, sources, old_shop, tmp_path.resolve())
    for part in range(1, QUICK + 1):
        killing.kill(killing.calls * part // (QUICK + 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_killed_anywhere_is_made_by_the_same_command(
    name: str, worker: Worker, sources: Path, old_shop: Path, tmp_path: Path
) -> None:
    killing = Killing(name, worker, sources, old_shop, tmp_path.resolve())
    broken = []
    for at in range(1, killing.calls + 1):
        try:
            killing.kill(at)
        except AssertionError as error:
            broken.append(f"{at}: {str(error)[:1000]}")
    assert not broken, f"{len(broken)} of {killing.calls} kills: {broken[:5]}"

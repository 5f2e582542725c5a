"""Let the disk run full after so many bytes: one line says so, and the shop stays as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import CHANGES, OLD, Worker, change, copied, one_line, started
from .worker import Answers

QUICK = int(os.environ.get("DSV3_TEST_FULL_DISKS", "2"))
"""Sizes of the disk for each change in the quick tests; the slow ones take thirty times as many."""
ENDLESS = 1 << 40


def see_refused(refused: dict[str, Any]) -> None:
    assert refused["status"] == "refused", refused
    assert one_line(refused["said"])
    assert "space" in refused["said"] or "full" in refused["said"], refused


@pytest.mark.parametrize(
    "times", [1, pytest.param(30, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("name", CHANGES)
def test_a_full_disk_leaves_the_shop_as_it_was(
    name: str, times: int, worker: Worker, sources: Path, old_shop: Path, tmp_path: Path
) -> None:
    task, arguments = change(name, sources)
    start = tmp_path / "none" if name == "first run" else old_shop
    shop = copied(start, tmp_path.resolve() / "shop.dsv3")
    done = worker.do(task, room=ENDLESS, shop=shop, **arguments)
    assert done["status"] == "done", done
    needed = ENDLESS - done["room"]
    new = worker.value("answers", shop=shop)
    old = None if name == "first run" else worker.value("answers", shop=start)
    count = QUICK * times
    for room in (needed * part // count for part in range(count)):
        copied(start, shop)
        refused = worker.do(task, room=room, shop=shop, **arguments)
        if refused["status"] != "done":  # what only makes the next run quicker may be left out
            see_refused(refused)
        served = worker.do("answers", shop=shop)
        if old is None and served["status"] == "refused":
            assert one_line(served["said"])
        else:
            assert served["value"] in (old, new), room
        worker.value(task, shop=shop, **arguments)
        assert worker.value("answers", shop=shop) == new
        assert worker.value("inspect", folder=shop, check=True)["problems"] == []


@pytest.fixture(scope="module")
def small_disk(
    seam: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Worker, Path]]:
    """Return a worker that has a disk of 32 MB, and where; skip where none may be mounted."""
    folder = tmp_path_factory.mktemp("disk").resolve()
    mount = f"mount -t tmpfs -o size=32m none '{folder}'"
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*alone, mount], check=False).returncode:
        pytest.skip("no file system may be mounted here")
    command = [*alone, f'{mount} && exec "$@"', "sh"]
    with started(seam, folder / "unwatched", command) as worker:
        yield worker, folder


@pytest.mark.parametrize("kind", ["Flat", "int8"])
@pytest.mark.parametrize(
    "times", [1, pytest.param(30, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_disk_that_is_full_in_truth_ends_no_process(
    kind: str,
    times: int,
    small_disk: tuple[Worker, Path],
    sources: Path,
    old_shop: Path,
    old: Answers,
) -> None:
    worker, folder = small_disk
    shop = folder / "shop.dsv3"
    count = QUICK * times
    arguments = {
        "shop": shop,
        "sources": [sources / OLD],
        "changes": {"index": kind},
        "rebuild": True,
    }
    for room in (400_000 * part // count for part in range(count)):
        worker.value("leave", folder=folder, free=ENDLESS)
        worker.value("copy", shop=old_shop, to=shop)
        worker.value("leave", folder=folder, free=room)
        refused = worker.do("index", **arguments)
        if refused["status"] != "done":
            see_refused(refused)
            assert worker.value("answers", shop=shop) == old
        worker.value("leave", folder=folder, free=ENDLESS)
        worker.value("index", **arguments)
        assert worker.value("inspect", folder=shop, check=True)["problems"] == []

"""Writers of a shop wait for each other, and each gets its turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dsv3 import ECommRetriever, Product
from dsv3.errors import ShopError
from dsv3.indexer import build, lock
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

WRITER = """
import sys, time
from pathlib import Path
from dsv3.indexer import build, lock
folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    with lock.writing(folder, 60):
        with open(folder / "log", "a") as log:
            log.write(name)
        time.sleep(0.002)
"""


def test_who_does_not_wait_is_refused(tmp_path: Path) -> None:
    with (
        lock.writing(tmp_path),
        pytest.raises(ShopError, match="being changed by another process"),
        lock.writing(tmp_path, wait=0),
    ):
        pass
    with lock.writing(tmp_path, wait=0):
        pass


def test_a_thread_that_waits_too_long_lets_the_others_pass(tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.writing(tmp_path):
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(ShopError, match=r"after 0\.05 seconds"), lock.writing(tmp_path, wait=0.05):
        pass
    release.set()
    holder.join()
    with lock.writing(tmp_path, wait=0):
        pass


def test_threads_write_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    order: list[int] = []
    arrived = threading.Semaphore(0)

    def write(number: int) -> None:
        with lock._guard:
            arrived.release()
        with lock.writing(tmp_path):
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    with lock.writing(tmp_path):
        for place, thread in enumerate(threads, 2):
            thread.start()
            arrived.acquire()
            (line,) = lock._lines.values()
            while len(line) < place:
                pass
    for thread in threads:
        thread.join()
    assert order == list(range(16))


def test_no_process_is_passed_by_for_ever(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in "abc"
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
    for child in children:
        assert child.wait(60) == 0
        child.communicate()
    written = (tmp_path / "log").read_text()
    assert Counter(written) == {"a": 40, "b": 40, "c": 40}
    before_the_first_has_done = written[: min(written.rindex(name) for name in "abc")]
    assert min(Counter(before_the_first_has_done)[name] for name in "abc") >= 10


def test_a_folder_put_in_the_place_of_another_is_locked_anew(tmp_path: Path) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"
    shop.mkdir()
    other.mkdir()
    held, entered = threading.Event(), threading.Event()

    def wait() -> None:
        held.set()
        with lock.writing(shop):
            (shop / "written").touch()
            entered.set()

    waiter = threading.Thread(target=wait)
    with lock.writing(shop):
        waiter.start()
        held.wait()
        shop.rename(tmp_path / "old")
        other.rename(shop)
    waiter.join(30)
    assert (shop / "written").exists()
    assert not (tmp_path / "old" / "written").exists()


@pytest.mark.parametrize(("threads", "times", "publish"), [(8, 2, True), (16, 100, False)])
def test_none_of_many_threads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, times: int, publish: bool
) -> None:
    """Publishing takes most of a change's time, and is left to the last of the many."""
    file = tmp_path / "products.jsonl"
    file.write_text(json.dumps({"id": "p", "title": "Lamp"}))
    index_shop(tmp_path / "s.dsv3", Reading([str(file)]), changes={"encoder": "hashing:16"})
    with ECommRetriever.open(tmp_path / "s.dsv3") as shop:

        def write(thread: int) -> int:
            numbers = range(times)
            return sum(shop.upsert([Product(f"{thread}-{n}", "Lamp")]) for n in numbers)

        with monkeypatch.context() as patch, ThreadPoolExecutor(threads) as pool:
            if not publish:
                patch.setattr(build, "build_generation", lambda *_, **__: None)
            assert sum(pool.map(write, range(threads))) == threads * times
        assert shop.upsert([Product("last", "Lamp")]) == 1
        assert shop.retrieve("lamp").total == threads * times + 2


def test_a_folder_that_may_not_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        with (
            pytest.raises(ShopError, match="cannot be changed: No such file"),
            lock.writing(tmp_path / "none"),
        ):
            pass
    else:
        tmp_path.chmod(0o555)
        with pytest.raises(ShopError, match="cannot be changed"), lock.writing(tmp_path):
            pass
        tmp_path.chmod(0o755)

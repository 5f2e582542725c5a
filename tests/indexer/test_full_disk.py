"""A full disk: one line that says so, no signal, and the shop stays as it was."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.errors import DiskFullError
from dsv3.files import full_disk_told
from dsv3.indexer import build
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

# Index as a process of its own: a signal would end it, and a limit on a file's size holds for it.
_INDEX = """
import resource, sys
from dsv3.cli.app import main
from dsv3.indexer.vectors import stored
limit, *sys.argv[1:] = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
stored._MEMORY_BYTES = 1 << 14
main()
"""


def write(path: Path, count: int, price: int = 5) -> Path:
    words = [f"{n} lamp {n * 7919 % 1000} of colour {n * 104729 % 997}" for n in range(count)]
    path.write_text(
        "\n".join(
            json.dumps({"id": f"p{n}", "title": word, "description": word * 4, "price": price})
            for n, word in enumerate(words)
        )
    )
    return path


def run(limit: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _INDEX, str(limit), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check_told(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stderr
    assert "no room left on the disk to write /" in done.stderr, done.stderr
    assert "free some space" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("dsv3: no room"), done.stderr
    assert "Traceback" not in done.stderr
    assert "panicked" not in done.stderr


def served(shop: Path) -> list[tuple[str, float | None]]:
    with ECommRetriever.open(shop) as retriever:
        hits = retriever.retrieve("lamp", k=5, where="price < 9").hits
    return [(hit.product_id, hit.product.price) for hit in hits]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 12 MB; skipped where that is not allowed."""
    at = tmp_path / "small"
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(at)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leave so many KiB of a disk free."""
    space = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(max(space.f_bavail * space.f_frsize - (left << 10), 0)))
    return filler


@pytest.mark.parametrize("left", [0, 900])
def test_reading_and_encoding(tmp_path: Path, small_disk: Path, left: int) -> None:
    shop = small_disk / "shop.dsv3"
    first = write(tmp_path / "first.jsonl", 40)
    index_shop(shop, Reading([str(first)]), changes={"encoder": "hashing:64"}, workers=1)
    before = served(shop)
    second = write(tmp_path / "second.jsonl", 2000, price=900)
    filler = fill(small_disk, left)
    check_told(run(0, "index", second, "--into", shop, "--index", "int8", "--workers", 1))
    assert served(shop) == before
    filler.unlink()
    index_shop(shop, Reading([str(second)]), changes={"index": "int8"}, workers=1)
    assert not served(shop)


@pytest.mark.parametrize("left", [50, 300, 600])
def test_deriving(tmp_path: Path, small_disk: Path, left: int) -> None:
    shop = small_disk / "shop.dsv3"
    first = write(tmp_path / "first.jsonl", 1500)
    index_shop(shop, Reading([str(first)]), changes={"encoder": "hashing:64"}, workers=1)
    before = served(shop)
    filler = fill(small_disk, left)
    check_told(run(0, "index", "--into", shop, "--index", "int8"))
    assert served(shop) == before
    assert [path.name for path in (shop / "generations").iterdir()] == ["000001"]
    filler.unlink()
    index_shop(shop, changes={"index": "int8"}, workers=1)
    assert [hit for hit, _ in served(shop)] == [hit for hit, _ in before]


def test_a_file_may_not_grow(tmp_path: Path) -> None:
    shop = tmp_path / "shop.dsv3"
    first = write(tmp_path / "first.jsonl", 1500)
    index_shop(shop, Reading([str(first)]), changes={"encoder": "hashing:64"}, workers=1)
    before = served(shop)
    check_told(run(300 << 10, "index", "--into", shop, "--index", "int8"))
    assert served(shop) == before


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other"), full_disk_told(tmp_path, "then"):
        raise ValueError("other")
    with pytest.raises(DiskFullError, match="; then"), full_disk_told(tmp_path, "then"):
        raise RuntimeError("database or disk is full")


@pytest.mark.parametrize(
    ("part", "named"),
    [("_encode", "embeddings.sqlite"), ("_vectors", "generations")],
)
def test_the_line_names_what_was_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, named: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        if part == "_encode":
            raise sqlite3.OperationalError("database or disk is full")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = write(tmp_path / "products.jsonl", 3)
    shop = tmp_path / "shop.dsv3"
    index_shop(shop, Reading([str(source)]), changes={"encoder": "hashing:32"}, workers=1)
    monkeypatch.setattr(build._Build, part, fail)
    with ECommRetriever.open(shop) as writer, pytest.raises(DiskFullError) as told:
        writer.delete(["p0"])
    begin = f"no room left on the disk to write {shop / named}; what was served before still is"
    assert str(told.value).startswith(begin)
    assert str(told.value).count("free some space") == 1
    monkeypatch.undo()
    with ECommRetriever.open(shop) as reader:
        assert reader.retrieve("").total == 3
    index_shop(shop)  # what was deleted before the disk ran full stays deleted
    with ECommRetriever.open(shop) as reader:
        assert reader.retrieve("").total == 2


def test_a_full_catalog_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFullError, match=r"to write /catalog; free it$"),
        full_disk_told(tmp_path, "free it"),
        full_disk_told(Path("/catalog")),
    ):
        raise sqlite3.OperationalError("database or disk is full")

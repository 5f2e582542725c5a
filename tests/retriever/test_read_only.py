"""A shop that cannot be written can be searched, and a search writes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

NOBODY = 65534
SEARCH = """
import json, os, sys
from dsv3 import ECommRetriever
from dsv3.errors import ShopError
from dsv3.indexer.inspect import inspect_shop

def search(folder):
    found = {"problems": inspect_shop(folder, check=True)["problems"]}
    with ECommRetriever.open(folder) as shop:
        for mode in ("hybrid", "dense", "lexical"):
            results = shop.retrieve("lamp", mode=mode, where="price < 3")
            found[mode] = [hit.product_id for hit in results]
        try:
            shop.delete(["p0"])
        except ShopError as error:
            found["delete"] = str(error)
    return found

shop, copy, *user = sys.argv[1:]
search(copy)  # another user may not even read the modules
if user:
    os.setgroups([])
    os.setgid(int(user[0]))
    os.setuid(int(user[0]))
print(json.dumps(search(shop)))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    source = tmp_path / "products.jsonl"
    records = [{"id": f"p{n}", "title": f"Lamp {n}", "price": n} for n in range(9)]
    source.write_text("\n".join(map(json.dumps, records)))
    made = tmp_path / "shop.dsv3"
    index_shop(made, Reading([str(source)]), changes={"encoder": "hashing:32"}, workers=1)
    with ECommRetriever.open(made) as opened:  # a generation of linked segments
        opened.delete(["p1"])
    for folder in (tmp_path, *tmp_path.parents):  # one more of them where tests run in parallel
        if folder.stat().st_mode & 0o005 == 0o005:
            break
        folder.chmod(0o755)
    return made


@pytest.fixture
def mounted(shop: Path, tmp_path: Path) -> Iterator[Path]:
    """Mount the shop read-only; skip where this may not be done."""
    at = tmp_path / "mounted"
    at.mkdir()
    mount = ["mount", "--bind", str(shop), str(at)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(at)], check=True)
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def state(shop: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(shop.rglob("*"))
    }


def check(shop: Path, *user: str) -> None:
    copy = shop.with_name("copy")
    shutil.copytree(shop, copy, dirs_exist_ok=True)
    child = [sys.executable, "-c", SEARCH, str(shop), str(copy), *user]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["hybrid"] == found["dense"] == found["lexical"] == ["p0", "p2"]
    assert "cannot be changed" in found["delete"]
    assert found["problems"] == []


def test_a_shop_on_a_read_only_file_system_is_searched(mounted: Path) -> None:
    check(mounted)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_the_shop_of_another_user_is_searched(shop: Path) -> None:
    before = state(shop)
    check(shop, str(NOBODY))
    assert state(shop) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_shop_whose_writer_is_at_work_is_searched_by_another_user(shop: Path) -> None:
    with ECommRetriever.open(shop) as writer:
        writer.delete(["p8"])
        assert (shop / "catalog.sqlite-wal").exists()
        check(shop, str(NOBODY))


def test_a_search_writes_nothing(shop: Path) -> None:
    before = state(shop)
    with ECommRetriever.open(shop) as opened:
        assert opened.retrieve("lamp", where="price > 3", facets=["price"]).total == 5
    assert state(shop) == before

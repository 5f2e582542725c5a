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
from dsv3.errors import ShopError
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
        if folder.stat().st_mode & 0o005 != 0o005:
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


DENIED = """
import json, os, sys
from pathlib import Path
from dsv3.cli.app import main
from dsv3.errors import Dsv3Error

def said(*arguments):
    import contextlib, io
    sys.argv, err = ["dsv3", *map(str, arguments)], io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as exit_:
            return [exit_.code, err.getvalue()]
    return [0, err.getvalue()]

shops, copy, source, below = sys.argv[1], *sys.argv[2:5]
said("info", copy, "--check")  # another user may not even read the modules
said("search", "lamp", "--in", copy)
said("index", source, "--into", copy)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
found = {shop.name: [said("search", "lamp", "--in", shop), said("info", shop, "--check")]
         for shop in sorted(Path(shops).iterdir())}
found["index"] = [said("index", source, "--into", Path(below) / "new", "--encoder", "hashing:32"),
                  said("index", source, "--into", Path(below) / "closed" / "new")]
print(json.dumps(found))
"""
PARTS = {
    "settings": "settings.json",
    "pointer": "CURRENT",
    "manifest": "generations/000002/manifest.json",
    "products": "generations/000002/products/*.jsonl",
    "columns": "generations/000002/columns/number.arrow",
    "keywords": "generations/000002/lexical/*.idx",
    "vectors": "generations/000002/vectors/vectors.faiss",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_what_may_not_be_read_is_said_so_in_one_line_and_not_called_damaged(
    shop: Path, tmp_path: Path
) -> None:
    copy, shops = tmp_path / "copy", tmp_path / "shops"
    shutil.copytree(shop, copy)
    for name, part in PARTS.items():
        made = Path(shutil.copytree(shop, shops / name))
        for file in made.glob(part):
            file.chmod(0)
    (tmp_path / "below" / "closed").mkdir(parents=True, mode=0o700)
    (tmp_path / "below" / "closed").chmod(0o700)
    source = tmp_path / "products.jsonl"
    source.chmod(0o644)
    given = [str(shops), str(copy), str(source), str(tmp_path / "below")]
    child = [sys.executable, "-c", DENIED, *given]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, told in found.items():
        for code, said in told[:1] if name in PARTS else told:
            assert code == 1, (name, said)
            assert "Permission denied" in said, (name, said)
            assert "damaged" not in said, (name, said)
            assert "/proc/" not in said, (name, said)
            assert len(said.strip().splitlines()) == 1, (name, said)
        assert told[1][0] == 1, (name, told)
        assert "Traceback" not in told[1][1], (name, told)


def test_a_shop_is_not_made_on_a_read_only_file_system(mounted: Path, tmp_path: Path) -> None:
    source = tmp_path / "products.jsonl"
    with pytest.raises(ShopError, match="cannot be made: Read-only file system"):
        index_shop(mounted / "new", Reading([str(source)]))


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_file_is_no_shop(tmp_path: Path, below: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    with pytest.raises(ShopError, match="is a file; a shop is a folder"):
        index_shop(file / below, Reading([str(file)]))

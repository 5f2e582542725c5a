"""Shops to break, and processes to break them in."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .worker import QUERIES, Answers

HERE = Path(__file__).parent
OLD, NEW = "old.jsonl", "new.jsonl"
PROMISED = {".lock", ".queue"}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


HASHING = {"changes": {"encoder": "hashing:32"}}
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "first run": ("index", {"sources": [OLD], **HASHING}),
    "update": ("index", {"sources": [NEW]}),
    "sync": ("index", {"sources": [NEW], "sync": True}),
    "rebuild": ("index", {"rebuild": True}),
    "another encoder": ("index", {"changes": {"encoder": "hashing:48"}}),
    "another index": ("index", {"changes": {"index": "int8"}}),
    "update and prune": ("index", {"sources": [NEW], "prune": True}),
    "upsert": ("upsert", {"products": [{"product_id": "p1", "title": "blue lamp of glass"}]}),
    "delete": ("delete", {"ids": ["p2", "p4"]}),
}


def change(name: str, sources: Path) -> tuple[str, dict[str, Any]]:
    """Return the task of a change, and its arguments."""
    task, arguments = CHANGES[name]
    if "sources" in arguments:
        paths = [sources / edition for edition in arguments["sources"]]
        arguments = arguments | {"sources": paths}
    return task, arguments


def products(edition: str) -> list[dict[str, Any]]:
    """Return 30 products; of the new edition two are gone, two came, and ten differ."""
    nouns = ["table", "lamp", "chair", "shelf", "mirror", "rug"]
    looks = ["oak", "red", "comfortable", "blue", "small"]
    made = []
    for n in range(32):
        if n in ({30, 31} if edition == OLD else {3, 17}):
            continue
        noun, look = nouns[n % 6], looks[n % 5]
        product: dict[str, Any] = {
            "id": f"p{n}",
            "title": f"{look} {noun} {n}",
            "description": f"A {look} {noun} made of {looks[n % 4]} wood for room {n}",
            "brand": ["Alba", "Bruno", "Carla"][n % 3],
            "category": f"Home > {noun}",
            "price": 10 + 3.5 * n,
            "in_stock": n % 4 != 0,
            "colour": looks[1 + n % 3],
            "weight": n / 4,
        }
        if n == 5:
            product["gtin"] = "4006381333931"
        if edition == NEW and n % 3 == 0:
            product["price"] += 1000
        if edition == NEW and n % 10 == 1:
            product["title"] = f"{look} {noun} of walnut {n}"
        made.append(product)
    return made


@dataclass(frozen=True)
class Worker:
    """Hand jobs to `worker.py`, which forks a process for each."""

    process: subprocess.Popen[str]
    folder: Path

    def outcomes(
        self, task: str, *, die_at: int = 0, room: int = -1, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Return what became of each part of a job: a `status` is done, refused, broke or died."""
        job = {"task": task, "arguments": arguments, "die_at": die_at, "room": room}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job | {"folder": self.folder}, default=str) + "\n")
        self.process.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return found

    def do(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Return what became of a job."""
        return self.outcomes(task, **arguments)[-1]

    def value(self, task: str, **arguments: Any) -> Any:
        """Do what has to succeed."""
        done = self.do(task, **arguments)
        assert done["status"] == "done", done
        return done["value"]


@pytest.fixture(scope="session")
def seam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the seam as a library; skip where it cannot be made."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the seam between a process and its disk needs Linux and a C compiler")
    made = tmp_path_factory.mktemp("seam") / "seam.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", HERE / "seam.c", "-o", made, "-ldl"], check=True
    )
    return made


@contextmanager
def started(seam: Path, folder: Path, before: Sequence[str] = ()) -> Iterator[Worker]:
    """Start a worker that watches a folder, by a command that starts it where one is given."""
    environment = os.environ | {"LD_PRELOAD": str(seam)} | ONE_THREAD
    with subprocess.Popen(
        [*before, sys.executable, HERE / "worker.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n", "only a process of one thread may be forked"
        yield Worker(process, folder)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def worker(seam: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Return a worker whose jobs can be killed at any call on a shop's files."""
    with started(seam, tmp_path_factory.getbasetemp().resolve()) as made:
        yield made


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds both editions."""
    folder = tmp_path_factory.mktemp("sources").resolve()
    for edition in (OLD, NEW):
        (folder / edition).write_text("\n".join(map(json.dumps, products(edition))) + "\n")
    return folder


@pytest.fixture(scope="session")
def old_shop(worker: Worker, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop of the old edition; whoever breaks it takes a copy."""
    shop = tmp_path_factory.mktemp("old").resolve() / "shop.dsv3"
    worker.value("index", shop=shop, sources=[sources / OLD], changes={"encoder": "hashing:32"})
    return shop


@pytest.fixture(scope="session")
def old(worker: Worker, old_shop: Path) -> Answers:
    answers: Answers = worker.value("answers", shop=old_shop)
    return answers


def copied(shop: Path, to: Path) -> Path:
    """Copy a shop to where none, or another copy, is; files that two names share stay shared."""
    shutil.rmtree(to, ignore_errors=True)
    if shop.exists():
        subprocess.run(["cp", "-a", shop, to], check=True)
    return to


def assert_agree(found: Answers, anew: Answers, *, within: float = 0.15) -> None:
    """See that answers are those of a shop built anew.

    Where keywords rank, a product's score may differ by a little, and so its place: BM25 counts
    replaced and deleted entries until their segments are merged.
    """
    assert len(found) == len(anew) == len(QUERIES)
    for query, here, there in zip(QUERIES, found, anew, strict=True):
        assert here[1:] == there[1:], query
        if not query["query"] or query.get("mode") == "dense":
            assert here == there, query
            continue
        if "sort" in query:
            assert [product for _, product in here[0]] == [product for _, product in there[0]]
        scores = [{p["product_id"]: score for score, p in hits} for hits in (here[0], there[0])]
        shown = [{p["product_id"]: p for _, p in hits} for hits in (here[0], there[0])]
        assert shown[0] == shown[1], query
        assert scores[0] == pytest.approx(scores[1], abs=within), query


def named_commands(said: str, source: Path) -> list[list[str]]:
    """Return the arguments of the commands that a message names."""
    found = []
    for command in re.findall(r"dsv3 ((?:index|info|delete) [^;\n]*)", said):
        arguments = [str(source) if a == "SOURCE" else a for a in shlex.split(command)]
        found.append(arguments)
    return found


def one_line(said: str) -> bool:
    return bool(said.strip()) and "\n" not in said.strip() and "Traceback" not in said


def left_behind(shop: Path) -> Sequence[str]:
    """Return the temporary files in a shop: hidden names that no promise speaks of."""
    hidden = (path.relative_to(shop) for path in shop.rglob(".*"))
    return [
        str(path) for path in hidden if path.name not in PROMISED and "lexical" not in path.parts
    ]

"""Do jobs on shops, each in a process of its own, forked from one that has loaded dsv3.

Reads one job a line, as JSON, and answers with a line of outcomes, of which most jobs have one and
each has a `status`. A job names a task and its arguments; `folder` is watched, `die_at` is the call
on its files at which the process is killed, `room` the bytes after which its disk is full.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from dsv3 import ECommRetriever, Product
from dsv3.errors import Dsv3Error
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.inspect import inspect_shop
from dsv3.indexer.shop import Shop
from dsv3.indexer.vectors.backend import faiss

MOST_SECONDS = 120.0
# Where these are first imported in a job, every job pays for it.
HEAVY = (
    "dsv3.cli.app",
    "dsv3.eval",
    "dsv3.indexer.build",
    "dsv3.indexer.lock",
    "faiss",
    "dsv3.retriever.retriever",
    "pandas",
    "pyarrow.ipc",
    "rich.table",
    "selectolax.lexbor",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlglot",
    "tantivy",
)
QUERIES: tuple[dict[str, Any], ...] = (
    {"query": ""},
    {"query": "", "sort": "price:desc", "facets": ["brand", "category", "price", "colour"]},
    {"query": "", "where": "price < 40 and in_stock", "facets": ["in_stock"]},
    {"query": "oak table"},
    {"query": "red lamp", "where": "brand = 'Alba'", "facets": ["colour"], "mode": "lexical"},
    {"query": "comfortable chair", "mode": "dense", "k": 7},
    {"query": "4006381333931"},
    {"query": "wodden tabel", "where": "colour = 'blue' or weight > 3"},
    {"query": "lam", "prefix": True, "sort": "price"},
)
Answers = list[Any]


def answers(shop: str | Path | ECommRetriever) -> Answers:
    """Return what a shop answers to each query: hits as they are shown, total, facets."""
    if not isinstance(shop, ECommRetriever):
        with ECommRetriever.open(shop) as retriever:
            return answers(retriever)
    found = []
    for query in QUERIES:
        page = shop.retrieve(**({"k": 100} | query))
        hits = [[round(hit.score, 4), hit.product] for hit in page]
        found.append([hits, page.total, page.facets])
    plain: Answers = orjson.loads(orjson.dumps(found))
    return plain


def index(shop: str, sources: Iterable[str] = (), sync: bool = False, **options: Any) -> None:
    reading = Reading(list(sources), sync=sync, most_deleted=1.0) if sources else None
    index_shop(shop, reading, workers=1, wait=5.0, **options)


def upsert(shop: str, products: Iterable[dict[str, Any]]) -> int:
    with ECommRetriever.open(shop, wait=5.0) as retriever:
        return retriever.upsert([Product(**fields) for fields in products])


def delete(shop: str, ids: Iterable[str]) -> int:
    with ECommRetriever.open(shop, wait=5.0) as retriever:
        return retriever.delete(ids)


def anew(shop: str, to: str) -> Answers:
    """Build another shop of the products that one holds, in their order; return its answers."""
    kept = Shop(shop)
    with kept.open_catalog(mode="read") as catalog:
        products = list(catalog.products())
    settings = kept.settings
    return built(to, products, {"encoder": settings.encoder, "index": settings.index})


def built(to: str, products: Iterable[Product], changes: dict[str, Any]) -> Answers:
    """Build a shop of products, in their order; return its answers."""
    shop = Shop(to)
    shop.make_folder()
    with shop.open_catalog(mode="create") as catalog:
        catalog.upsert(products)
    index(to, changes=changes)
    return answers(to)


def built_of(to: str, products: Iterable[dict[str, Any]], encoder: str) -> Answers:
    return built(to, [Product(**fields) for fields in products], {"encoder": encoder})


def stored(shop: str) -> list[Product]:
    """Return what is in the catalog, in the order of rows."""
    with Shop(shop).open_catalog(mode="read", check=False) as catalog:
        plain: list[Product] = orjson.loads(orjson.dumps(list(catalog.products())))
        return plain


def command(arguments: list[str]) -> dict[str, Any]:
    """Run `dsv3` as a user would; a traceback is the caller's to find in what it said."""
    import contextlib
    import io

    from dsv3.cli.app import main

    sys.argv = ["dsv3", *arguments]
    os.environ["COLUMNS"] = "120"
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def digest(answers: Answers) -> str:
    return blake2b(orjson.dumps(answers), digest_size=16).hexdigest()


def digest_of_answers(shop: str) -> str:
    return digest(answers(shop))


def copy(shop: str, to: str) -> None:
    shutil.rmtree(to, ignore_errors=True)
    if Path(shop).exists():
        shutil.copytree(shop, to)


def leave(folder: str, free: int) -> None:
    """Fill the disk that a folder is on but for some bytes, in place of what filled it before."""
    ballast = Path(folder, "ballast")
    ballast.unlink(missing_ok=True)
    with ballast.open("wb") as file:
        now = shutil.disk_usage(folder).free
        file.write(bytes(max(0, now - free)))


TASKS: dict[str, Callable[..., Any]] = {
    "answers": answers,
    "anew": anew,
    "index": index,
    "upsert": upsert,
    "copy": copy,
    "delete": delete,
    "digest": digest,
    "built_of": built_of,
    "command": command,
    "inspect": inspect_shop,
    "leave": leave,
    "stored": stored,
}


def outcome(task: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a task gave, was refused with, or broke with."""
    try:
        return {"status": "done", "value": task(**arguments)}
    except Dsv3Error as error:
        return {"status": "refused", "said": str(error)}
    except BaseException:  # this is what the tests look for
        return {"status": "broke", "said": traceback.format_exc()}


def flips(shop: str, flips: Iterable[tuple[str, int, int]], tell: Callable[[Any], None]) -> None:
    """Flip bits of one byte after another, ask the shop each time, and put the byte back."""
    for name, offset, bits in flips:
        with (Path(shop) / name).open("r+b", buffering=0) as file:
            byte = os.pread(file.fileno(), 1, offset)[0]
            os.pwrite(file.fileno(), bytes([byte ^ bits]), offset)
            tell({"status": "begun"})
            try:
                tell(outcome(digest_of_answers, {"shop": shop}))
            finally:
                os.pwrite(file.fileno(), bytes([byte]), offset)


def run(job: dict[str, Any], into: int) -> None:
    """Do a job in this process and write its outcome."""

    def tell(line: Any) -> None:
        os.write(into, json.dumps(line).encode() + b"\n")

    seam = ctypes.CDLL(None)
    seam.seam_calls.restype = seam.seam_room.restype = ctypes.c_long
    seam.seam_arm(
        os.fsencode(job["folder"]), ctypes.c_long(job["die_at"]), ctypes.c_long(job["room"])
    )
    if job["task"] == "flips":
        flips(**job["arguments"], tell=tell)
        return
    done = outcome(TASKS[job["task"]], job["arguments"])
    tell(done | {"calls": seam.seam_calls(), "room": seam.seam_room()})


def serve() -> None:
    """Fork a process for every job."""
    for name in HEAVY:
        try:
            import_module(name)
        except ImportError:
            continue
    faiss()
    answer = sys.stdout.buffer
    answer.write(b"%d\n" % len(os.listdir("/proc/self/task")))  # noqa: PTH208
    answer.flush()
    for line in sys.stdin:
        job = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            try:
                run(job, write)
            finally:
                os._exit(0)
        os.close(write)
        lines = _read(read, child).splitlines()
        _, ended = os.waitpid(child, 0)
        if os.WIFSIGNALED(ended):
            lines.append(json.dumps({"status": "died", "signal": os.WTERMSIG(ended)}).encode())
        answer.write(b"[" + b",".join(lines) + b"]\n")
        answer.flush()


def _read(source: int, child: int) -> bytes:
    said = b""
    while True:
        if not select.select([source], [], [], MOST_SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
        part = os.read(source, 1 << 20)
        if not part:
            os.close(source)
            return said
        said += part


if __name__ == "__main__":
    serve()

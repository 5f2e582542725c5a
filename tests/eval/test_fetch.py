"""Collections are fetched from a mirror made here: checked, cached, unpacked within bounds."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3.encoder.folders import cache_folder
from dsv3.errors import InputError
from dsv3.eval import fetch
from dsv3.eval.fetch import COLLECTIONS, RemoteFile, addresses, fetch_collection
from dsv3.eval.judgments.load import LAYOUTS, load_qrels

WANDS = {
    "wands/query.csv": b"query_id\tquery\tquery_class\n0\tred sofa\tSofas\n1\toak desk\tDesks\n",
    "wands/label.csv": b"id\tquery_id\tproduct_id\tlabel\n0\t0\t7\tExact\n1\t1\t8\tPartial\n",
    "wands/product.csv": (
        b"product_id\tproduct_name\tproduct_class\tproduct_description\n"
        b"7\tRed sofa for three\tSofas\tA sofa in red cloth\n"
        b"8\tDesk of oak\tDesks\tA desk for two\n"
    ),
}


@dataclass
class Mirror:
    """Files by their path, and how the server treats those who ask."""

    base: str
    files: dict[str, bytes]
    cut: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    monkeypatch.setenv("DSV3_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Mirror("", dict(WANDS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, sent = self.path.lstrip("/"), self.headers.get("Range", "")
            found.asked.append((name, sent))
            content = found.files.get(name)
            if content is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            start = 0
            if sent and self.headers.get("If-Range") == tag:
                start = int(sent.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            rest = content[start:]
            if name in found.cut:
                found.cut.remove(name)
                rest = rest[: len(rest) // 2]
                self.close_connection = True
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def beir(mirror: Mirror, files: dict[str, bytes], digest: str = "") -> fetch.Collection:
    """Put an archive on the mirror and return the collection that it is, under its own digest."""
    content = zipped(files)
    mirror.files["scifact/scifact.zip"] = content
    published = digest or f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    known = COLLECTIONS["scifact"]
    return replace(known, files=(replace(known.files[0], digest=published),))


DOCUMENTS = {
    "scifact/corpus.jsonl": b'{"_id": "4", "title": "Cells", "text": "Of cells."}\n',
    "scifact/queries.jsonl": b'{"_id": "1", "text": "what do cells do"}\n',
    "scifact/qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\t4\t1\n",
}


def test_a_collection_is_fetched_indexed_and_evaluated(
    mirror: Mirror, dsv3: Callable[..., CompletedProcess[str]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    done = dsv3("eval", "fetch", "wands", "--mirror", mirror.base)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert told.index("licence: MIT") < told.index("fetching label.csv")
    assert hashlib.sha256(WANDS["wands/label.csv"]).hexdigest() in told
    monkeypatch.chdir(tmp_path)
    index, evaluate = (line.split() for line in told.splitlines()[-2:])
    built = dsv3(*index[1:], "--encoder", "hashing")
    assert built.returncode == 0, built.stderr
    found = dsv3(*evaluate[1:], "--bm25", "default", "--click-model", "none", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["judgments"]["queries"] == 2
    asked = len(mirror.asked)
    again = dsv3("eval", "fetch", "wands", "--mirror", mirror.base, "--json")
    assert json.loads(again.stdout)["sha256"]["label.csv"] in told
    assert len(mirror.asked) == asked


def test_what_was_cut_off_is_gone_on_with(mirror: Mirror) -> None:
    mirror.files["wands/product.csv"] += b"9\tLamp\tLamps\tA lamp\n" * 1000
    mirror.cut = {"wands/product.csv"}
    found = fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)
    asked = [sent for name, sent in mirror.asked if name == "wands/product.csv"]
    assert asked[0] == ""
    assert asked[1].startswith("bytes=")
    assert int(asked[1][6:-1]) > 0
    assert (found.folder / "product.csv").read_bytes() == mirror.files["wands/product.csv"]


def test_a_part_of_another_version_is_not_gone_on_with(mirror: Mirror) -> None:
    folder = cache_folder() / "collections" / "wands"
    folder.mkdir(parents=True)
    (folder / "label.csv.part").write_bytes(b"old")
    (folder / "label.csv.version").write_text('"older"')
    found = fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)
    assert (found.folder / "label.csv").read_bytes() == WANDS["wands/label.csv"]


def test_an_archive_is_unpacked_and_read(mirror: Mirror) -> None:
    collection = beir(mirror, DOCUMENTS)
    found = fetch_collection(collection, mirror=mirror.base)
    qrels = load_qrels(found.folder / collection.judgments, collection.layout)
    assert qrels.grades == {"1": {"4": 1}}
    assert qrels.text("1") == "what do cells do"
    assert (found.folder / collection.catalog).is_file()
    assert found.lines()[0].startswith("dsv3 index ")


def test_a_file_that_is_not_the_published_one_is_refused(mirror: Mirror) -> None:
    collection = beir(mirror, DOCUMENTS, digest="md5:" + "0" * 32)
    with pytest.raises(InputError, match=r"scifact\.zip is not what was published"):
        fetch_collection(collection, mirror=mirror.base)
    assert not list((cache_folder() / "collections" / "scifact").glob("scifact*"))


def test_a_file_that_changed_since_the_first_fetch_is_refused(mirror: Mirror) -> None:
    found = fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)
    (found.folder / "label.csv").unlink()
    mirror.files["wands/label.csv"] += b"2\t1\t7\tIrrelevant\n"
    with pytest.raises(InputError, match=r"label\.csv has changed since it was first fetched"):
        fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)
    notes = cache_folder() / "collections" / "digests.json"
    known = json.loads(notes.read_text())
    del known["wands/label.csv"]
    notes.write_text(json.dumps(known))
    fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt", "c:\\out.txt"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(mirror: Mirror, name: str) -> None:
    collection = beir(mirror, {**DOCUMENTS, name: b"out"})
    with pytest.raises(InputError, match="leads out of its folder"):
        fetch_collection(collection, mirror=mirror.base)
    assert not list(cache_folder().parent.rglob("out.txt"))
    assert not (cache_folder() / "collections" / "scifact" / "scifact").exists()


def test_a_link_in_an_archive_is_refused(mirror: Mirror) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        link = tarfile.TarInfo("catalog.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    mirror.files["chorus/products.tar.gz"] = packed.getvalue()
    collection = replace(
        COLLECTIONS["chorus"], files=(RemoteFile("https://example.org/products.tar.gz"),)
    )
    with pytest.raises(InputError, match=r"holds a link or a device: catalog\.json"):
        fetch_collection(collection, mirror=mirror.base)


def test_sizes_and_times_are_bounded(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = beir(mirror, {**DOCUMENTS, "scifact/large.jsonl": b"0" * 100_000})
    monkeypatch.setattr(fetch, "LARGEST_UNPACKED", 50_000)
    with pytest.raises(InputError, match=r"scifact\.zip holds more than"):
        fetch_collection(collection, mirror=mirror.base)
    with monkeypatch.context() as patched:
        patched.setattr(fetch, "LONGEST_SECONDS", -1)
        with pytest.raises(InputError, match="takes longer than"):
            fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)
    monkeypatch.setattr(fetch, "LARGEST", 50)
    with pytest.raises(InputError, match="is larger than"):
        fetch_collection(COLLECTIONS["wands"], mirror=mirror.base)


def test_what_cannot_be_fetched_is_one_line(
    mirror: Mirror, dsv3: Callable[..., CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.files = {}
    base = mirror.base.replace("http://", "http://shopper:hidden@")
    done = dsv3("eval", "fetch", "wands", "--mirror", base)
    assert done.returncode == 2
    assert done.stderr == f"dsv3: {mirror.base}/wands/label.csv: the server answers 404 Not Found\n"
    assert "hidden" not in done.stdout
    monkeypatch.setenv("DSV3_CACHE", __file__)
    assert "names another cache folder" in dsv3("eval", "fetch", "wands").stderr
    assert "choose one of wands, esci" in dsv3("eval", "fetch", "nowhere").stderr
    assert "name a collection" in dsv3("eval", "fetch").stderr
    assert "is no web address" in dsv3("eval", "fetch", "wands", "--mirror", "here").stderr


def test_the_list_fetches_nothing(
    mirror: Mirror, dsv3: Callable[..., CompletedProcess[str]]
) -> None:
    told = dsv3("eval", "fetch", "--list").stdout
    for collection in COLLECTIONS.values():
        assert collection.licence in told
        assert all(file.address in told for file in collection.files)
    listed = json.loads(dsv3("eval", "fetch", "--list", "--json").stdout)
    assert list(listed) == list(COLLECTIONS)
    assert mirror.asked == []


def test_the_table_holds_what_it_says() -> None:
    for collection in COLLECTIONS.values():
        assert collection.layout in {layout.name for layout in LAYOUTS}
        for file in collection.files:
            assert file.address.startswith("https://")
            kind, _, digits = file.digest.partition(":")
            assert len(digits) == {"": 0, "md5": 32, "sha256": 64}[kind]
        assert set(addresses(collection)) == {file.name for file in collection.files}

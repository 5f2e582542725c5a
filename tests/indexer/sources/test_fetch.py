from __future__ import annotations

import gzip
import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.indexer.sources import fetch
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.records import RawRecord, ReadOptions, SourceProgress

CSV = b"id,title\nT-1,Tarn mug\nT-2,Tarn jug\n"


@dataclass
class Server:
    """A server whose answers a test sets: for each path a status, headers and a body."""

    port: int = 0
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, dict(self.headers)))
            status, headers, body = state.answers[self.path.partition("?")[0]]
            etag = headers.get("ETag")
            if etag and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304 and "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.port = running.server_address[1]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def titles(spec: str, progress: SourceProgress | None = None, **options: Any) -> list[object]:
    found = list(read_records(spec, ReadOptions(**options), progress))
    return [item.fields["title"] for item in found if isinstance(item, RawRecord)]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return a table of host names and the addresses they stand for; all reach 127.0.0.1."""
    table: dict[str, str] = {}
    real, connect = socket.getaddrinfo, socket.create_connection

    def lookup(host: str, port: Any, *args: Any, **more: Any) -> Any:
        return real(table.get(host, host), port, *args, **more)

    def reach(address: tuple[str, int], *args: Any, **more: Any) -> Any:
        known = address[0] in table.values()
        return connect(("127.0.0.1", address[1]) if known else address, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", reach)
    return table


@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize("body", [CSV, gzip.compress(CSV)], ids=["plain", "packed"])
def test_an_address_is_read_as_a_file_is(server: Server, body: bytes, encoding: str | None) -> None:
    headers = {"Content-Encoding": encoding} if encoding and body != CSV else {}
    server.answers["/feed"] = (200, headers, body)
    assert titles(server.url("/feed")) == ["Tarn mug", "Tarn jug"]


def test_what_is_compressed_is_compressed_once_more_on_the_way(server: Server) -> None:
    body = gzip.compress(gzip.compress(CSV))
    server.answers["/feed.csv.gz"] = (200, {"Content-Encoding": "gzip"}, body)
    assert titles(server.url("/feed.csv.gz")) == ["Tarn mug", "Tarn jug"]


def test_an_empty_answer_is_told(server: Server) -> None:
    server.answers["/feed"] = (200, {}, b"")
    progress = SourceProgress()
    assert titles(server.url("/feed"), progress) == []
    assert progress.without_products == [server.url("/feed")]


def test_what_did_not_change_is_not_read_again(server: Server, tmp_path: Path) -> None:
    kept = tmp_path / "sources.json"
    server.answers["/feed"] = (200, {"ETag": '"1"'}, CSV)
    spec = server.url("/feed?token=secret")
    first = SourceProgress()
    assert len(titles(spec, first, fetched=kept)) == 2
    assert len(titles(spec, SourceProgress(), fetched=kept)) == 2  # nothing was remembered yet
    fetch.remember(kept, first.fetched)
    assert b"secret" not in kept.read_bytes()
    again = SourceProgress()
    assert titles(spec, again, fetched=kept) == []
    assert again.unchanged == [server.url("/feed?…")]
    assert server.asked[-1][1]["If-None-Match"] == '"1"'
    server.answers["/feed"] = (200, {}, CSV)
    same = SourceProgress()
    assert titles(spec, same, fetched=kept) == []
    assert same.unchanged
    server.answers["/feed"] = (200, {}, CSV + b"T-3,Tarn pot\n")
    assert len(titles(spec, SourceProgress(), fetched=kept)) == 3


def test_what_is_remembered_may_be_damaged(tmp_path: Path) -> None:
    kept = tmp_path / "sources.json"
    for content in (b"{", b"[1]", b'{"a": 1}'):
        kept.write_bytes(content)
        assert fetch.remembered(kept) == {}
    fetch.remember(kept, {"a": {"etag": "x"}})
    fetch.remember(kept, {"b": {"etag": "y"}})
    assert fetch.remembered(kept) == {"a": {"etag": "x"}, "b": {"etag": "y"}}


def test_errors_are_one_line_without_secrets(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/none"] = (404, {}, b"")
    server.answers["/short"] = (200, {"Content-Length": "900"}, CSV)
    server.answers["/odd"] = (200, {"Content-Encoding": "br"}, CSV)
    server.answers["/feed"] = (200, {}, CSV)
    secret = f"http://me:pass@127.0.0.1:{server.port}"
    for path, reason in (
        ("/none?key=k", "the server answers 404 Not Found"),
        ("/short", "cannot be fetched"),
        ("/odd", "sends br, which was not asked for"),
    ):
        with pytest.raises(InputError, match=reason) as error:
            titles(secret + path)
        assert "pass" not in str(error.value)
        assert "key=k" not in str(error.value)
        assert "\n" not in str(error.value)
    assert server.asked[0][1]["Authorization"].startswith("Basic ")
    monkeypatch.setattr(fetch, "LARGEST", 10)
    with pytest.raises(InputError, match="is larger than"):
        titles(server.url("/feed"))
    monkeypatch.setattr(fetch, "LARGEST", 10_000)
    monkeypatch.setattr(fetch, "LONGEST_SECONDS", -1)
    with pytest.raises(InputError, match="takes longer than"):
        titles(server.url("/feed"))
    with pytest.raises(InputError, match="there is no host"):
        titles("http://no-such-host.invalid/feed")
    with pytest.raises(InputError, match="cannot be fetched"):
        titles("http://127.0.0.1:1/feed")
    for bad in ("http://[::1/feed", "http:///feed", "http://127.0.0.1:x/feed"):
        with pytest.raises(InputError):
            titles(bad)


def test_redirects_are_followed_but_into_no_private_network(
    server: Server, resolve: dict[str, str]
) -> None:
    resolve.update({"shop.example": "93.184.216.34", "inside.example": "10.0.0.7"})
    server.answers["/feed"] = (200, {}, CSV)
    server.answers["/moved"] = (301, {"Location": "/feed"}, b"")
    server.answers["/inside"] = (302, {"Location": server.url("/feed", "inside.example")}, b"")
    server.answers["/self"] = (302, {"Location": server.url("/feed")}, b"")
    server.answers["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    server.answers["/round"] = (307, {"Location": "/round"}, b"")
    spec = server.url("/moved", "shop.example").replace("//", "//me:pass@")
    assert len(titles(spec)) == 2
    assert server.asked[-1][1]["Host"] == f"shop.example:{server.port}"
    assert "Authorization" in server.asked[-1][1]
    for path in ("/inside", "/self"):
        spec = server.url(path, "shop.example").replace("//", "//me:pass@")
        with pytest.raises(InputError, match="in a private network; give --allow-private"):
            titles(spec)
        assert len(titles(spec, allow_private=True)) == 2
        assert "Authorization" not in server.asked[-1][1]
    with pytest.raises(InputError, match="redirects to what is no web address"):
        titles(server.url("/file"))
    with pytest.raises(InputError, match="redirects more than 5 times"):
        titles(server.url("/round"))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False), ("::1", False), ("fe80::1", False), ("fc00::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::", False),
        ("64:ff9b::808:808", True),
    ],
)  # fmt: skip
def test_private_addresses_are_told(address: str, public: bool) -> None:
    assert fetch.is_public(ipaddress.ip_address(address)) is public

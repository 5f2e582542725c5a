"""A shop that is indexed from the web reads an address again only when it has changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dsv3.indexer.index import Indexed, index_shop
from dsv3.indexer.ingest import Ingested, Reading


class Site:
    """A feed on the web, and how often it was sent."""

    def __init__(self) -> None:
        self.rows = ["1,Kettle", "2,Pan"]
        self.sent = 0
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/feed?key=secret"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    with serving(made):
        yield made


@contextmanager
def serving(site: Site) -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "\n".join(["id,title", *site.rows, ""]).encode()
            tag = f'"{hash(body)}"'
            same = self.headers["If-None-Match"] == tag
            self.send_response(304 if same else 200)
            self.send_header("ETag", tag)
            self.end_headers()
            if not same:
                site.sent += 1
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(site: Site, shop: Path, **how: object) -> tuple[Indexed, Ingested]:
    reading = Reading([site.address], **how)  # type: ignore[arg-type]
    done = index_shop(shop, reading, changes={"encoder": "hashing:16"}, workers=1)
    assert done.ingested is not None
    return done, done.ingested


def test_an_address_is_read_again_only_when_it_has_changed(site: Site, tmp_path: Path) -> None:
    shop = tmp_path / "s.dsv3"
    assert run(site, shop)[1].added == 2
    done, same = run(site, shop, sync=True)
    assert (same.read, same.met.unchanged) == (0, [site.address.replace("key=secret", "…")])
    assert (done.products, same.kept, site.sent) == (2, "", 1)
    site.rows = ["1,Kettle"]
    done, fewer = run(site, shop, sync=True, most_deleted=1.0)
    assert (done.products, fewer.deleted, site.sent) == (1, 1, 2)
    assert "secret" not in (shop / "fetched.json").read_text()


def test_another_reading_of_an_address_reads_it_again(site: Site, tmp_path: Path) -> None:
    shop = tmp_path / "s.dsv3"
    run(site, shop)
    again = run(site, shop, price_unit="cents")[1]
    assert (again.read, again.met.unchanged, site.sent) == (2, [], 2)


def test_what_a_refused_sync_has_fetched_is_fetched_again(site: Site, tmp_path: Path) -> None:
    shop = tmp_path / "s.dsv3"
    run(site, shop)
    site.rows = ["1,Kettle"]
    for _ in range(2):
        done, refused = run(site, shop, sync=True)
        assert "--allow-deleting" in refused.kept
        assert done.products == 2
    assert site.sent == 3

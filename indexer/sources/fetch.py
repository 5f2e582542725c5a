"""Fetch sources from the web: bounded in size and time, and only where they changed."""

from __future__ import annotations

import ipaddress
import logging
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
import orjson

from ...errors import InputError
from ...files import write_whole
from .records import ReadOptions, SourceProgress

LARGEST = 2 << 30
"""2 GiB, as sent: a larger answer is refused."""
LONGEST_SECONDS = 1800
"""Half an hour: a fetch that takes longer is given up."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_TRIED = 4
_CHUNK = 1 << 18
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def shown_address(spec: str) -> str:
    """Return an address as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(spec)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{parts.path}" + ("?…" if parts.query else "")


@contextmanager
def fetched(
    spec: str, options: ReadOptions, progress: SourceProgress
) -> Iterator[tuple[str, IO[bytes]] | None]:
    """Fetch a source to a temporary file; give its name to show and the file, opened.

    Give None where it is what the last run that was remembered in `options.fetched` read: the
    server says so, or its content is the same. It is then in `progress.unchanged`. What there is
    to remember of this one is put in `progress.fetched` (see `remember`).

    A redirect, of which five are followed, leads into no private network, unless
    `options.allow_private` is set. What the name of a host was resolved to is checked and
    connected to, so that it cannot change in between.

    Raises:
        InputError: nothing could be fetched, it is larger than `LARGEST` or takes longer than
            `LONGEST_SECONDS`.

    """
    shown = shown_address(spec)
    asked = repr((spec, replace(options, fetched=None)))
    key = blake2b(asked.encode(), digest_size=16).hexdigest()
    before = remembered(options.fetched).get(key, {})
    with tempfile.TemporaryFile() as file, _without_log():
        try:
            answer = _fetch(spec, shown, before, file, options)
        except httpx.TimeoutException as error:
            raise InputError(f"{shown}: the server did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise InputError(f"{shown} cannot be fetched ({_reason(error)})") from error
        if answer is None or answer["digest"] == before.get("digest"):
            progress.unchanged.append(shown)
            yield None
            return
        progress.fetched[key] = answer
        file.seek(0)
        yield shown, file


def remembered(path: Path | None) -> dict[str, dict[str, str]]:
    """Return what is known of earlier fetches; nothing where the file is absent or unreadable."""
    try:
        content = orjson.loads(path.read_bytes()) if path else {}
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        key: {name: text for name, text in value.items() if isinstance(text, str)}
        for key, value in content.items()
        if isinstance(value, dict)
    }


def remember(path: Path, fetched: Mapping[str, Mapping[str, str]]) -> None:
    """Keep what a run that succeeded has fetched, so that the next one fetches what changed.

    Addresses are kept as digests alone: they may hold passwords.
    """
    if fetched:
        write_whole(path, orjson.dumps({**remembered(path), **fetched}, option=orjson.OPT_INDENT_2))


def _fetch(
    spec: str, shown: str, before: Mapping[str, str], file: IO[bytes], options: ReadOptions
) -> dict[str, str] | None:
    """Write the answer to `file`; return what to remember of it, or None for an unchanged one."""
    url = httpx.URL(spec)
    typed = _origin(url)
    deadline = time.monotonic() + LONGEST_SECONDS
    headers = {"Accept-Encoding": "gzip", "User-Agent": "dsv3"}
    if "etag" in before:
        headers["If-None-Match"] = before["etag"]
    if "modified" in before:
        headers["If-Modified-Since"] = before["modified"]
    context = httpx.create_ssl_context()
    with httpx.Client(timeout=_TIMEOUT, trust_env=False, verify=context) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            allowed = options.allow_private or _origin(url) == typed
            response = _connect(client, url, headers, shown, private=allowed)
            try:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = _next_url(url, response.headers["location"], shown)
                    continue
                if response.status_code == 304 and before:
                    return None
                if response.status_code != 200:
                    status = f"{response.status_code} {response.reason_phrase}".strip()
                    raise InputError(f"{shown}: the server answers {status}")
                return _save(response, file, shown, deadline)
            finally:
                response.close()
    raise InputError(f"{shown} redirects more than {_MOST_REDIRECTS} times")


def _connect(
    client: httpx.Client, url: httpx.URL, headers: Mapping[str, str], shown: str, *, private: bool
) -> httpx.Response:
    """Send the request to one of the addresses that the host's name stands for."""
    error: httpx.TransportError | None = None
    for address in _resolved(url, shown, private=private)[:_MOST_TRIED]:
        request = client.build_request(
            "GET",
            url.copy_with(host=str(address)),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            return client.send(request, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
            error = failed
    raise error or httpx.ConnectError("no address")


def _resolved(url: httpx.URL, shown: str, *, private: bool) -> list[Address]:
    """Return the addresses of a host.

    Raises:
        InputError: it has none, or none that may be reached.

    """
    host = url.raw_host.decode("ascii").strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(f"{shown}: there is no host {host}") from error
    found = list(dict.fromkeys(ipaddress.ip_address(str(info[4][0])) for info in infos))
    allowed = [address for address in found if private or is_public(address)]
    if found and not allowed:
        raise InputError(
            f"{shown} redirects to {host}, which is in a private network; "
            "give --allow-private if that is meant"
        )
    return allowed


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, IPv4 within IPv6 looked at as well."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return is_public(within)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _next_url(url: httpx.URL, location: str, shown: str) -> httpx.URL:
    following = url.join(location)
    if following.scheme not in ("http", "https") or not following.host:
        raise InputError(f"{shown} redirects to what is no web address")
    if url.scheme == "https" and following.scheme == "http":
        raise InputError(f"{shown} redirects from https to http")
    if _origin(following) == _origin(url) and not following.userinfo:
        following = following.copy_with(userinfo=url.userinfo)
    return following


def _save(response: httpx.Response, file: IO[bytes], shown: str, deadline: float) -> dict[str, str]:
    """Write the answer as it was sent: what is compressed is unpacked by whoever reads it."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise InputError(f"{shown}: the server sends {encoding}, which was not asked for")
    size, digest = 0, blake2b(digest_size=16)
    for chunk in response.iter_raw(_CHUNK):
        size += len(chunk)
        if size > LARGEST:
            raise InputError(
                f"{shown} is larger than {LARGEST >> 30} GiB; fetch it otherwise and give the file"
            )
        if time.monotonic() > deadline:
            raise InputError(f"{shown} takes longer than {LONGEST_SECONDS // 60} minutes")
        digest.update(chunk)
        file.write(chunk)
    kept = {"digest": digest.hexdigest()}
    for name, header in (("etag", "etag"), ("modified", "last-modified")):
        if header in response.headers:
            kept[name] = response.headers[header]
    return kept


def _reason(error: Exception) -> str:
    """Return what went wrong; addresses in it may hold a password."""
    text = (str(error).splitlines() or [""])[0]
    return type(error).__name__ if not text or "://" in text else text[:200]


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep addresses out of the log that httpx writes."""
    log = logging.getLogger("httpx")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before

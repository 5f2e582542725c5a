"""Serve a shop over HTTP: search, health, metrics.

Requests beyond what can be answered soon are refused with 429, never queued without bound.
Queries are not logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import Dsv3Error, InputError, MissingExtra
from ..threads import available_cores
from .query import MODES
from .results import Results
from .retriever import ECommRetriever

try:
    from anyio import CapacityLimiter, to_thread
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route
except ModuleNotFoundError as error:
    raise MissingExtra(str(error.name), "serve", "Serving a shop") from None

if TYPE_CHECKING:
    from starlette.requests import Request

_WAITING_FOR_EACH_WORKER = 16
_log = logging.getLogger(__name__)
_NAMES = ("q", "k", "where", "offset", "mode", "facet", "sort", "prefix", "expand", "explain")


def create_app(shop: ECommRetriever, *, workers: int | None = None) -> Starlette:
    """Return an ASGI application that answers from a shop.

    - `GET /search?q=…` takes the arguments of `ECommRetriever.retrieve` by name (`facet` may be
      repeated) and returns `hits`, `total`, `facets` and `took` (milliseconds).
    - `GET /health` returns the live generation.
    - `GET /metrics` returns counts and latencies for Prometheus.

    Args:
        shop: an open shop; the caller closes it.
        workers: searches that run at once; None takes one for each core.
    """
    return _Server(shop, available_cores() if workers is None else workers).app


class _Server:
    def __init__(self, shop: ECommRetriever, workers: int) -> None:
        if workers < 1:
            raise InputError(f"workers must be at least 1, not {workers}")
        self._shop = shop
        self._workers = workers
        self._limiter = CapacityLimiter(workers)
        self._admitted = 0  # searches running or waiting
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "dsv3_requests", "Requests by path and status.", ["path", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "dsv3_seconds", "Time to an answer, waiting included.", ["path"],
            registry=self._registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        )  # fmt: skip
        routes = {"/search": self._search, "/health": self._health, "/metrics": self._metrics}
        self.app = Starlette(
            routes=[Route(path, self._measured(path, handle)) for path, handle in routes.items()]
        )

    def _measured(
        self, path: str, handle: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def measured(request: Request) -> Response:
            begin = time.perf_counter()
            response = await self._answered(request, handle)
            self._seconds.labels(path).observe(time.perf_counter() - begin)
            self._requests.labels(path, str(response.status_code)).inc()
            return response

        return measured

    async def _answered(
        self, request: Request, handle: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Turn our errors into statuses, in one place."""
        try:
            return await handle(request)
        except InputError as error:
            return _json({"error": str(error)}, 400)
        except Dsv3Error as error:
            return _json({"error": str(error)}, 503)

    async def _search(self, request: Request) -> Response:
        arguments = _arguments(request)
        if self._admitted >= self._workers * (1 + _WAITING_FOR_EACH_WORKER):
            return _json({"error": "too many requests; try again soon"}, 429, {"Retry-After": "1"})

        def search() -> Results:
            return self._shop.retrieve(**arguments)

        self._admitted += 1
        try:
            return _json(_body(await to_thread.run_sync(search, limiter=self._limiter)))
        finally:
            self._admitted -= 1

    async def _health(self, _request: Request) -> Response:
        snapshot = self._shop.snapshot()
        manifest = snapshot.manifest
        health: dict[str, Any] = {
            "generation": manifest.number,
            "created": manifest.created,
            "products": manifest.products,
        }
        if snapshot.warning:
            health["warning"] = snapshot.warning
        if wrong := self._shop.steering().warning():
            health["rules.toml"] = wrong
        return _json(health)

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type="text/plain; version=0.0.4")


def _arguments(request: Request) -> dict[str, Any]:
    """Read the arguments of `retrieve` from a request's query string."""
    given = request.query_params
    unknown = sorted(set(given) - set(_NAMES))
    if unknown:
        raise InputError(f"unknown parameter {unknown[0]!r}; there are {', '.join(_NAMES)}")
    mode = given.get("mode", "hybrid")
    if mode not in MODES:
        raise InputError(f"mode {mode!r} is not one of {', '.join(MODES)}")
    return {
        "query": given.get("q", ""),
        "k": _number(given, "k", 10),
        "where": given.get("where") or None,
        "offset": _number(given, "offset", 0),
        "mode": mode,
        "facets": given.getlist("facet"),
        "sort": given.get("sort") or None,
        "prefix": _truth(given, "prefix"),
        "expand": _truth(given, "expand"),
        "explain": _truth(given, "explain"),
    }


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal() or len(text) > 6:
        raise InputError(f"{name} {text!r} is not a whole number below a million")
    return int(text)


def _truth(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise InputError(f"{name} {text!r} is neither true nor false")
    return text in ("true", "1")


def _body(results: Results) -> dict[str, Any]:
    return {
        "total": results.total,
        "hits": [asdict(hit) for hit in results.hits],
        "facets": {
            name: [asdict(value) for value in values] for name, values in results.facets.items()
        },
        "took": results.took,
        "plan": results.plan,
    }


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers=headers, media_type="application/json")


def serve(folder: str | Path, host: str, port: int, *, workers: int | None = None) -> None:
    """Serve a shop until interrupted."""
    import uvicorn

    with ECommRetriever.open(folder) as shop:
        shop.retrieve("warm up", k=1)
        if wrong := shop.steering().warning():
            _log.warning("%s, %s", Path(folder) / "rules.toml", wrong)
        app = create_app(shop, workers=workers)
        uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")

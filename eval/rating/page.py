"""A page in the browser for people who rate: on this machine alone, saved at every key."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from ...errors import InputError, MissingExtra
from .ratings import GRADES, Item, Ratings, check_name

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route
except ModuleNotFoundError as error:
    raise MissingExtra(str(error.name), "serve", "The rating page") from None

if TYPE_CHECKING:
    from starlette.requests import Request

MEANINGS = {
    3: ("exact", "What the shopper asks for, in every property that the query names."),
    2: ("close", "The right kind, but one named property is off or in doubt; a fair substitute."),
    1: ("related", "Another kind that goes with it, or the right kind with most properties off."),
    0: ("irrelevant", "Nothing that a shopper with this query would want to see."),
}
_LARGEST_FORM = 10_000  # bytes
_FIRST_FACTS = 10
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve_page(
    items: Sequence[Item],
    ratings: Ratings,
    *,
    rater: str = "",
    pictures: bool = False,
    port: int = 0,
    show: bool = True,
    tell: Any = print,
) -> None:
    """Serve the page on 127.0.0.1 until interrupted.

    Args:
        items: what to rate.
        ratings: where ratings go.
        rater: who rates; the page asks where it is empty.
        pictures: let the browser fetch pictures from where the shop keeps them.
        port: 0 takes a free one.
        show: open a browser.
        tell: called with the address.

    Raises:
        InputError: the port is taken.

    """
    token = secrets.token_urlsafe(24)
    app = create_page(items, ratings, token, rater=rater, pictures=pictures)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(f"port {port}: {error.strerror}; name another --port") from error
        listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/{token}/"
        tell(address)
        if show:
            import webbrowser

            webbrowser.open(address)
        config = uvicorn.Config(app, log_level="critical", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def create_page(
    items: Sequence[Item], ratings: Ratings, token: str, *, rater: str = "", pictures: bool = False
) -> Starlette:
    """Return the page as an ASGI application.

    Every address begins with the token: who does not know it, another page in the browser
    included, can neither read nor rate.
    """
    page = _Page(items, ratings, token, rater, pictures)
    return Starlette(
        routes=[
            Route("/{token}/", page.enter, methods=["GET", "POST"]),
            Route("/{token}/{rater:path}", page.rate, methods=["GET", "POST"]),
        ]
    )


class _Session:
    """Where one rater stands: what was skipped, and what to undo."""

    def __init__(self) -> None:
        self.skipped: dict[int, None] = {}
        self.done: list[int] = []


class _Page:
    def __init__(
        self, items: Sequence[Item], ratings: Ratings, token: str, rater: str, pictures: bool
    ) -> None:
        self._items = items
        self._ratings = ratings
        self._token = token
        self._rater = rater
        self._pictures = pictures
        self._places = {item.pair: place for place, item in enumerate(items)}
        self._sessions: dict[str, _Session] = {}

    async def enter(self, request: Request) -> Response:
        """Ask for a name, and go on to the rater's own address."""
        if not self._knows(request):
            return _nothing()
        if self._rater:
            return self._to(self._rater)
        wrong = ""
        if request.method == "POST":
            name = (await _form(request)).get("name", "").strip()
            try:
                return self._to(check_name(name))
            except InputError as error:
                wrong = str(error)
        return self._html(wrong=wrong, status=422 if wrong else 200)

    async def rate(self, request: Request) -> Response:
        """Show the next pair to a rater, or take what was said of one."""
        if not self._knows(request):
            return _nothing()
        try:
            rater = check_name(request.path_params["rater"])
        except InputError:
            return _nothing()
        if self._rater and rater != self._rater:
            return _nothing()
        if request.method == "GET":
            return self._html(**self._view(rater))
        try:
            self._take(rater, await _form(request))
        except OSError as error:
            wrong = f"Not saved: {error.strerror or error}. Mend that, then rate this pair again."
            return self._html(**self._view(rater), wrong=wrong, status=500)
        return self._to(rater)

    def _take(self, rater: str, form: Mapping[str, str]) -> None:
        """Do what a button says; a form that says nothing known changes nothing."""
        session, said = self._session(rater), form.get("say", "")
        if said == "undo":
            if session.done:
                place = session.done[-1]
                if self._items[place].pair in self._ratings.by(rater):
                    self._ratings.add([(self._items[place], None)], rater)
                session.done.pop()
                session.skipped.pop(place, None)
            return
        place = int(form["pair"]) if form.get("pair", "").isdecimal() else -1
        if not 0 <= place < len(self._items):
            return
        if said == "skip":
            session.skipped.pop(place, None)
            session.skipped[place] = None
        elif said in {str(grade) for grade in GRADES}:
            self._ratings.add([(self._items[place], int(said))], rater)
            session.skipped.pop(place, None)
        else:
            return
        session.done.append(place)

    def _view(self, rater: str) -> dict[str, Any]:
        session, rated = self._session(rater), self._ratings.by(rater)
        open_ = [place for place, item in enumerate(self._items) if item.pair not in rated]
        fresh = [place for place in open_ if place not in session.skipped]
        again = [place for place in session.skipped if place in set(open_)]
        place = next(iter([*fresh, *again]), None)
        return {
            "rater": rater,
            "place": place,
            "item": None if place is None else self._items[place],
            "facts": [] if place is None else _facts(self._items[place]),
            "done": len(self._items) - len(open_),
            "skipped": len(again),
            "can_undo": bool(session.done),
            "last": self._last(session, rated),
        }

    def _last(self, session: _Session, rated: Mapping[tuple[str, str], int]) -> str:
        """Say what was done last, so that a slip of the finger is seen."""
        if not session.done:
            return ""
        grade = rated.get(self._items[session.done[-1]].pair)
        return "skipped" if grade is None else f"{grade} {MEANINGS[grade][0]}"

    def _session(self, rater: str) -> _Session:
        """Return a rater's session; what was rated before it began can be undone, too."""
        if rater not in self._sessions:
            session = self._sessions[rater] = _Session()
            rated = self._ratings.by(rater)
            session.done = [self._places[pair] for pair in rated if pair in self._places]
        return self._sessions[rater]

    def _knows(self, request: Request) -> bool:
        given = request.path_params["token"]
        return secrets.compare_digest(given.encode(), self._token.encode())

    def _to(self, rater: str) -> Response:
        target = f"/{self._token}/{quote(rater, safe='')}"
        return RedirectResponse(target, status_code=303, headers=_HEADERS)

    def _html(self, status: int = 200, **values: Any) -> Response:
        nonce, images = secrets.token_urlsafe(16), "http: https:" if self._pictures else "'none'"
        known: dict[str, Any] = {
            **dict.fromkeys(("rater", "last", "wrong"), ""),
            **dict.fromkeys(("done", "skipped"), 0),
            "item": None,
            "place": None,
            "facts": [],
            "can_undo": False,
        }
        text = _template().render(
            **known | values,
            total=len(self._items),
            meanings=MEANINGS,
            first=_FIRST_FACTS,
            nonce=nonce,
            picture=_outside(values.get("item"), "image_url") if self._pictures else None,
            link=_outside(values.get("item"), "url"),
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            f"img-src {images}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(text, status, {**_HEADERS, "Content-Security-Policy": policy})


def _nothing() -> Response:
    return Response("not found", 404, headers=_HEADERS, media_type="text/plain")


async def _form(request: Request) -> dict[str, str]:
    """Read a small form; nothing of one that is larger."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _outside(item: Item | None, name: str) -> str | None:
    """Return an address of the web; None for any other kind."""
    value = str(item.facts.get(name) or "") if item else ""
    return value if value.startswith(("https://", "http://")) else None


def _facts(item: Item) -> list[tuple[str, str]]:
    """Return what else is known, as words."""
    facts = item.facts
    found = [(name, facts.get(name)) for name in ("brand", "category")]
    price = facts.get("price")
    if isinstance(price, int | float):
        found.append(("price", f"{price:,.2f} {facts.get('currency') or ''}".strip()))
    attributes = facts.get("attributes")
    if isinstance(attributes, dict):
        found += [(name.replace("_", " "), value) for name, value in attributes.items()]
    return [(name, _words(value)) for name, value in found if value not in (None, "", [])]


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")

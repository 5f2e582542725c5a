"""Read OpenSearch's User Behavior Insights, versions 1.0 to 1.3 of its schema.

`ubi_queries` says what each search returned (`query_id`, `user_query`,
`query_response_hit_ids`); `ubi_events` what the shopper then did (`action_name`, `query_id`,
`event_attributes.object.object_id`, `event_attributes.position.ordinal`). Records may be bare or
wrapped in `_source`, as exports of an index are. https://github.com/o19s/ubi
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError
from ..judgments.columns import text_of
from .log import ClickLog, Rejects, Search, collect_log
from .records import Shown, assemble, read_records

QUERIES, EVENTS = "ubi_queries", "ubi_events"
ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")

Record = Mapping[str, object]


@dataclass
class Events:
    """What events tell of one search.

    Attributes:
        clicked: product ids with a click.
        impressions: (ordinal, product id) of what was seen.

    """

    clicked: set[str] = field(default_factory=set)
    impressions: set[tuple[int, str]] = field(default_factory=set)


def ubi_files(path: Path) -> tuple[Path, Path] | None:
    """Return the files of queries and events that a path stands for; None if it is no such log.

    Raises:
        InputError: a folder, or one of the two files, without the other part.

    """
    if not path.is_dir() and not path.name.startswith((QUERIES, EVENTS)):
        return None
    folder = path if path.is_dir() else path.parent
    found = []
    for stem in (QUERIES, EVENTS):
        candidates = [folder / (stem + ending) for ending in ENDINGS]
        file = next((candidate for candidate in candidates if candidate.is_file()), None)
        if file is None:
            raise InputError(
                f"{folder}: expected {QUERIES}.jsonl and {EVENTS}.jsonl of User Behavior Insights; "
                f"there is no {stem}.jsonl"
            )
        found.append(file)
    return found[0], found[1]


def read_ubi(queries: Path, events: Path, *, actions: Collection[str]) -> ClickLog:
    """Read the searches of one file and the clicks of the other.

    What a search showed is its list of hits, or else its `impression` events by their ordinal.
    Events with other actions than these are passed over.

    Raises:
        InputError: a file cannot be read, or no search can be used.

    """
    rejects = Rejects()
    happened = _read_events(events, frozenset(actions), rejects)
    searches = list(_read_queries(queries, happened, rejects))
    known = {search.session_id for search in searches}
    for query_id in happened.keys() - known:
        rejects.add("events of a search that is not used", f"query_id {query_id!r}")
    return collect_log(searches, rejects.result(), str(queries.parent))


def _read_events(path: Path, actions: frozenset[str], rejects: Rejects) -> dict[str, Events]:
    happened: dict[str, Events] = {}
    for number, row in read_records(path, rejects):
        event = _source(row)
        action = text_of(event, "action_name")
        if action not in actions and action != "impression":
            continue
        query_id = text_of(event, "query_id")
        attributes = _part(event, "event_attributes")
        product = text_of(_part(attributes, "object"), "object_id")
        if not query_id or not product:
            missing = "query_id" if not query_id else "object_id"
            rejects.add(f"event without {missing}", action, str(path), number)
            continue
        found = happened.setdefault(query_id, Events())
        if action in actions:
            found.clicked.add(product)
        ordinal = text_of(_part(attributes, "position"), "ordinal")
        if action == "impression" and ordinal.isdecimal():
            found.impressions.add((int(ordinal), product))
    return happened


def _read_queries(path: Path, happened: Mapping[str, Events], rejects: Rejects) -> Iterator[Search]:
    seen: set[str] = set()
    for number, row in read_records(path, rejects):
        record = _source(row)
        query_id, text = text_of(record, "query_id"), text_of(record, "user_query")
        if not query_id or not text:
            missing = "query_id" if not query_id else "user_query"
            rejects.add(f"query without {missing}", "", str(path), number)
            continue
        if query_id in seen:
            rejects.add("query_id seen before", repr(query_id), str(path), number)
            continue
        seen.add(query_id)
        search = _search(query_id, text, record, happened.get(query_id, Events()), rejects)
        if search is not None:
            yield search


def _search(
    query_id: str, text: str, record: Record, events: Events, rejects: Rejects
) -> Search | None:
    hits = record.get("query_response_hit_ids")
    products = list(enumerate(map(str, hits), 1)) if isinstance(hits, list) else []
    products = products or sorted(events.impressions)
    if not products:
        rejects.add("search that showed nothing", f"query_id {query_id!r}")
        return None
    strange = events.clicked - {product for _, product in products}
    for product in sorted(strange):
        rejects.add("click on a product that was not shown", f"{product!r}, query_id {query_id!r}")
    rows = [Shown(rank, product, product in events.clicked) for rank, product in products]
    return assemble(query_id, text, rows, min(1, products[0][0]), rejects)


def _source(row: Record) -> Record:
    wrapped = row.get("_source")
    return wrapped if isinstance(wrapped, dict) else row


def _part(record: Record, name: str) -> Record:
    part = record.get(name)
    return part if isinstance(part, dict) else {}

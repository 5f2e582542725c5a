"""Take off what databases and APIs wrap around a record in JSON.

Elasticsearch: a document of a dump or of search results, and the lines of its bulk interface.
MongoDB: Extended JSON, as mongoexport writes it. GraphQL: the nodes of a connection.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

_ACTIONS = frozenset({"index", "create", "update", "delete"})
_DEEPEST = 20


def unwrapped(value: object, *, extended: bool = False) -> object:
    """Return the record in an envelope, with the envelope's id where it has none of its own."""
    if type(value) is not dict:
        return value
    if extended:
        value = plain_value(value)
        if not isinstance(value, dict):
            return value
    source = value.get("_source")
    if isinstance(source, dict):
        return with_id(source, value.get("_id"))
    node = value.get("node")
    if isinstance(node, dict) and len(value) <= 2 and value.keys() <= {"node", "cursor"}:
        return node
    return value


def with_id(record: dict[str, object], name: object) -> dict[str, object]:
    """Return a record with the id that its envelope has, if it names none itself."""
    if name is None or any(key in record for key in ("id", "_id", "product_id", "sku")):
        return record
    return {"_id": name, **record}


def bulk_action(value: object) -> tuple[str, object] | None:
    """Return what a line of Elasticsearch's bulk interface orders, and for which id; else None."""
    if type(value) is not dict or len(value) != 1:
        return None
    [(name, target)] = value.items()
    if name not in _ACTIONS or not isinstance(target, dict):
        return None
    if any(key[:1] != "_" and key not in _TARGET for key in target):
        return None
    return name, target.get("_id")


_TARGET = frozenset(
    [
        "routing",
        "retry_on_conflict",
        "pipeline",
        "require_alias",
        "version",
        "version_type",
        "if_seq_no",
        "if_primary_term",
        "dynamic_templates",
    ]
)


def is_extended(head: bytes) -> bool:
    """Tell whether JSON seems to be MongoDB's Extended JSON."""
    return b'"$oid"' in head or b'"$number' in head or b'"$date"' in head


def plain_value(value: object, depth: int = 0) -> object:
    """Return a value of Extended JSON as plain JSON has it; codes as text, dates as ISO 8601.

    https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ lists the types.
    """
    if depth > _DEEPEST:
        return value
    if type(value) is list:
        return [plain_value(each, depth + 1) for each in value]
    if type(value) is not dict:
        return value
    if len(value) <= 2:
        for name, inner in value.items():
            if name in _PLAIN:
                return _plain(name, inner)
    return {name: plain_value(inner, depth + 1) for name, inner in value.items()}


_PLAIN = frozenset(
    [
        "$oid",
        "$numberInt",
        "$numberLong",
        "$numberDouble",
        "$numberDecimal",
        "$date",
        "$uuid",
        "$symbol",
        "$binary",
        "$timestamp",
        "$undefined",
        "$minKey",
        "$maxKey",
        "$regularExpression",
    ]
)


def _plain(name: str, inner: object) -> object:
    if name in ("$oid", "$uuid", "$symbol"):
        return inner
    if name == "$date":
        return _date(plain_value(inner))
    if not name.startswith("$number"):
        return None
    try:
        if name in ("$numberInt", "$numberLong"):
            return int(str(inner))
        number = Decimal(str(inner))
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite():
        return None
    return float(number) if name == "$numberDouble" else number


def _date(value: object) -> object:
    if not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return None

"""Read JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson

from .envelopes import bulk_action, is_extended, unwrapped, with_id
from .lines import numbered_lines
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream


def read_json_lines(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record for each line; a line that is no JSON object is rejected.

    What databases wrap around a record is taken off (`envelopes.py`).
    """
    progress.recognise(stream.name, format="JSON Lines")
    extended = is_extended(stream.head)
    enveloped = extended or b'"_source"' in stream.head or b'"node"' in stream.head
    bulk = _is_bulk(stream.head)
    if bulk:
        progress.recognise(stream.name, format="Elasticsearch bulk")
    action: tuple[str, object] | None = None
    for item in numbered_lines(stream):
        if isinstance(item, Rejected):
            yield item
            continue
        number, line = item
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield _second_try(stream.name, number, line, error)
            action = None
            continue
        if bulk:
            if action is None and (action := bulk_action(value)):
                if action[0] == "delete":
                    progress.skip("orders to delete")
                    action = None
                continue
            value, action = _ordered(value, action), None
        if enveloped:
            value = unwrapped(value, extended=extended)
        yield as_record(value, stream.name, number)


def _is_bulk(head: bytes) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        return bulk_action(orjson.loads(first)) is not None
    except orjson.JSONDecodeError:
        return False


def _ordered(value: object, action: tuple[str, object] | None) -> object:
    """Return the record that an order of the bulk interface goes with."""
    if action is None or not isinstance(value, dict):
        return value
    document = value.get("doc") if action[0] == "update" else value
    return with_id(document if isinstance(document, dict) else value, action[1])


def as_record(value: object, source: str, line: int) -> RawRecord | Rejected:
    """Return the record that a JSON value holds; anything but an object is rejected."""
    if isinstance(value, dict):
        return RawRecord(source, line, value)
    kind = "null" if value is None else type(value).__name__
    reason = f"the record is not a JSON object but {kind}"
    return Rejected(reason, source=source, line=line, record=value)


def _second_try(
    source: str, number: int, line: bytes, error: orjson.JSONDecodeError
) -> RawRecord | Rejected:
    """Read what Python writes though JSON forbids it: NaN, Infinity, lone surrogates.

    A broken line without an end is the last one, where the file may have been cut.
    """
    ends = not line.endswith(b"\n")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as bad:
        reason = f"the line is not UTF-8 (byte {bad.start + 1})"
        read = line.decode("utf-8", "replace")
        return Rejected(reason, source=source, line=number, record=read, ends=ends)
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        reason = f"the line is not JSON ({error.msg.split(':')[0]}, column {error.colno})"
        return Rejected(reason, source=source, line=number, record=text, ends=ends)
    return as_record(value, source, number)

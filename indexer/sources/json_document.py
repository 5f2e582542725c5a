"""Read a JSON document as a stream: an array of products, or an object that holds one."""

from __future__ import annotations

from collections.abc import Iterator

import ijson
import orjson

from .json_lines import as_record, read_json_lines
from .lines import LONGEST_LINE
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream, Readable

_BOM = b"\xef\xbb\xbf"
_DEEPEST_ARRAY = 3
"""{"data": {"shop": {"products": [...]}}} is still found."""

Event = tuple[str, object]


def read_json(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield the objects of a JSON array, wherever it stands, or of JSON Lines.

    Raises nothing: a document that breaks off gives what stood before, then an error.
    """
    if is_json_lines(stream.head):
        yield from read_json_lines(stream, options, progress)
        return
    position = 0
    body = _Bounded(_without_bom(stream))
    try:
        for value in _values(ijson.basic_parse(body, use_float=True)):
            position += 1
            body.since = 0
            product = _unwrap(value)
            if product is None:
                progress.skip("not a product")
                continue
            yield as_record(product, stream.name, position)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        why = str(error).partition("\n")[0].strip() or "unreadable"
        if body.full:
            why = f"a value is longer than {LONGEST_LINE >> 20} MiB"
        reason = f"the JSON document cannot be read further ({why})"
        yield Rejected(reason, source=stream.name, line=position + 1, ends=True)


class _Bounded:
    """Gives the bytes of a document, and none any more when a single value takes too many."""

    def __init__(self, inner: Readable) -> None:
        self._inner = inner
        self.since = 0

    @property
    def full(self) -> bool:
        return self.since > LONGEST_LINE

    def read(self, size: int = -1) -> bytes:
        if self.full:
            return b""
        data = self._inner.read(size)
        self.since += len(data)
        return data


def is_json_lines(head: bytes) -> bool:
    """Tell whether the beginning is a whole object on a line with another one after it."""
    first, _, rest = head.removeprefix(_BOM).lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


def _without_bom(stream: ByteStream) -> Readable:
    if stream.head.startswith(_BOM):
        stream.body.read(len(_BOM))
    return stream.body


def _values(events: Iterator[Event]) -> Iterator[object]:
    for event, value in events:
        if event == "start_array":
            yield from _elements(events)
        elif event == "start_map":
            yield from _from_object(events)
        else:
            yield value


def _elements(events: Iterator[Event]) -> Iterator[object]:
    """Yield the elements of the array whose beginning has just been read."""
    for event, value in events:
        if event == "end_array":
            return
        yield _build(event, value, events)


def _build(event: str, value: object, events: Iterator[Event]) -> object:
    """Return the one value that starts with `event`."""
    if event not in ("start_map", "start_array"):
        return value
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1
    while depth:
        event, value = next(events)
        builder.event(event, value)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
    return builder.value


def _from_object(events: Iterator[Event]) -> Iterator[object]:
    """Yield the elements of the first array of objects, or else the whole object."""
    builder = ijson.ObjectBuilder()
    builder.event("start_map", None)
    depth, found = 1, False
    while depth:
        event, value = next(events)
        if event == "start_array" and depth <= _DEEPEST_ARRAY and not _is_product(builder.value):
            first, first_value = next(events)
            if first == "start_map":
                found = True
                yield _build(first, first_value, events)
                yield from _elements(events)
                builder.event("null", None)
                continue
            builder.event(event, value)
            depth += 1
            event, value = first, first_value
        builder.event(event, value)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
    if not found:
        yield builder.value


def _is_product(value: object) -> bool:
    return isinstance(value, dict) and "Product" in _types(value)


def _types(value: dict[str, object]) -> list[str]:
    kind = value.get("@type", [])
    kinds = kind if isinstance(kind, list) else [kind]
    return [str(name).rpartition("/")[2].rpartition(":")[2] for name in kinds]


def _unwrap(value: object) -> object | None:
    """Return the product in a schema.org ListItem; None for a node that is something else."""
    if not isinstance(value, dict) or "@type" not in value:
        return value
    if "ListItem" in _types(value) and isinstance(value.get("item"), dict):
        return _unwrap(value["item"])
    known = ("Product", "IndividualProduct", "ProductModel", "Vehicle", "Book", "SomeProducts")
    return value if any(name in known for name in _types(value)) else None

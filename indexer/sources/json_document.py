"""Read JSON as a stream: an array of products, an object that holds one, object after object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

import ijson
import orjson

from ...errors import InputError
from .envelopes import is_extended, unwrapped
from .header import has_title
from .json_ld import LinkedData, is_linked_data, is_product
from .json_lines import as_record, read_json_lines
from .lines import LONGEST_LINE
from .records import RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream, Readable

_BOM = b"\xef\xbb\xbf"
_DEEPEST_ARRAY = 5
"""{"data": {"shop": {"products": {"edges": [...]}}}} is still found."""
_LISTS = (
    "products|items|edges|hits|@graph|itemListElement|data|results|records|rows|nodes|entries|docs"
)
_LIST_IN_HEAD = re.compile(rf'"(?:{_LISTS})"\s*:\s*\['.encode())
_LIST = re.compile(_LISTS)
_SEVERAL = re.compile(rb"\n\}\s*\{")
"""Between objects over several lines, which stand one after another and are records themselves."""
_OF_A_PRODUCT = frozenset({"hasVariant", "offers", "variants", "review", "additionalProperty"})

Event = tuple[str, object]


def read_json(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield the objects of a JSON array, wherever it stands, or of JSON Lines.

    What databases and APIs wrap around a record is taken off (`envelopes.py`); nodes of JSON-LD are
    joined (`json_ld.py`). A document that breaks off gives what stood before, then an error.

    Raises:
        InputError: nothing stands at `options.items`.

    """
    if options.items is None and is_json_lines(stream.head):
        yield from read_json_lines(stream, options, progress)
        return
    progress.recognise(stream.name, format="JSON")
    position = 0
    extended = is_extended(stream.head)
    body = _Bounded(_without_bom(stream))
    linked = LinkedData(stream.name, progress)
    try:
        for value in _values(body, options.items, stream.head, progress):
            position += 1
            body.since = 0
            if is_linked_data(value):
                progress.recognise(stream.name, format="JSON-LD")
                yield from linked.add(value)
                continue
            yield as_record(unwrapped(value, extended=extended), stream.name, position)
    except (ijson.JSONError, UnicodeDecodeError, ValueError, RecursionError) as error:
        yield from linked.finish()
        why = str(error).partition("\n")[0].strip() or "unreadable"
        if body.full:
            why = f"a value is longer than {LONGEST_LINE >> 20} MiB"
        reason = f"the JSON document cannot be read further ({why})"
        yield Rejected(reason, source=stream.name, line=position + 1, ends=True)
        return
    yield from linked.finish()
    if options.items and not position:
        raise InputError(f"{stream.name}: nothing stands at --items {options.items}")


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
    """Tell whether whole objects stand on lines, though some are damaged.

    One stands before another, two stand among the first ten lines, or one that looks like an object
    from brace to brace stands before the beginning of another.
    """
    first, _, rest = head.removeprefix(_BOM).lstrip().partition(b"\n")
    if first[:1] == b"{" and first.rstrip()[-1:] == b"}" and rest.lstrip().startswith(b"{"):
        return True
    if _is_object(first):
        return rest.lstrip().startswith(b"{") or any(map(_is_object, rest.split(b"\n", 9)[:9]))
    return sum(map(_is_object, rest.split(b"\n", 9)[:9])) >= 2


def _is_object(line: bytes) -> bool:
    if line.lstrip()[:1] != b"{":
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _without_bom(stream: ByteStream) -> Readable:
    if stream.head.startswith(_BOM):
        stream.body.read(len(_BOM))
    return stream.body


def _values(
    body: Readable, items: str | None, head: bytes, progress: SourceProgress
) -> Iterator[object]:
    if items:
        yield from _at_path(body, items)
        return
    # Dumps have object after object, each over several lines.
    events = iter(ijson.basic_parse(body, use_float=True, multiple_values=True))
    for event, value in events:
        if event == "start_array":
            yield from _elements(events)
        elif event == "start_map" and _SEVERAL.search(head):
            yield _build(event, value, events)
        elif event == "start_map":
            yield from _from_object(events, bool(_LIST_IN_HEAD.search(head)), progress)
        else:
            yield value


def _at_path(body: Readable, items: str) -> Iterator[object]:
    """Yield the objects at a path of names with "/" between; arrays on the way do not count."""
    wanted = _without_arrays(items.strip("/").replace("/", "."))
    events = iter(ijson.parse(body, use_float=True, multiple_values=True))
    plain = ((event, value) for _, event, value in events)
    for prefix, event, value in events:
        if event == "start_map" and _without_arrays(prefix) == wanted:
            yield _build(event, value, plain)


@lru_cache(maxsize=1024)
def _without_arrays(prefix: str) -> str:
    return ".".join(part for part in prefix.split(".") if part != "item")


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


def _from_object(
    events: Iterator[Event], named: bool, progress: SourceProgress
) -> Iterator[object]:
    """Yield the elements of the first array of objects, or else the whole object.

    Where an array of products is `named` so in the head of the document, others do not count. A
    product's own arrays are part of it.
    """
    builder = ijson.ObjectBuilder()
    builder.event("start_map", None)
    depth, found, key = 1, False, ""
    while depth:
        event, value = next(events)
        if event == "map_key":
            key = str(value)
        open_to = depth <= _DEEPEST_ARRAY and key not in _OF_A_PRODUCT
        if event == "start_array" and open_to and not _is_one_product(builder.value, key):
            first, first_value = next(events)
            if first == "start_map":
                counts = not named or _LIST.fullmatch(key)
                found = found or bool(counts)
                for element in chain([_build(first, first_value, events)], _elements(events)):
                    if counts:
                        yield element
                    else:
                        progress.skip(f"elements of {key!r} beside the products")
                builder.event("null", None)
                continue
            builder.event(event, value)
            depth += 1
            event, value = first, first_value
        builder.event(event, value)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
    if not found:
        yield builder.value


def _is_one_product(value: object, key: str) -> bool:
    """Tell whether an object that has been read so far is itself a product, not a list of them."""
    if is_product(value):
        return True
    return isinstance(value, dict) and not _LIST.fullmatch(key) and has_title(value)

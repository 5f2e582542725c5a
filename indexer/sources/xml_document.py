"""Read XML as a stream: feeds as RSS and Atom have them, or any other element that repeats.

expat, which is part of Python, does the parsing. lxml's iterparse is hardly faster (48,000 items of
a Google feed a second against 42,000, on one of 2 shared cores of an AMD EPYC), and most of the
time goes into making records of them. expat can be set on again behind an item that is broken,
tells of a document type before it is read, and takes prefixes that nobody declared.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.entities import html5
from xml.parsers import expat

from ...errors import InputError
from .encoding import check_encoding, tell_encoding
from .header import has_title, known_names
from .lines import LONGEST_LINE
from .records import NoProductsError, RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream

_CHUNK = 1 << 16
_DEEPEST = 60
_FAR = 1 << 20
_MOST_RETRIED = 500
"""How often broken parts are read again before the rest is given up, in 128 KiB."""
_MEMO_SIZE = 10_000
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>\s*")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_AMPERSAND = re.compile(
    rb"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};|(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{0,31};)?"
)
_GOOGLE = ("http://base.google.com/ns/1.0", "https://base.google.com/ns/1.0")
_FEEDS: dict[tuple[str, ...], str] = {
    ("rss", "channel", "item"): "RSS 2.0",
    ("RDF", "item"): "RSS 1.0",
    ("feed", "entry"): "Atom",
}
_NAMING = ("name", "key", "label", "attribute_name")
_NAMED = ("value", "attribute_value")
_PAIRED = frozenset(
    [
        "attribute",
        "param",
        "parameter",
        "property",
        "feature",
        "spec",
        "specification",
        "characteristic",
        "detail",
        "field",
        "product_detail",
        "custom_attribute",
        "additionalproperty",
        "additional_attribute",
    ]
)
"""Elements that stand for an attribute, which they name."""
_NO_FACT = frozenset({"html", "xhtml", "text", "text/html", "text/plain"})
_MARKUP = frozenset({"p", "div", "br", "ul", "ol", "span", "b", "i", "strong", "em", "h1", "h2"})
_HINT = "say which with --items, as names with / between, such as --items catalog/product"

Path = tuple[str, ...]


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read a byte that is no UTF-8 as Windows-1252, which such bytes most often are."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


codecs.register_error("dsv3-windows", _as_windows)


def read_xml(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record for each element that stands for a product.

    An element within becomes a field, a repeated one a list, one that holds others an object.
    An attribute becomes a field beside its element, "price.currency", or of the object. A text
    that an attribute names, <param name="Size">M</param>, becomes a pair of "name" and "value".
    Names of Google's namespace, whatever its prefix, stand without it and before the feed's own.

    An item that is broken is rejected alone where the next one can be found. Memory does not grow
    with the document: an item of more than `LONGEST_LINE` bytes is rejected.

    Raises:
        InputError: a document type is declared, it is not clear which element is a product, or
            there is none at `options.items`.

    """
    encoding = check_encoding(options.encoding) if options.encoding else told_encoding(stream.head)
    records = _found_path(stream, encoding, options.items)
    progress.recognise(
        stream.name,
        format=f"XML ({_FEEDS.get(_local(records), '/'.join(records))})",
        encoding="utf-8" if encoding == "utf-8-sig" else encoding,
    )
    document = _Document(stream, encoding, records)
    found = False
    for item in document.items():
        found = True
        yield item
    if not found and options.items:
        raise InputError(f"{stream.name}: no element stands at --items {options.items}")


def told_encoding(head: bytes) -> str:
    """Return the encoding of an XML document: of its mark, else declared, else what its bytes say.

    A declaration that the bytes gainsay does not count. Latin-1 is read as Windows-1252, which has
    the same letters and more, as browsers do.
    """
    told = tell_encoding(head)
    if told == "utf-8" and head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if told.startswith("utf"):
        return told
    declared = _DECLARED.match(head.lstrip())
    try:
        name = codecs.lookup(declared[1].decode()).name if declared else told
    except LookupError:
        name = told
    if name in ("utf-8", "ascii", "utf-16", "utf-32"):
        name = "utf-8" if told == "ascii" else told
    return "cp1252" if name == "iso8859-1" else name


def _text_chunks(stream: ByteStream, encoding: str) -> Iterator[bytes]:
    """Yield the document as UTF-8, without declaration and what XML forbids."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="dsv3-windows")
    first, more = True, True
    while more:
        data = stream.body.read(_CHUNK)
        more = bool(data)
        text = decoder.decode(data, not more)
        if first and text.strip():
            text, first = _declaration_off(text), False
        if text:
            yield _UNFIT.sub("", text).encode()


def _declaration_off(text: str) -> str:
    """Return a document without its declaration, which no longer holds; lines stay as counted."""
    return _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1)


def _found_path(stream: ByteStream, encoding: str, items: str | None) -> Path:
    """Return the path of the element that stands for a product, from the root down."""
    shape = _Shape(stream.name)
    head = codecs.getincrementaldecoder(encoding)(errors="dsv3-windows").decode(stream.head)
    shape.parse(_AMPERSAND.sub(_mended, _UNFIT.sub("", _declaration_off(head)).encode()))
    if items:
        wanted = tuple(items.strip("/").split("/"))
        return next((path for path in shape.counts if path[-len(wanted) :] == wanted), wanted)
    feed = next((path for path in shape.counts if _local(path) in _FEEDS), None)
    if feed is None and shape.root in ("rss", "rdf:RDF"):
        feed = next(path for path in _FEEDS if path[0] == _local((shape.root,))[0])
        feed = (shape.root, *feed[1:])
    return feed or shape.records()


def _local(path: Path) -> Path:
    return tuple(name.rpartition(":")[2] for name in path)


class _Shape:
    """Counts the elements in the beginning of a document and the names of what is in them."""

    def __init__(self, source: str) -> None:
        self.counts: Counter[Path] = Counter()
        self.names: dict[Path, set[str]] = {}
        self._source = source
        self._stack: list[str] = []
        self._tries = 20

    def parse(self, head: bytes) -> None:
        parser = _parser(self._source, self._start, self._end, lambda _: None)
        try:
            parser.Parse(head, False)
        except expat.ExpatError:
            # The first item may be broken: those behind it tell as well.
            if self._stack and self._tries:
                self._tries -= 1
                root, name = self._stack[0].encode(), b"[A-Za-z_]"
                if len(self._stack) > 1:
                    name = re.escape(self._stack[1].encode()) + rb"[\s>]"
                behind = re.compile(rb"<" + name).search(head, parser.ErrorByteIndex + 1)
                self._stack.clear()
                if behind:
                    self.parse(b"<%s>" % root + head[behind.start() :])

    @property
    def root(self) -> str:
        """Return the name of the outermost element; empty where there is none."""
        return next(iter(self.counts), ("",))[0]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._stack.append(name)
        path = tuple(self._stack[:_DEEPEST])
        self.counts[path] += 1
        kept = {key for key in attributes if not key.startswith("xml")}
        self.names.setdefault(path, set()).update(kept)
        if len(path) > 1:
            self.names[path[:-1]].add(name)

    def _end(self, name: str) -> None:
        if self._stack:
            self._stack.pop()

    def records(self) -> Path:
        """Return the element with the most names that we know; of several the outermost.

        Raises:
            InputError: none is evident.

        """
        rows = {path: _bare(path, names) for path, names in self.names.items() if len(names) > 1}
        known = {path: known_names(names) for path, names in rows.items() if len(path) > 1}
        named = {path: count for path, count in known.items() if count >= 2}
        if named:
            most = max(named.values())
            best = min((path for path in named if named[path] == most), key=len)
            # A product's variants may hold more of our names than itself, but hold no title.
            for length in range(2, len(best)):
                outer = best[:length]
                if outer in named and has_title(rows[outer]) and not has_title(rows[best]):
                    return outer
            if sum(1 for path in named if named[path] == most and len(path) == len(best)) == 1:
                return best
        repeated = [path for path in rows if self.counts[path] > 1 and len(path) > 1]
        if not named and repeated:
            least = min(map(len, repeated))
            outermost = [path for path in repeated if len(path) == least]
            if len(outermost) == 1:
                return outermost[0]
        candidates = named or repeated or [path for path in rows if len(path) > 1]
        listed = ", ".join("/".join(path) for path in list(candidates)[:8])
        which = f" ({listed})" if listed else ""
        raise NoProductsError(
            f"{self._source}: it is not evident which element is a product{which}; {_HINT}"
        )


def _bare(path: Path, names: set[str]) -> set[str]:
    prefix = path[-1].rpartition(":")[0]
    return {name.removeprefix(f"{prefix}:") if prefix else name for name in names}


_VARIANT_IDS = ("id", "sku", "SKU", "code")
_OF_ONE = frozenset({"id", "sku", "SKU", "code", "ean", "EAN", "gtin", "barcode", "upc", "mpn"})
"""What an item says of itself alone, and its variants do not take over."""


class _Broken(Exception):  # noqa: N818 - reads as what became of the item
    """An item that cannot be read, though the parser would go on."""


@dataclass(slots=True)
class _Element:
    """One element that is being read: its attributes, what is in it, and its text."""

    name: str
    attributes: dict[str, str]
    inner: dict[str, object] | None = None
    texts: list[str] = field(default_factory=list)
    prose: bool = False
    """Whether text stands in it beside elements, or markup."""


def _parser(
    source: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> expat.XMLParserType:
    """Return a parser of UTF-8 that expands nothing and fetches nothing."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text

    def declared(*_: object) -> None:
        raise InputError(
            f"{source} declares a document type (<!DOCTYPE …>), which may make a small file huge "
            "or reach for other files; such XML is not read: write it without"
        )

    parser.StartDoctypeDeclHandler = declared
    return parser


class _Builder:
    """Makes records of what the parser tells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ancestors: tuple[str, ...] = path[:-1]
        self.done: list[tuple[int, dict[str, object]]] = []
        self.parser: expat.XMLParserType | None = None
        self.began: tuple[int, int] | None = None
        """Byte and line at which the record that is being read began, as the parser counts."""
        self.stack: list[str] = []
        self._open: list[_Element] = []
        self._prefixes: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def restart(self) -> None:
        """Forget what is half read."""
        self.stack.clear()
        self._open.clear()
        self.began = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            self._bind(attributes)
        stack = self.stack
        if len(stack) >= _DEEPEST:
            raise _Broken(f"elements stand more than {_DEEPEST} deep in each other")
        stack.append(name)
        opened = self._open
        if opened:
            if len(opened) == 1 and name == self.path[-1]:
                raise _Broken(f"a <{name}> begins where the one before has not ended")
            if name in _MARKUP:
                opened[-1].prose = len(opened) > 1
            opened.append(_Element(name, attributes))
        elif name == self.path[-1] and tuple(stack[-len(self.path) :]) == self.path:
            parser = self.parser
            assert parser is not None  # noqa: S101 - tells the type checker
            self.ancestors = tuple(stack[:-1])
            self.began = parser.CurrentByteIndex, parser.CurrentLineNumber
            opened.append(_Element(name, attributes))

    def text(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)

    def end(self, name: str) -> None:
        self.stack.pop()
        opened = self._open
        if not opened:
            return
        element = opened.pop()
        if opened:
            self._put(opened[-1], element, within=len(opened) > 1)
            return
        line = self.began[1] if self.began else 0
        self.began = None
        record = dict(element.inner or {})
        if not record and (text := "".join(element.texts).strip()):
            record[self._shown(name)] = text
        for key, value in self._kept(element.attributes).items():
            record[key if key not in record else f"{key}#2"] = value
        record = _without_google(record)
        _settle(record, self._shown(name))
        self.done.extend((line, each) for each in _variants(record))

    def _put(self, parent: _Element, element: _Element, *, within: bool) -> None:
        """Add a finished element to the one it stands in."""
        text = "".join(element.texts).strip()
        if element.inner and text:
            element.prose = True
        if element.prose or element.name in _MARKUP:
            parent.texts.append(f" {text} ")
            if within and element.name in _MARKUP:
                return
        attributes = self._kept(element.attributes) if element.attributes else {}
        name = self._shown(element.name)
        if within:
            name = name.removeprefix("g:")
        if parent.inner is None:
            parent.inner = {}
        if element.inner and not element.prose:
            _put_object(parent.inner, name, {**attributes, **element.inner})
        elif attributes:
            _put_attributed(parent.inner, name, text, attributes)
        else:
            _append(parent.inner, name, text)

    def _kept(self, attributes: dict[str, str]) -> dict[str, str]:
        return {
            self._shown(name): value
            for name, value in attributes.items()
            if not name.startswith(("xmlns", "xml:", "xsi:", "rdf:"))
        }

    def _bind(self, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if name.startswith("xmlns:"):
                own = "g:" if value.rstrip("/") in _GOOGLE else f"{name[6:]}:"
                self._prefixes[name[6:]] = own
                self._names.clear()

    def _shown(self, name: str) -> str:
        """Return a name as a record has it: without the prefix that the record's own has."""
        found = self._names.get(name)
        if found is None:
            prefix, colon, bare = name.partition(":")
            own = self.path[-1].partition(":")
            same = own[1] and own[0] == prefix
            found = bare if same else self._prefixes.get(prefix, f"{prefix}:") + bare
            found = found if colon else name
            if len(self._names) < _MEMO_SIZE:
                self._names[name] = found
        return found


def _without_google(record: dict[str, object]) -> dict[str, object]:
    """Return a record whose "g:id" is "id"; what the feed itself calls so is then "feed.id"."""
    if not any(name.startswith("g:") for name in record):
        return record
    plain = {}
    for name, value in record.items():
        if name.startswith("g:"):
            plain[name[2:]] = value
        elif f"g:{name}" not in record:
            plain[name] = value
        elif record[f"g:{name}"] != value:
            plain[f"feed.{name}"] = value
    return plain


def _settle(record: dict[str, object], name: str) -> None:
    """Put the texts of an item where other items have them."""
    if name == "entry" and "content" in record and not ({"summary", "description"} & record.keys()):
        record["summary"] = record.pop("content")
    for outer, inner in (("categories", "category"), ("Categories", "Category")):
        group = record.get(outer)
        if not isinstance(group, dict) or inner in record:
            continue
        held = group.get(inner)
        if isinstance(held, str) or (
            isinstance(held, list) and all(isinstance(each, str) for each in held)
        ):
            record[inner] = held
            rest = {key: value for key, value in group.items() if key != inner}
            record[outer] = rest
            if not rest:
                del record[outer]


def _variants(record: dict[str, object]) -> list[dict[str, object]]:
    """Return a record for each variant within an item, with what the item alone says.

    Variants without an id or SKU stay what they are in the item.
    """
    group = record.get("variants")
    inner = group.get("variant") if isinstance(group, dict) and len(group) == 1 else None
    found = [each for each in _as_list(inner) if isinstance(each, dict)]
    ids = [next((each[key] for key in _VARIANT_IDS if each.get(key)), None) for each in found]
    if not found or None in ids or len(set(map(str, ids))) < len(ids):
        return [record]
    own = next((record[key] for key in _VARIANT_IDS if record.get(key)), None)
    shared = {key: value for key, value in record.items()
              if key != "variants" and key not in _OF_ONE}  # fmt: skip
    records = []
    for variant, variant_id in zip(found, ids, strict=True):
        named = {("variant" if key in ("name", "title") and key in shared else key): value
                 for key, value in variant.items()}  # fmt: skip
        joined = {**shared, **named, "id": variant_id}
        records.append(joined if own is None else {**joined, "group_id": own})
    return records


def _append(inner: dict[str, object], name: str, value: object) -> None:
    if name not in inner:
        inner[name] = value
        return
    held = inner[name]
    if isinstance(held, list):
        held.append(value)
    else:
        inner[name] = [held, value]


def _put_object(inner: dict[str, object], name: str, value: dict[str, object]) -> None:
    """Add an element with others in it; a pair of a name and a value goes to the attributes."""
    if name in _PAIRED and _is_pair(value):
        _add_pair(inner, value)
    elif value.keys() == {"attributes"} and isinstance(value["attributes"], list):
        for pair in value["attributes"]:
            _add_pair(inner, pair)
    else:
        _append(inner, name, value)


def _is_pair(value: dict[str, object]) -> bool:
    return any(key in value for key in _NAMING) and any(key in value for key in _NAMED)


def _add_pair(inner: dict[str, object], pair: dict[str, object]) -> None:
    name = next((pair[key] for key in _NAMING if key in pair), None)
    value = next((pair[key] for key in _NAMED if key in pair), None)
    pairs = inner.setdefault("attributes", [])
    if not isinstance(pairs, list):
        pairs = inner["attributes"] = [{"name": "attributes", "value": pairs}]
    for held in pairs:
        if held["name"] == name:
            held["value"] = [*_as_list(held["value"]), *_as_list(value)]
            return
    pairs.append({"name": name, "value": value})


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _put_attributed(
    inner: dict[str, object], name: str, text: str, attributes: dict[str, str]
) -> None:
    """Add an element without others in it that has attributes."""
    paired = name.casefold() in _PAIRED
    naming = next((key for key in (*_NAMING, "code", "id") if key in attributes), None)
    if paired and naming:
        value = text or attributes.get("value", "")
        if value and "unit" in attributes:
            value = f"{value} {attributes['unit']}"
        _add_pair(inner, {"name": attributes[naming], "value": value})
    elif text:
        _append(inner, name, text)
        for key, value in attributes.items():
            if value not in _NO_FACT and key != "isPermaLink":
                _append(inner, f"{name}.{key}", value)
    elif name == "link" and "href" in attributes:
        kind = attributes.get("rel", "alternate")
        _append(inner, name if kind == "alternate" else f"{name}.{kind}", attributes["href"])
    elif name == "category" and "term" in attributes:
        _append(inner, name, attributes.get("label") or attributes["term"])
    elif attributes.keys() == {"value"}:
        _append(inner, name, attributes["value"])
    else:
        _append(inner, name, dict(attributes))


class _Document:
    """Reads the records of one document, and goes on behind what is broken."""

    def __init__(self, stream: ByteStream, encoding: str, path: Path) -> None:
        self._name = stream.name
        self._chunks = _text_chunks(stream, encoding)
        self._builder = _Builder(path)
        name = re.escape(path[-1].encode())
        self._item_start = re.compile(rb"<" + name + rb"(?=[\s>/])")
        self._item_end = re.compile(rb"</" + name + rb"\s*>")
        self._root_end = re.compile(rb"</" + re.escape(path[0].encode()) + rb"\s*>\s*$")
        self._kept = bytearray()
        """What the parser was given from the start of the record that is open."""
        self._kept_at = 0
        self._lines = 0
        self._fed = 0
        self._mended = False
        self._retried = 0
        self._ended = False
        self._new_parser()

    def items(self) -> Iterator[RawRecord | Rejected]:
        """Yield the records, and what had to be rejected."""
        data: bytes | None = b""
        while data is not None:
            try:
                self._feed(data)
            except (expat.ExpatError, _Broken) as error:
                yield from self._records()
                problem, data = self._behind(error)
                if problem:
                    yield problem
                continue
            yield from self._records()
            data = None if self._ended else self._next()

    def _next(self) -> bytes:
        data = next(self._chunks, b"")
        self._ended = not data
        return data

    def _records(self) -> Iterator[RawRecord]:
        done = self._builder.done
        if done:
            self._mended = False
        for line, record in done:
            yield RawRecord(self._name, line + self._lines, record)
        done.clear()

    def _new_parser(self) -> None:
        builder = self._builder
        builder.restart()
        self._parser = _parser(self._name, builder.start, builder.end, builder.text)
        builder.parser = self._parser
        self._kept.clear()
        self._kept_at = self._fed = 0

    def _feed(self, data: bytes) -> None:
        self._kept += data
        self._fed += len(data)
        self._parser.Parse(data, self._ended)
        began = self._builder.began
        if began is None:
            self._kept.clear()
            self._kept_at = self._fed
            return
        del self._kept[: began[0] - self._kept_at]
        self._kept_at = max(self._kept_at, began[0])
        if len(self._kept) > LONGEST_LINE:
            raise _Broken(f"it is longer than {LONGEST_LINE >> 20} MiB")

    def _behind(self, error: Exception) -> tuple[Rejected | None, bytes | None]:
        """Return what to tell of an error, and what to feed next; None where nothing follows."""
        began, parser = self._builder.began, self._parser
        at = (parser.ErrorByteIndex if began is None else began[0]) - self._kept_at
        line = self._lines + (parser.ErrorLineNumber if began is None else began[1])
        if began is None:
            tag = self._kept.rfind(b"<", 0, at + 1)
            at = tag if b">" not in self._kept[tag:at] else at
        rest = self._kept[max(at, 0) :]
        self._retried += 1 + (len(rest) >> 17) if self._ended or len(rest) > _CHUNK * 4 else 0
        stop = self._find(self._item_end, rest)
        if began and stop and not self._mended:
            item, count = _AMPERSAND.subn(_mended, bytes(rest[:stop]))
            if count:
                self._mended = True
                return None, self._go_on(item + rest[stop:], line)
        self._mended = False
        what = "the item" if began else "what stands here"
        reason = f"{what} is no well-formed XML ({_why(error)})"
        is_item = began or self._item_start.match(rest)
        record = rest[:1000].decode("utf-8", "replace") if is_item else None
        start_line, start = line, None
        while start is None:
            found = self._item_start.search(rest, 1)
            if found:
                start = found.start()
            elif len(rest) > _CHUNK:
                start_line += rest.count(b"\n", 0, len(rest) - _CHUNK)
                del rest[: len(rest) - _CHUNK]
            if start is None and not (more := self._next()):
                break
            rest += b"" if start is not None else more
        if start is None or self._retried > _MOST_RETRIED:
            whole = start is None and self._root_end.search(rest)
            reason += "" if whole else "; the rest of the document cannot be read"
            return Rejected(
                reason, source=self._name, line=line, record=record, ends=not whole
            ), None
        start_line += rest.count(b"\n", 0, start)
        problem = Rejected(reason, source=self._name, line=line, record=record)
        return problem, self._go_on(bytes(rest[start:]), start_line)

    def _find(self, pattern: re.Pattern[bytes], rest: bytearray) -> int | None:
        """Return where the first match in `rest` ends; it is read on for a while to find one."""
        while not (found := pattern.search(rest)):
            more = self._next() if len(rest) < _FAR else b""
            if not more:
                return None
            rest += more
        return found.end()

    def _go_on(self, data: bytes, line: int) -> bytes:
        """Begin a new document with the same ancestors; `data` begins at `line` of the old one."""
        self._new_parser()
        self._lines = line - 1
        return b"".join(b"<%s>" % name.encode() for name in self._builder.ancestors) + data


def _mended(ampersand: re.Match[bytes]) -> bytes:
    """Return what an ampersand was meant as that XML does not allow: of HTML's names, or bare."""
    name = (ampersand[1] or b"").decode()
    if name in html5:
        return "".join(f"&#{ord(mark)};" for mark in html5[name]).encode()
    return b"&amp;" + name.encode()


def _why(error: Exception) -> str:
    if isinstance(error, expat.ExpatError):
        return expat.ErrorString(error.code)
    return str(error)

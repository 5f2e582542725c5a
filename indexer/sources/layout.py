"""One row of a shop platform, unpacked: its attributes under their own names, its cells read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from .names import fold_name
from .platforms import PLATFORMS, Categories, Packed, Platform

Fields = dict[str, object]

_MOST_PAIRS = 200
_DEEPEST = 3
_LOCALE = re.compile(r"[a-z]{2,3}(?:_[A-Za-z]+)*_[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = re.compile(r"[0-9]+")
_LINE_BREAK = re.compile(r"(?:\\r)?\\n")
_SPACES = re.compile(r"\s*")
_SWATCH = re.compile(r"\s*\[#[^\]]*\]")
_NAMES = ("name", "attributename", "label", "key", "paramname", "attributecode")
_VALUES = ("options", "option", "value", "values", "terms", "attributevalue", "val")
# A product without options has the option "Title" with the value "Default Title".
_NO_VALUES = frozenset({"", "Default Title"})


class Header:
    """The names in a row of a platform, found once for all rows that have the same.

    Attributes:
        by_name: folded name → the name as the source has it.
        is_plain: there is nothing to unpack.
    """

    def __init__(self, platform: Platform, names: Iterable[str]) -> None:
        self._platform = platform
        self.by_name: dict[str, str] = {}
        for name in names:
            self.by_name.setdefault(platform_name(platform, name), name)
        self._zero = self._present(platform.zero)
        self._category = self._present(platform.columns.get("category", ""))
        self._pairs = list(self._numbered())
        self._packed = [
            (self.by_name[packed.column], packed)
            for packed in platform.packed
            if packed.column in self.by_name
        ]
        self._lists = dict(self._listed())
        gone = {
            name for names, value, _, beside in self._pairs for name in (*names, value, *beside)
        }
        gone |= {
            self.by_name[name]
            for _, packed in self._packed
            for name in (packed.column, packed.values)
            if name in self.by_name and not packed.only
        }
        gone |= {raw for raws, _ in self._lists.values() for raw in raws}
        self._localised = dict(self._bases()) if platform.localised else {}
        gone |= {raw for columns in self._localised.values() for _, raw in columns}
        self._kept = [name for name in names if name not in gone]
        self._trimmed = {}
        if pattern := platform.suffix or platform.left_out:
            for name in self._kept:
                short = re.sub(pattern, "", name)
                if short and short != name:
                    self._trimmed[name] = short
            self._kept = [name for name in self._kept if name not in self._trimmed]
        self.is_plain = not (
            gone
            or self._trimmed
            or self._packed
            or self._zero
            or any(other in self.by_name for other in platform.instead.values())
            or (platform.categories and self._category)
        )

    def first(self, fields: Mapping[str, object], names: str) -> str:
        """Return the first value that is filled of some folded names, as text."""
        for name in names.split():
            column = self.by_name.get(name)
            if column is not None and (text := as_word(fields.get(column))):
                return text
        return ""

    def unpack(self, fields: Mapping[str, object], kind: str = "") -> Fields:
        """Return a row with its attributes in fields of their own."""
        own: Fields = {name: fields[name] for name in self._kept}
        self._set_right(own)
        own.update(available(self._platform, self.by_name, fields))
        for base, columns in self._localised.items():
            _unpack_localised(own, base, columns, fields)
        for target, (raws, between) in self._lists.items():
            values = [text for raw in raws for text in _texts(fields.get(raw), between)]
            if values:
                own[target] = values
        self._unpack_attributes(own, fields, kind)
        folded = {fold_name(name) for name in own} if self._trimmed else set()
        for name, short in self._trimmed.items():
            taken = fold_name(short) in folded
            own[name if taken else short] = fields[name]
            folded.add(fold_name(short))
        return own

    def _set_right(self, own: Fields) -> None:
        for name in self._zero:
            if name in own and _is_zero(own[name]):
                own[name] = None
        for name, other in self._platform.instead.items():
            column, source = self.by_name.get(name, name), self.by_name.get(other)
            if source is not None and is_empty(own.get(column)) and not is_empty(own.get(source)):
                own[column] = own[source]
        for name in self._present(self._platform.line_breaks):
            if isinstance(text := own.get(name), str) and "\\" in text:
                own[name] = _LINE_BREAK.sub("\n", text)
        if self._platform.categories:
            for name in self._category:
                text = own.get(name)
                if isinstance(text, str):
                    own[name] = first_path(text, self._platform.categories)

    def _unpack_attributes(self, own: Fields, fields: Mapping[str, object], kind: str) -> None:
        for names, value, between, _ in self._pairs:
            name = next((text for raw in names if (text := as_word(fields.get(raw)))), "")
            put(own, name, _one_or_many(fields.get(value), between))
        for raw, packed in self._packed:
            if packed.only and kind != packed.only:
                continue
            if packed.only:
                own[raw] = None
            values = fields.get(self.by_name.get(packed.values, ""))
            for name, value_ in unpacked(fields.get(raw), packed, values):
                put(own, name, value_)

    def without_zeros(self, fields: Mapping[str, object]) -> Fields:
        """Return the fields of a row that has variants, without prices of 0 of its own."""
        own = dict(fields)
        for name in self._present(self._platform.head_zero):
            if _is_zero(own.get(name)):
                own[name] = None
        return own

    def pair_names(self, fields: Mapping[str, object]) -> list[str]:
        """Return the names that the pairs of a row have, "" for one without."""
        return [
            next((text for raw in names if (text := as_word(fields.get(raw)))), "")
            for names, *_ in self._pairs
        ]

    def pair_values(self, fields: Mapping[str, object]) -> list[str]:
        """Return the values that the pairs of a row have."""
        values = (as_word(fields.get(value)) for _, value, *_ in self._pairs)
        return [value for value in values if value not in _NO_VALUES]

    def with_names(self, fields: Mapping[str, object], names: list[str]) -> Mapping[str, object]:
        """Return a row whose pairs take their names from its product's first row, if none."""
        missing = {
            columns[0]: name
            for (columns, *_), name in zip(self._pairs, names, strict=False)
            if name and not any(as_word(fields.get(raw)) for raw in columns)
        }
        return {**fields, **missing} if missing else fields

    def _present(self, names: str) -> list[str]:
        return [self.by_name[name] for name in names.split() if name in self.by_name]

    def _numbered(self) -> Iterator[tuple[list[str], str, str, list[str]]]:
        for pair in self._platform.pairs:
            for number in range(1, _MOST_PAIRS):
                at = str(number)
                names = self._present(pair.name.replace("{n}", at))
                values = self._present(pair.value.replace("{n}", at))
                if not names or not values:
                    break
                beside = self._present(pair.beside.replace("{n}", at))
                yield names, values[0], pair.between, beside

    def _listed(self) -> Iterator[tuple[str, tuple[list[str], str]]]:
        for name, target in self._platform.lists.items():
            if "{n}" in name:
                raws = [
                    self.by_name[at]
                    for number in ("", *range(1, _MOST_PAIRS))
                    if (at := name.replace("{n}", str(number))) in self.by_name
                ]
                if raws:
                    yield target, (raws, "")
            elif name in self.by_name:
                yield self.by_name[name], ([self.by_name[name]], target)

    def _bases(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield each attribute's name with its columns, as (what follows its name, column)."""
        bases: dict[str, list[tuple[str, str]]] = {}
        for name in self.by_name.values():
            base, mark, tail = name.partition("-")
            if mark and not is_noise(self._platform, name):
                bases.setdefault(base, []).append((tail, name))
        for base, columns in bases.items():
            if base in self.by_name.values():  # "weight" and "weight-unit"
                columns.insert(0, ("", base))
            yield base, columns


def available(
    platform: Platform, by_name: Mapping[str, str], fields: Mapping[str, object]
) -> dict[str, bool]:
    """Return the columns of counts that do not matter, as a product can be had anyway."""
    return {
        by_name[count]: True
        for count, causes in platform.always.items()
        if count in by_name
        and not is_empty(fields.get(by_name[count]))
        and any(
            name in by_name
            and by_name[name] in fields
            and as_word(fields[by_name[name]]).casefold() == value
            for name, value in causes
        )
    }


def platform_name(platform: Platform, column: str) -> str:
    """Return a column's folded name as a platform's table has it, whatever its language."""
    if not (platform.translated or platform.left_out):
        return fold_name(column)
    return _platform_name(platform.name, column)


@lru_cache(maxsize=10_000)
def _platform_name(platform: str, column: str) -> str:
    left_out, own = _names_of(platform)
    folded = fold_name(re.sub(left_out, "", column) if left_out else column)
    if folded in own:
        return own[folded]
    number = _DIGITS.search(folded)
    name = own.get(_DIGITS.sub("{n}", folded, count=1)) if number else None
    return name.replace("{n}", number[0]) if number and name else folded


@lru_cache
def _names_of(platform: str) -> tuple[str, dict[str, str]]:
    """Return what does not count in names, and each name in another language with our own."""
    found = next(each for each in PLATFORMS if each.name == platform)
    own = {name: column for column, names in found.translated.items() for name in names.split()}
    return found.left_out, own


def put(fields: Fields, name: str, value: object) -> None:
    """Set an attribute; one that is named like another field of the row goes below "attributes"."""
    name = " ".join(name.split())
    if not name or is_empty(value):
        return
    held = fields.get(name)
    if not is_empty(held):
        if held == value:
            return
        name = f"attributes.{name}"
    fields[name] = value


def unpacked(value: object, packed: Packed, values: object = None) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the attributes in one cell.

    A list holds an object for each; a text is split, and a part that has no name of its own
    belongs to the value before ("fit=Full zip, hooded").
    """
    if isinstance(value, list | dict):
        yield from _of_objects(value if isinstance(value, list) else [value])
        return
    if not isinstance(value, str) or not value.strip():
        return
    form = re.compile(packed.form, re.DOTALL)
    found: list[tuple[str, str]] = []
    beside = split(str(values or ""), packed.between) if packed.values else []
    for number, (mark, part) in enumerate(_marked_parts(value, packed.between)):
        match = form.fullmatch(part)
        if packed.values and match:
            text = beside[number].partition(":")[0] if number < len(beside) else ""
            found.append((match["name"], text))
        elif match:
            found.append((match["name"], match["value"]))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + mark + part)
    for name, text in found:
        name, text = _unquoted(name), _SWATCH.sub("", _unquoted(text))
        yield name, _one_or_many(text, packed.several)


def _of_objects(objects: list[object]) -> Iterator[tuple[str, object]]:
    for each in objects:
        if not isinstance(each, Mapping):
            continue
        folded = {fold_name(str(key)): value for key, value in each.items()}
        name = next((as_word(folded[key]) for key in _NAMES if as_word(folded.get(key))), "")
        value = next((folded[key] for key in _VALUES if not is_empty(folded.get(key))), None)
        texts = _texts(value, "")
        yield name, texts if len(texts) > 1 else texts[0] if texts else None


def split(text: str, between: str) -> list[str]:
    """Return the parts of a text between matches of a pattern that stand in no quotes."""
    return [part for _, part in _marked_parts(text, between)]


def _marked_parts(text: str, between: str) -> Iterator[tuple[str, str]]:
    """Yield each part with what stands before it."""
    start, before = 0, ""
    for match in _separators(between).finditer(text):
        if match["quoted"] is not None or match.end() == 0:
            continue
        if part := text[start : match.start()].strip():
            yield before, part
        start = match.end()
        spaces = _SPACES.match(text, start)
        before = text[match.start() : spaces.end() if spaces else start]
    if part := text[start:].strip():
        yield before, part


@lru_cache(maxsize=64)
def _separators(between: str) -> re.Pattern[str]:
    # A quotation mark within a word is one of inches.
    return re.compile(rf'(?P<quoted>(?<![^=:,;|\s])"(?:[^"]|"")*"|\\.)|(?:{between})')


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return text.replace("\\,", ",").replace("\\;", ";").strip()


def first_path(text: str, categories: Categories) -> str:
    """Return the first path of a list of them, as "A > B", without a level above all others."""
    roots = {root.casefold() for root in categories.roots}
    level = re.compile(rf"\s*{re.escape(categories.level)}\s*")
    for path in split(text, rf"\s*{re.escape(categories.between)}\s*"):
        levels = [part for part in level.split(_unquoted(path)) if part]
        while levels and levels[0].casefold() in roots:
            levels.pop(0)
        if levels:
            return " > ".join(levels)
    return ""


def _unpack_localised(
    own: Fields, base: str, columns: list[tuple[str, str]], fields: Mapping[str, object]
) -> None:
    """Set an attribute to its first value that is filled; further ones keep their own names."""
    unit = ""
    for tail, raw in columns:
        value = fields.get(raw)
        if is_empty(value):
            continue
        if tail == "unit":
            unit = as_word(value).lower().replace("_", " ")
        elif base in own:
            own[raw] = value
        else:
            own[base] = value
            currency = tail.rpartition("-")[2]
            if "price" in base.casefold() and _CURRENCY.fullmatch(currency):
                own.setdefault(f"{base}_currency", currency)
    if unit and base in own:
        own[base] = f"{as_word(own[base])} {unit}"


def _one_or_many(value: object, between: str) -> object:
    texts = _texts(value, between)
    return texts if len(texts) > 1 else texts[0] if texts else None


def _texts(value: object, between: str, depth: int = 0) -> list[object]:
    """Return the values of a cell; of objects, such as {"id": 9, "name": "Hats"}, their names."""
    if isinstance(value, str):
        pattern = rf"\s*{re.escape(between)}\s*"
        parts = split(value, pattern) if between else [value.strip()]
        return [text for part in parts if (text := _unquoted(part)) not in _NO_VALUES]
    if isinstance(value, list):
        deeper = value if depth < _DEEPEST else ()
        return [text for item in deeper for text in _texts(item, between, depth + 1)]
    if isinstance(value, Mapping):
        return [value["name"]] if as_word(value.get("name")) else []
    return [] if is_empty(value) else [value]


def is_empty(value: object) -> bool:
    """Tell whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def as_word(value: object) -> str:
    """Return a cell as text to compare by; "" for what is no single value."""
    if isinstance(value, str):
        return value.strip()
    if value is None or isinstance(value, list | dict):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return ""


def _is_zero(value: object) -> bool:
    digits = [mark for mark in as_word(value) if mark.isdigit()]
    return bool(digits) and set(digits) == {"0"}


def is_noise(platform: Platform, column: str) -> bool:
    """Tell whether a column of a platform says nothing of a product to a shopper."""
    return _matches(platform.noise, column, platform_name(platform, column))


def is_own(platform: Platform, column: str) -> bool:
    """Tell whether a variant never takes a column from its parent."""
    return _matches(platform.own, column, platform_name(platform, column))


@lru_cache(maxsize=20_000)
def _matches(patterns: str, column: str, folded: str) -> bool:
    plain = column.casefold().replace(" ", "")
    return any(
        name in (folded, plain)
        or ("*" in name and (fnmatchcase(folded, name) or fnmatchcase(plain, name)))
        for name in patterns.split()
    )

"""Read `rules.toml`: what can be used of it, and what is wrong with the rest, by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

from .base import Expectation, Fault, Products, Rule, Rules, Synonym

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_LONG_TEXT = re.compile(r'(""".*?"""|\'\'\'.*?\'\'\')', re.DOTALL)
_TABLES = ("synonyms", "rule", "expect")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "synonyms": ("both", "from", "to"),
    "rule": ("name", "query", "from", "until", "pin", "hide", "boost", "bury", "by"),
    "expect": ("query", "where", "on", "k", "first", "top", "not_first", "absent"),
}
_LONGEST = 500  # characters of a query or a word

_Made = TypeVar("_Made")


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with the value of a key."""

    def __init__(self, key: str, what: str) -> None:
        self.key = key
        super().__init__(what)


def read_rules(content: bytes) -> Rules:
    """Read the content of a file. What is wrong leaves out its own entry alone, as a fault.

    A file that is no TOML has no entries and one fault.
    """
    try:
        text = content.decode("utf-8-sig")
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return Rules(faults=(Fault(content[: error.start].count(b"\n") + 1, "is not UTF-8"),))
    except tomllib.TOMLDecodeError as error:
        return Rules(faults=(_no_toml(str(error), content.rstrip().count(b"\n") + 1),))
    except RecursionError:
        return Rules(faults=(Fault(None, "is nested too deeply"),))
    return _Reader(text, tables).rules()


def _no_toml(message: str, last: int) -> Fault:
    at = _AT.search(message)
    what = message[: at.start()] if at else message
    line = None if not at else int(at[1] or last)
    where = "" if not at else f", column {at[2]}" if at[2] else ", at the file's end"
    return Fault(line, f"is no TOML{where}: {what[:1].lower()}{what[1:]}")


class _Reader:
    def __init__(self, text: str, tables: Mapping[str, Any]) -> None:
        blanked = _LONG_TEXT.sub(lambda found: "\n" * found[0].count("\n"), text)
        self._lines = blanked.splitlines()
        self._tables = tables
        self._faults: list[Fault] = []

    def rules(self) -> Rules:
        for name in self._tables:
            if name not in _TABLES:
                near = get_close_matches(name, _TABLES, n=1, cutoff=0.4)
                hint = f"; write [[{near[0]}]]" if near else ""
                there = ", ".join(f"[[{each}]]" for each in _TABLES)
                what = f"there is nothing called {name!r}, only {there}{hint}"
                self._faults.append(Fault(self._line_of(rf"\[*\s*[\"']?{re.escape(name)}"), what))
        synonyms = self._each("synonyms", _synonyms)
        rules = self._each("rule", _rule)
        expectations = self._each("expect", _expectation)
        return Rules(
            tuple(one for several in synonyms for one in several),
            tuple(rules),
            tuple(expectations),
            tuple(sorted(self._faults, key=lambda fault: fault.line or 0)),
        )

    def _each(self, name: str, make: Callable[[int, dict[str, Any]], _Made]) -> list[_Made]:
        """Make what the tables of a name say; those that are wrong become faults."""
        entries = self._tables.get(name, [])
        header = rf"\[\[\s*{name}\s*\]\]"
        lines = [n for n, line in enumerate(self._lines, 1) if re.match(rf"\s*{header}", line)]
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            what = f"{name} is written as a table of several: [[{name}]]"
            self._faults.append(Fault(self._line_of(rf"\[*\s*{name}"), what))
            return []
        if len(lines) != len(entries):  # written in one line: name = [{…}, {…}]
            lines = [self._line_of(rf"\[*\s*{name}") or 1] * len(entries)
        made = []
        for line, entry in zip(lines, entries, strict=True):
            try:
                _known_keys(name, entry)
                made.append(make(line, entry))
            except _Wrong as wrong:
                self._faults.append(Fault(self._line_of_key(line, wrong.key), str(wrong)))
        return made

    def _line_of_key(self, line: int, key: str) -> int:
        for number in range(line, len(self._lines)):
            text = self._lines[number].strip()
            if text.startswith("[["):
                break
            if re.match(rf"[\"']?{re.escape(key)}[\"']?\s*=", text):
                return number + 1
        return line

    def _line_of(self, pattern: str) -> int | None:
        found = (n for n, line in enumerate(self._lines, 1) if re.match(rf"\s*{pattern}", line))
        return next(found, None)


def _known_keys(table: str, entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key not in _KEYS[table]:
            near = get_close_matches(key, _KEYS[table], n=1, cutoff=0.5)
            hint = f"; nearest: {near[0]}" if near else f"; there are {', '.join(_KEYS[table])}"
            raise _Wrong(key, f"[[{table}]] has no {key!r}{hint}")


def _synonyms(line: int, entry: Mapping[str, Any]) -> list[Synonym]:
    if "both" in entry:
        if "from" in entry or "to" in entry:
            raise _Wrong("both", "synonyms go both ways, or have from and to")
        words = _texts(entry, "both")
        if len(words) < 2:
            raise _Wrong("both", "synonyms are at least two")
        return [Synonym(a, b, line) for a in words for b in words if a != b]
    for key in ("from", "to"):
        if not _texts(entry, key):
            raise _Wrong(key, f"synonyms lack {key!r}; write both = [...], or from and to")
    return [Synonym(a, b, line) for a in _texts(entry, "from") for b in _texts(entry, "to")]


def _rule(line: int, entry: Mapping[str, Any]) -> Rule:
    begins = _moment(entry, "from")
    ends = _moment(entry, "until", end=True)
    if begins is not None and ends is not None and begins >= ends:
        raise _Wrong("until", "until is before from")
    rule = Rule(
        line,
        name=_text(entry, "name"),
        queries=_texts(entry, "query", empty=True) if "query" in entry else None,
        begins=begins,
        ends=ends,
        pins=_pins(entry),
        hidden=_products(entry, "hide"),
        boosted=_products(entry, "boost"),
        buried=_products(entry, "bury"),
        by=_factor(entry),
    )
    if not (rule.pins or rule.hidden or rule.boosted or rule.buried):
        raise _Wrong("", "the rule does nothing; it has no pin, hide, boost or bury")
    if rule.by is not None and not (rule.boosted or rule.buried):
        raise _Wrong("by", "by says how far products are boosted or buried; there are none")
    if rule.pins and rule.queries is None:
        raise _Wrong("pin", 'pin needs a query; for every query write query = "*"')
    return rule


def _expectation(line: int, entry: Mapping[str, Any]) -> Expectation:
    if "query" not in entry:
        raise _Wrong("query", "an expectation needs a query")
    k = entry.get("k", 10)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= 1000:
        raise _Wrong("k", f"k is a whole number from 1 to 1,000, not {k!r}")
    expected = Expectation(
        line,
        _text(entry, "query"),
        where=_text(entry, "where") or None,
        at=_moment(entry, "on"),
        k=k,
        first=_texts(entry, "first"),
        top=_texts(entry, "top"),
        not_first=_texts(entry, "not_first"),
        absent=_texts(entry, "absent"),
    )
    if not (expected.first or expected.top or expected.not_first or expected.absent):
        raise _Wrong("", "nothing is expected; write first, top, not_first or absent")
    return expected


def _pins(entry: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    given = entry.get("pin")
    if not isinstance(given, Mapping):
        return tuple((1, product) for product in _texts(entry, "pin"))
    pins = {}
    for place, product in given.items():
        if not re.fullmatch(r"[1-9][0-9]{0,3}", place):
            raise _Wrong("pin", f"a position is a whole number from 1, not {place!r}")
        if not isinstance(product, str) or not product:
            raise _Wrong("pin", f"a product is named by its id in quotes, not {product!r}")
        pins[int(place)] = product
    if len(set(pins.values())) < len(pins):
        raise _Wrong("pin", "a product has several positions")
    return tuple(sorted(pins.items()))


def _products(entry: Mapping[str, Any], key: str) -> Products | None:
    given = entry.get(key)
    if given is None:
        return None
    if isinstance(given, str):
        if not given.strip():
            raise _Wrong(key, f"{key} is a list of ids or a condition, and not empty")
        return Products(where=given)
    ids = _texts(entry, key)
    if not ids:
        raise _Wrong(key, f"{key} is a list of ids or a condition, and not empty")
    return Products(ids=ids)


def _factor(entry: Mapping[str, Any]) -> float | None:
    by = entry.get("by")
    if by is None:
        return None
    if not isinstance(by, int | float) or isinstance(by, bool) or not 1 < by <= 1000:
        raise _Wrong("by", f"by is a number above 1 and up to 1,000, not {by!r}")
    return float(by)


def _text(entry: Mapping[str, Any], key: str) -> str:
    given = entry.get(key, "")
    if not isinstance(given, str) or len(given) > _LONGEST:
        raise _Wrong(key, f"{key} is a text in quotes of up to {_LONGEST} characters")
    return given


def _texts(entry: Mapping[str, Any], key: str, *, empty: bool = False) -> tuple[str, ...]:
    """Return one text or a list of them, each once."""
    given = entry.get(key, [])
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list):
        raise _Wrong(key, f"{key} is a text in quotes or a list of them, not {given!r}")
    for text in texts:
        if not isinstance(text, str) or len(text) > _LONGEST or not (text.strip() or empty):
            raise _Wrong(key, f"{key} is a text in quotes or a list of them; {text!r} is none")
    return tuple(dict.fromkeys(texts))


def _moment(entry: Mapping[str, Any], key: str, *, end: bool = False) -> datetime | None:
    """Return a day's beginning, or its end, or a moment; this machine's time where none is said."""
    given = entry.get(key)
    if given is None:
        return None
    try:
        if isinstance(given, str):
            given = datetime.fromisoformat(given) if len(given) > 10 else date.fromisoformat(given)
        if isinstance(given, datetime):
            return given.astimezone()
        if isinstance(given, date):
            return datetime.combine(given + timedelta(days=end), time()).astimezone()
    except (ValueError, OverflowError):
        pass
    raise _Wrong(key, f"{key} is a date such as 2026-12-24, not {str(given)!r}")

"""Quantities in texts: "1.5 l", "750ml", 27", "30 x 40 cm", "6 x 330 ml", as numbers with a unit.

Factors between units are those of pint, which a test holds them to; loading pint itself would cost
each command a second.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from .product import Product

DERIVATION = 2
"""Raise this whenever the same product would give other quantities than before."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One amount of something that has a unit.

    Attributes:
        value: in the unit as written.
        unit: as written.
        dimension: what it is an amount of, such as "volume".
        base: in the unit of the dimension's field, see `FIELDS`.
        start: where it begins in the text.
        end: where it ends.
        count: how many there are of it, as in "6 x 330 ml".
    """

    value: float
    unit: str
    dimension: str
    base: float
    start: int
    end: int
    count: int = 1


FIELDS: Mapping[str, str] = {
    "length": "length_cm",
    "area": "area_m2",
    "volume": "volume_l",
    "mass": "mass_g",
    "power": "power_w",
    "energy": "energy_wh",
    "charge": "charge_mah",
    "voltage": "voltage_v",
    "frequency": "frequency_hz",
    "data": "data_gb",
    "resolution": "resolution_mp",
    "light": "light_lm",
    "temperature": "temperature_c",
    "share": "share_percent",
}
"""For each dimension the field of its numbers; the field's name ends in their unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, by what pint calls it.

    Attributes:
        name: pint's name.
        dimension: one of `FIELDS`.
        factor: how many of the dimension's unit one of it is.
        words: how it is written, in lower case.
        small: three digits after a mark stand before this unit as thousands ("1.500 ml").
        imperial: a comma before it marks thousands, and fractions are usual.
        offset: what is added after the factor.
    """

    name: str
    dimension: str
    factor: float
    words: str
    small: bool = False
    imperial: bool = False
    offset: float = 0.0


UNITS = (
    Unit("millimeter", "length", 0.1, "mm millimeter millimeters millimetre millimetres millimètre "
         "millimètres milímetro milímetros millimetro millimetri", small=True),
    Unit("centimeter", "length", 1, "cm centimeter centimeters centimetre centimetres centimètre "
         "centimètres zentimeter centímetro centímetros centimetro centimetri"),
    Unit("decimeter", "length", 10, "dm"),
    Unit("meter", "length", 100, "m meter meters metre metres mètre mètres metro metros metri mtr"),
    Unit("inch", "length", 2.54, "in inch inches zoll pouce pouces duim pulgada pulgadas pollice "
         "pollici tum", imperial=True),
    Unit("foot", "length", 30.48, "ft foot feet fuß voet pied pieds", imperial=True),
    Unit("yard", "length", 91.44, "yd yards yard", imperial=True),
    Unit("centimeter**2", "area", 1e-4, "cm² cm2 qcm", small=True),
    Unit("meter**2", "area", 1, "m² m2 qm sqm"),
    Unit("milliliter", "volume", 1e-3, "ml milliliter milliliters millilitre millilitres "
         "mililitro mililitros millilitro millilitri", small=True),
    Unit("centiliter", "volume", 1e-2, "cl centiliter centiliters centilitre centilitres "
         "zentiliter centilitro centilitros centilitri"),
    Unit("deciliter", "volume", 0.1, "dl deciliter décilitre décilitres decilitro decilitri"),
    Unit("liter", "volume", 1, "l liter liters litre litres litro litros litri ltr"),
    Unit("centimeter**3", "volume", 1e-3, "cm³ cm3 ccm", small=True),
    Unit("meter**3", "volume", 1000, "m³ m3 cbm"),
    Unit("fluid_ounce", "volume", 0.0295735295625, "fl_oz fluid_ounce fluid_ounces", imperial=True),
    Unit("gallon", "volume", 3.785411784, "gal gallon gallons", imperial=True),
    Unit("milligram", "mass", 1e-3, "mg milligram milligrams milligramm milligramme milligrammes "
         "miligramo miligramos milligrammi", small=True),
    Unit("gram", "mass", 1, "g gr gram grams gramm gramme grammes gramo gramos grammo grammi",
         small=True),
    Unit("kilogram", "mass", 1000, "kg kgs kilo kilos kilogram kilograms kilogramm kilogramme "
         "kilogrammes kilogramo kilogramos kilogrammo kilogrammi"),
    Unit("metric_ton", "mass", 1e6, "tonne tonnes tonnen"),
    Unit("ounce", "mass", 28.349523125, "oz ounce ounces unze unzen", imperial=True),
    Unit("pound", "mass", 453.59237, "lb lbs pound pounds", imperial=True),
    Unit("watt", "power", 1, "w watt watts", small=True),
    Unit("kilowatt", "power", 1000, "kw kilowatt"),
    Unit("watt_hour", "energy", 1, "wh", small=True),
    Unit("kilowatt_hour", "energy", 1000, "kwh"),
    Unit("milliampere_hour", "charge", 1, "mah", small=True),
    Unit("ampere_hour", "charge", 1000, "ah"),
    Unit("volt", "voltage", 1, "v volt volts", small=True),
    Unit("kilovolt", "voltage", 1000, "kv"),
    Unit("hertz", "frequency", 1, "hz hertz", small=True),
    Unit("kilohertz", "frequency", 1e3, "khz"),
    Unit("megahertz", "frequency", 1e6, "mhz", small=True),
    Unit("gigahertz", "frequency", 1e9, "ghz"),
    Unit("megabyte", "data", 1e-3, "mb megabyte", small=True),
    Unit("gigabyte", "data", 1, "gb gigabyte gigabytes", small=True),
    Unit("terabyte", "data", 1000, "tb terabyte terabytes"),
    Unit("megapixel", "resolution", 1, "mp mpx mpixel mpix megapixel megapixels"),
    Unit("lumen", "light", 1, "lm lumen lumens", small=True),
    Unit("degree_Celsius", "temperature", 1, "°c celsius"),
    Unit("degree_Fahrenheit", "temperature", 5 / 9, "°f fahrenheit", offset=-160 / 9),
    Unit("percent", "share", 1, "%"),
)  # fmt: skip

_BY_WORD = {word: unit for unit in UNITS for word in unit.words.split()}
_INCH, _FOOT = _BY_WORD["inch"], _BY_WORD["foot"]
_FRACTIONS = {"½": 1 / 2, "¼": 1 / 4, "¾": 3 / 4, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 1 / 8, "⅜": 3 / 8}
_DENOMINATORS = frozenset((2, 3, 4, 5, 8, 16, 32, 64))
_WIDEST_RANGE = 10  # of what stands before and after a dash, else it is no range
_LONGEST_CACHED = 100

_SIGNS = "".join(_FRACTIONS)
_REST = (
    rf"(?:[0-9]{{0,3}}[ -][0-9]{{1,3}}/[0-9]{{1,3}}|[0-9]{{0,2}}/[0-9]{{1,3}}"
    rf"|[0-9]{{0,6}}(?:[.,][0-9]{{1,3}}){{0,2}}[{_SIGNS}]?)"
)
"""A number behind its first digit: "1 1/2", "3/4", "1,500.5", "2½"."""


def _word_pattern() -> str:
    """Return a pattern of all words for units, those of one first letter together."""
    by_letter: dict[str, list[str]] = {}
    for word in sorted(_BY_WORD, key=len, reverse=True):
        if word[0].isalpha():
            rest = re.escape(word[1:]).replace("l_oz", r"l\.?\s?oz").replace("_", r"\s")
            by_letter.setdefault(word[0], []).append(rest)
    return "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())


_UNIT = (
    rf"(?P<gap>[\s-]?)(?P<word>{_word_pattern()})(?!\w|/\s?[a-z])"
    r"|\s?(?P<degree>[°º]\s?[cf])(?!\w)|\s?(?P<sign>%|[\"″”]|''|’’)"
)
_DIGIT = re.compile(f"[0-9{_SIGNS}]")
_MAY_HOLD = re.compile(rf"[0-9{_SIGNS}](?:{_UNIT})", re.IGNORECASE)
"""The end of a number and a unit: what most texts with digits lack, and quickly told."""
_QUANTITY = re.compile(
    # It begins with a digit that nothing is written to.
    rf"(?P<a>[0-9{_SIGNS}](?<![\w.,/'’][0-9{_SIGNS}]){_REST})"
    rf"(?:\s?(?P<join>[x×*–-])\s?(?P<b>[0-9{_SIGNS}]{_REST})"
    rf"(?:\s?[x×*]\s?(?P<c>[0-9{_SIGNS}]{_REST}))?)?"
    rf"(?:{_UNIT})",
    re.IGNORECASE,
)
_FEET = re.compile(
    r"(?<![\w.,/'])([0-9]{1,2})(['’′]\s?([0-9]{1,2}(?:[.,][0-9]{1,2})?)(?:\"|″|”|''|’’))"
)
_QUOTE = re.compile('["“”]')
_INCHES_AFTER = re.compile(r"$|[.,;:)/]|\s?[x×]\s?[0-9]")
_GENERATION = re.compile("[2-6]g")
_DIGIT_AFTER = re.compile(r"-?[0-9]")
_NUMBER_ALONE = re.compile(r"-?[0-9]{1,9}(?:[.,][0-9]{1,6})?")


def find_quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities in a text, in order, in time that grows with its length.

    Of "30 x 40 cm" each length is one; "6 x 330 ml" is one, six times; a range gives both ends.
    """
    if not _DIGIT.search(text) or not _MAY_HOLD.search(text):
        return ()
    return tuple(_find(text))


def _find(text: str) -> Iterator[Quantity]:
    end = 0
    feet = _feet(text) if any(mark in text for mark in "'’′") else []
    closing = _closing_marks(text) if any(mark in text for mark in '"”') else frozenset[int]()
    for match in _QUANTITY.finditer(text):
        while feet and feet[0].start < match.end():
            end = feet[0].end
            yield feet.pop(0)
        if match.start() < end:
            continue
        unit = _unit(text, match, closing)
        if unit is not None:
            yield from _quantities(match, unit)
    yield from feet


def _feet(text: str) -> list[Quantity]:
    """Return the lengths in feet and inches: 5' 3"."""
    found = []
    for match in _FEET.finditer(text):
        value = float(match[1]) + float(match[3].replace(",", ".")) / 12
        base = _base(value, _FOOT)
        found.append(Quantity(value, match[2], "length", base, match.start(), match.end()))
    return found


def _unit(text: str, match: re.Match[str], closing: frozenset[int]) -> Unit | None:
    """Return the unit of a match; None where it is a word or a mark that only looks like one."""
    if match["sign"] is not None:
        if match["sign"] == "%":
            return _BY_WORD["%"]
        return None if match.start("sign") in closing else _INCH
    if match["degree"] is not None:
        return _BY_WORD["°" + match["degree"][-1].lower()]
    word = match["word"]
    if len(word) <= 2 and _only_looks_like_one(word, match["gap"], text, match):
        return None
    return _BY_WORD.get("_".join(word.lower().replace(".", " ").split()), _BY_WORD["fl_oz"])


def _only_looks_like_one(word: str, gap: str, text: str, match: re.Match[str]) -> bool:
    """Tell whether a short word behind a number is no unit."""
    if word == "g":
        return not gap and _GENERATION.fullmatch(match[0]) is not None
    if word in ("w", "v"):  # "5w-30", "2 v 2"
        return gap == " " or _DIGIT_AFTER.match(text, match.end()) is not None
    if word in ("m", "l", "L"):
        return gap == "-"
    if word.lower() == "in":  # "2 in 1", "3 in a box"
        after = match.end()
        alone = gap != " " or _INCHES_AFTER.match(text, after) is not None
        return _DIGIT_AFTER.match(text, after) is not None or not alone
    return word in ("G", "M")  # a network; a size or a million


def _closing_marks(text: str) -> frozenset[int]:
    """Return where marks end a quotation, as in 'the "Model 27"', so that they are no inches."""
    closing, is_open = [], False
    for match in _QUOTE.finditer(text):
        place, mark = match.start(), match[0]
        if is_open and mark != "“":
            closing.append(place)
            is_open = False
        elif mark == "“" or (mark == '"' and _opens(text, place)):
            is_open = True
    return frozenset(closing)


def _opens(text: str, place: int) -> bool:
    return not place or text[place - 1].isspace() or text[place - 1] in "([{,;:–-"


def _quantities(match: re.Match[str], unit: Unit) -> Iterator[Quantity]:
    written = match["word"] or match["degree"] or match["sign"]
    number, join = match["a"], match["join"]
    if join is None and number.isdecimal():
        value = float(number)
        yield Quantity(
            value, written, unit.dimension, _base(value, unit), match.start(), match.end()
        )
        return
    numbers = [number for name in ("a", "b", "c") if (number := match[name])]
    values = [list(_values(number, unit)) for number in numbers]
    count = 1
    first = 0
    if join in ("-", "–"):
        low, high = values[0][-1], values[1][0]
        first = 0 if low < high <= _WIDEST_RANGE * low else 1
    elif join is not None and unit.dimension not in ("length", "area"):
        first = len(values) - 1
        for often in (several[0] for several in values[:first]):
            count *= int(often) if often.is_integer() and often <= 10_000 else 1
    start = match.start() if first == 0 or join not in ("-", "–") else match.start("b")
    for value in (each for several in values[first:] for each in several):
        yield Quantity(
            value, written, unit.dimension, _base(value, unit), start, match.end(), max(count, 1)
        )


def _base(value: float, unit: Unit) -> float:
    return float(f"{value * unit.factor + unit.offset:.9g}")


def _values(number: str, unit: Unit) -> Iterator[float]:
    """Read a number before a unit; "12/24" before volts is two."""
    if "/" in number:
        whole, _, fraction = number.replace("-", " ").rpartition(" ")
        over, under = (int(part) for part in fraction.split("/"))
        if over < under and under in _DENOMINATORS:
            yield (int(whole) if whole else 0) + over / under
        else:
            yield from (float(over), float(under))
        return
    if number[0] in _FRACTIONS and len(number) > 1:
        return  # "½0"
    more = _FRACTIONS.get(number[-1], 0.0)
    digits = number[:-1] if more else number
    yield (_number(digits, unit) if digits else 0.0) + more


def _number(text: str, unit: Unit) -> float:
    place = max(text.rfind("."), text.rfind(","))
    if place < 0:
        return float(text)
    head, mark, tail = text[:place], text[place], text[place + 1 :]
    whole = re.sub("[.,]", "", head)
    if mark in head:
        return float(whole + tail)
    thousands = unit.small or (unit.imperial and mark == ",")
    if whole == head and len(tail) == 3 and head != "0" and len(head) <= 3 and thousands:
        return float(whole + tail)
    return float(f"{whole}.{tail}")


@lru_cache(maxsize=4096)
def unit_of_name(name: str) -> Unit | None:
    """Return the unit that the name of an attribute ends in: "weight_kg", "screen_size_inch"."""
    words = name.lower().split("_")
    return _BY_WORD.get(words[-1]) if len(words) > 1 else None


def in_title(field: str) -> str:
    """Return the name of the field that holds what titles alone say of a field of `FIELDS`."""
    return f"title_{field}"


def quantity_values(product: Product) -> Iterator[tuple[str, float]]:
    """Yield (field, number) for what a product's title and attributes say, each once.

    What the title says is found apart as well, as "title_length_cm": it tells the size of a screen
    from that of its box. An attribute that the shop itself has under a field's name is left alone.
    """
    found = {(each.dimension, each.base): None for each in find_quantities(product.title)}
    yield from _fields(found, product, in_title)
    for name, value in product.attributes.items():
        if isinstance(value, str):
            if _DIGIT.search(value):
                found.update(_said(name, value))
        elif isinstance(value, tuple):
            for item in value:
                found.update(_amounts(item))
        elif not isinstance(value, bool) and (unit := unit_of_name(name)) is not None:
            found[unit.dimension, _base(value, unit)] = None
    yield from _fields(found, product, str)


Amounts = Mapping[tuple[str, float], None]


def _fields(
    found: Amounts, product: Product, name: Callable[[str], str]
) -> Iterator[tuple[str, float]]:
    for dimension, base in found:
        field = FIELDS[dimension]
        if not {field, name(field)} & product.attributes.keys() and math.isfinite(base):
            yield name(field), base


def _said(name: str, text: str) -> Amounts:
    """Return the dimensions and amounts that an attribute says; its name may hold the unit."""
    unit = unit_of_name(name)
    if unit is not None and _NUMBER_ALONE.fullmatch(text):
        return {(unit.dimension, _base(float(text.replace(",", ".")), unit)): None}
    return _amounts(text)


def _amounts(text: str) -> Amounts:
    return _cached(text) if len(text) <= _LONGEST_CACHED else _found(text)


def _found(text: str) -> Amounts:
    return {(each.dimension, each.base): None for each in find_quantities(text)}


_cached = lru_cache(maxsize=1 << 16)(_found)

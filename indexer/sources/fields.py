"""Recognise which column of a source is which field of a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import orjson

from . import recognition
from .attribute_names import attribute_name
from .columns import is_code_name, sample_columns, settle_names
from .flatten import flatten
from .header import has_comma_language
from .joining import GROUP
from .layout import is_noise, platform_name
from .names import CODE_NAMES, PART_NUMBER_NAMES, fold_name, is_cost_name, is_image_name
from .platforms import Platform
from .prices import COMMA_CURRENCIES, UNKNOWN, PriceStyle, currency_of_header, style_of
from .records import RawRecord

_CONVERSION = 2
"""Raise this whenever the same record and map would give another product than before."""
_LONGEST_SAMPLE = 60
_MEMO_SIZE = 100_000


@dataclass(frozen=True, slots=True)
class FieldRow:
    """Where one of our fields comes from, told to a user: column, how it was told, a sample."""

    field: str
    column: str
    how: str
    sample: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """How a column becomes an attribute; `part_number` marks one that may hold a code.

    `style` is how its prices are written, where these are what it holds.
    """

    name: str
    kind: str | None
    is_code: bool
    part_number: bool
    style: PriceStyle = UNKNOWN


@dataclass(frozen=True)
class FieldMap:
    """Which columns give which fields; every other column becomes an attribute.

    Attributes:
        columns: for each recognised field its columns; the first that holds a value gives it,
            except that all of "codes" do.
        how: for each recognised field, how it was told.
        kinds: kinds of attribute columns whose texts are read as something else.
        renamed: attribute names of columns whose own name another one has.
        category_separator: what stands between the levels of a category in this source.
        price_styles: how the prices of a column are written, where it tells.
        price_currency: the currency that the price column's name says.
        samples: the values seen in each column.
        platform: the shop platform whose layout the source has, if it was told.
        other_ids: columns that give an id, the first that is filled, where its own are empty.

    """

    columns: Mapping[str, tuple[str, ...]]
    how: Mapping[str, str]
    kinds: Mapping[str, str]
    renamed: Mapping[str, str]
    ignored: frozenset[str]
    category_separator: str | None
    price_styles: Mapping[str, PriceStyle]
    price_currency: str | None
    samples: Mapping[str, Sequence[object]] = field(repr=False)
    platform: Platform | None = None
    other_ids: tuple[str, ...] = ()
    _attributes: dict[str, Attribute | None] = field(default_factory=dict, repr=False)

    @classmethod
    def recognise(
        cls,
        records: Sequence[RawRecord],
        overrides: Mapping[str, str],
        platform: Platform | None = None,
    ) -> FieldMap:
        """Recognise the fields from the first records of a source.

        `overrides` gives columns by hand, {our field: their name}; several names with "|"
        between are tried in turn, and an empty name leaves the field unset. The columns of
        `platform`, whose rows were made whole, go before names that are known in general.

        Raises:
            InputError: no column can be told to be the id or the title, or an override names
                a field or a column that does not exist.

        """
        samples = sample_columns(flatten(record.fields) for record in records)
        source = records[0].source if records else "the source"
        chosen = recognition.choose_columns(samples, overrides, source, platform)
        used = {column for choice in chosen.values() for column in choice.columns}
        rest = [column for column in samples if column not in used]
        ignored = frozenset(
            column for column in rest if platform is not None and is_noise(platform, column)
        )
        attributes = [column for column in rest if column not in ignored]
        kinds = recognition.forced_kinds(attributes, samples)
        prices = chosen["price"].columns if "price" in chosen else ()
        named = (*prices, *(column for column, kind in kinds.items() if kind == "price"))
        currency = next(filter(None, map(currency_of_header, prices)), None)
        comma = currency in COMMA_CURRENCIES or has_comma_language(samples)
        styles = {column: style_of(samples[column], comma=comma)
                  for column in named if column in samples}  # fmt: skip
        return cls(
            columns={name: choice.columns for name, choice in chosen.items()},
            how={name: choice.how for name, choice in chosen.items()},
            kinds=kinds,
            renamed=_renamed(settle_names(attributes), attributes, platform),
            ignored=ignored,
            category_separator=recognition.category_separator(chosen, samples),
            price_styles={c: style for c, style in styles.items() if style != UNKNOWN},
            price_currency=currency,
            samples=samples,
            platform=platform,
            other_ids=recognition.other_ids(samples, chosen, platform),
        )

    @cached_property
    def used(self) -> frozenset[str]:
        """Return the columns that give one of our fields."""
        return frozenset(name for names in self.columns.values() for name in names)

    @cached_property
    def code_columns(self) -> tuple[str, ...]:
        """Return the columns that hold ids and codes."""
        return self.columns.get("product_id", ()) + self.columns.get("codes", ())

    @cached_property
    def price_in_cents(self) -> bool:
        """Tell whether the price column says by its name that it holds cents."""
        return any("cents" in fold_name(name) for name in self.columns.get("price", ()))

    @cached_property
    def fingerprint(self) -> str:
        """Return a text that is the same for two maps that convert alike."""
        parts = {
            "conversion": _CONVERSION,
            "columns": {name: list(columns) for name, columns in self.columns.items()},
            "kinds": dict(self.kinds),
            "renamed": dict(self.renamed),
            "ignored": sorted(self.ignored),
            "category_separator": self.category_separator,
            "price_styles": {
                column: [style.mark, style.thousandths]
                for column, style in self.price_styles.items()
            },
            "price_currency": self.price_currency,
        }
        if self.other_ids:
            parts["other_ids"] = list(self.other_ids)
        if self.platform is not None:
            parts["platform"] = self.platform.name
        return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode()

    def first(self, flat: Mapping[str, object], our_field: str) -> object:
        """Return the first value that is not empty of the columns of one of our fields."""
        for column in self.columns.get(our_field, ()):
            value = flat.get(column)
            if value or (value is not None and value != "" and value != []):
                return value
        return None

    def attribute(self, column: str) -> Attribute | None:
        """Return how a column becomes an attribute; None for one that gives none.

        It depends on the column's name and this map alone, so that a column first met in the
        last record is treated as it would be in any other run.
        """
        try:
            return self._attributes[column]
        except KeyError:
            if len(self._attributes) > _MEMO_SIZE:
                self._attributes.clear()
            found = self._attributes[column] = self._new_attribute(column)
            return found

    def _new_attribute(self, column: str) -> Attribute | None:
        if column in self.used or column in self.ignored or is_image_name(column):
            return None
        if is_cost_name(column):
            return None
        if self.platform and (column == GROUP or is_noise(self.platform, column)):
            return None
        name, kind = attribute_name(column)
        if kind is None and is_code_name(column):
            kind = "text"
        return Attribute(
            name=self.renamed.get(column, name),
            kind=self.kinds.get(column, kind),
            is_code=fold_name(name) in CODE_NAMES,
            part_number=fold_name(column) in PART_NUMBER_NAMES,
            style=self.price_styles.get(column, UNKNOWN),
        )

    def describe(self) -> list[FieldRow]:
        """Return what to show a user before work starts: fields, attributes, ignored columns."""
        rows = [
            FieldRow(name, " or ".join(columns), self.how[name], self._sample(columns))
            for name, columns in self.columns.items()
        ]
        attributes = [
            column
            for column, values in self.samples.items()
            if self.attribute(column) and not recognition.holds_addresses(values)
        ]
        others = [
            column
            for column in self.samples
            if column not in self.used and column not in set(attributes)
        ]
        for label, columns, how in (
            ("attributes", attributes, "every other column"),
            ("(ignored)", others, "addresses, pictures, marks, costs"),
        ):
            if columns:
                count = f"{len(columns)} column" + "s" * (len(columns) > 1)
                rows.append(FieldRow(label, _listed(columns), how, count))
        return rows

    def _sample(self, columns: Sequence[str]) -> str:
        seen = (value for column in columns for value in self.samples.get(column, ()))
        text = " ".join(str(next(seen, "")).split())
        return text if len(text) <= _LONGEST_SAMPLE else text[: _LONGEST_SAMPLE - 1] + "…"


def _renamed(
    settled: dict[str, str], columns: Sequence[str], platform: Platform | None
) -> dict[str, str]:
    """Return new names of attributes, those that the platform's table gives among them."""
    if platform is None:
        return settled
    taken = {settled.get(column) or attribute_name(column)[0] for column in columns}
    named = {
        column: name
        for column in columns
        if (name := platform.renamed.get(platform_name(platform, column))) and name not in taken
    }
    return {**settled, **named}


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:6])
    return shown if len(columns) <= 6 else f"{shown}, …"

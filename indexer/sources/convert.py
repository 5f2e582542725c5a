"""Turn a record into a product."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import RecordError
from ..product import AttributeValue, Product, check_product
from .columns import free_name
from .fields import FieldMap
from .flatten import flatten
from .prices import UNKNOWN, PriceUnit, ReadPrice, currency_code, parse_price
from .records import RawRecord, Rejected, SourceProgress
from .values import (
    as_attribute,
    as_category,
    as_codes,
    as_stock,
    as_text,
    as_texts,
    looks_like_part_number,
    lost_codes,
)

_NEXT_ADDRESS = re.compile(r",\s*(?=https?://|//)|[|\s]")
_KIND_OF: dict[type, str] = {str: "text", float: "number", bool: "boolean"}
Attributes = dict[str, AttributeValue]


def to_product(
    record: RawRecord,
    fields: FieldMap,
    *,
    price_unit: PriceUnit = "units",
    progress: SourceProgress | None = None,
) -> Product:
    """Return the product that a record describes; what could not be taken is counted in `progress`.

    A price that says no amount ("on request") leaves the product without one.

    Raises:
        Rejected: a RecordError; there is no id, no title, or `check_product` refuses what came
            of it.

    """
    flat = flatten(record.fields)
    try:
        product = _convert(flat, fields, price_unit, progress or SourceProgress())
        check_product(product)
    except RecordError as error:
        raise _rejected(record, error.reason) from None
    return product


def product_id(record: RawRecord, fields: FieldMap) -> str:
    """Return a record's product id alone, cheaply.

    Raises:
        Rejected: a RecordError; there is no id.

    """
    flat = record.fields
    if fields.columns["product_id"][0] not in flat:
        flat = flatten(flat)
    found = as_text(fields.first(flat, "product_id"))
    if not found:
        found, _ = _other_id(flatten(flat), fields)
    if not found:
        raise _rejected(record, _no_id(fields))
    return found


def _other_id(flat: Mapping[str, object], fields: FieldMap) -> tuple[str, str]:
    """Return the first of a record's further ids, and its column; "" where there is none."""
    for column in fields.other_ids:
        if found := as_text(flat.get(column)):
            return found, column
    return "", ""


def _rejected(record: RawRecord, reason: str) -> Rejected:
    return Rejected(reason, source=record.source, line=record.line, record=record.fields)


def _no_id(fields: FieldMap) -> str:
    columns = (*fields.columns["product_id"], *fields.other_ids)
    return f"no product id (column {' or '.join(columns)} is empty)"


def _convert(
    flat: Mapping[str, object], fields: FieldMap, price_unit: PriceUnit, progress: SourceProgress
) -> Product:
    found = as_text(fields.first(flat, "product_id"))
    if not found:
        found, column = _other_id(flat, fields)
        if not found:
            raise RecordError(_no_id(fields))
        progress.other_ids[column] += 1
    title = as_text(fields.first(flat, "title"))
    if not title:
        raise RecordError(f"no title (column {' or '.join(fields.columns['title'])} is empty)")
    unit: PriceUnit = "cents" if fields.price_in_cents else price_unit
    price = _price(flat, fields, unit)
    currency = currency_code(as_text(fields.first(flat, "currency"))) or price.currency
    if price.missing:
        progress.no_price[price.missing] += 1
    if price.amount is not None:
        currency = currency or fields.price_currency
        progress.currencies[currency or ""] += 1
    _count_lost_codes(flat, fields, progress)
    attributes, more_codes = _attributes(flat, fields)
    if price.list_price is not None:
        attributes.setdefault("list_price", price.list_price)
    return Product(
        product_id=found,
        title=title,
        description=" ".join(as_texts(fields.first(flat, "description"))),
        brand=as_text(fields.first(flat, "brand")) or None,
        category=as_category(fields.first(flat, "category"), fields.category_separator) or None,
        price=price.amount,
        currency=currency,
        in_stock=as_stock(fields.first(flat, "in_stock")),
        url=_address(fields.first(flat, "url")),
        image_url=_address(fields.first(flat, "image_url")),
        codes=_codes(flat, fields, more_codes),
        group_id=_group(fields.first(flat, "group_id")),
        attributes=attributes,
    )


def _price(flat: Mapping[str, object], fields: FieldMap, unit: PriceUnit) -> ReadPrice:
    """Return the first price that says an amount; else the first that says anything."""
    first = None
    for column in fields.columns.get("price", ()):
        value = flat.get(column)
        if value is None or value == "" or value == []:
            continue
        price = parse_price(value, unit, fields.price_styles.get(column, UNKNOWN))
        if price.amount is not None:
            return price
        first = first or price
    return first or ReadPrice()


def _count_lost_codes(
    flat: Mapping[str, object], fields: FieldMap, progress: SourceProgress
) -> None:
    for column in fields.code_columns:
        if (value := flat.get(column)) and (lost := lost_codes(value)):
            progress.lost_codes[column] += lost


def _attributes(flat: Mapping[str, object], fields: FieldMap) -> tuple[Attributes, list[str]]:
    """Return the attributes, and the codes found among them."""
    attributes: Attributes = {}
    codes: list[str] = []
    clash = False
    for column, raw in flat.items():
        attribute = fields.attribute(column)
        if attribute is None:
            continue
        value = as_attribute(raw, attribute.kind, attribute.style)
        if value is None or value == "":
            continue
        if attribute.is_code:
            codes.extend(as_codes(raw))
        if attribute.part_number and isinstance(value, str) and looks_like_part_number(value):
            codes.insert(0, value)
            continue
        clash = clash or attribute.name in attributes
        attributes[attribute.name] = value
    return (_told_apart(flat, fields) if clash else attributes), codes


def _told_apart(flat: Mapping[str, object], fields: FieldMap) -> Attributes:
    """Return the attributes of a record in which two columns have one name."""
    attributes: Attributes = {}
    for column in sorted(flat):
        attribute = fields.attribute(column)
        if attribute is None:
            continue
        value = as_attribute(flat[column], attribute.kind, attribute.style)
        if value is None or value == "":
            continue
        if attribute.part_number and isinstance(value, str) and looks_like_part_number(value):
            continue
        name = attribute.name
        if name in attributes:
            if attributes[name] == value and type(attributes[name]) is type(value):
                continue
            name = free_name(name, _KIND_OF.get(type(value)), attributes)
        attributes[name] = value
    return attributes


def _codes(flat: Mapping[str, object], fields: FieldMap, more: list[str]) -> tuple[str, ...]:
    own = [
        code
        for column in fields.columns.get("codes", ())
        if (value := flat.get(column)) is not None
        for code in as_codes(value)
    ]
    return tuple(dict.fromkeys(own + more))


def _group(value: object) -> str | None:
    """Return the id of a group; a parent of 0 is none."""
    found = as_text(value)
    return found if found and found != "0" else None


def _address(value: object) -> str | None:
    """Return the first address in a text or list; entities other than & are no part of one."""
    if isinstance(value, list | tuple):
        texts = (item for item in value if isinstance(item, str))
        return next((found for text in texts if (found := _address(text))), None)
    if not isinstance(value, str):
        return None
    parts = _NEXT_ADDRESS.split(value.strip().replace("&amp;", "&"))
    found = parts[0]
    if not found.isprintable():
        found = "".join(mark for mark in found if mark.isprintable())
    return found or None

"""Names of attributes: what a source calls a column, as an identifier that a filter can use."""

from __future__ import annotations

import re
import unicodedata

from ..known_fields import ATTRIBUTES, FIELD_NAMES

_TYPED = re.compile(r"attr_([tnb])_(?=.)")
_KINDS = {"t": "text", "n": "number", "b": "boolean"}
_CONTAINER = re.compile(
    r"(?:attributes?|attrs|specs?|specifications?|properties|additionalproperty|details|"
    r"metafields?|custom)\.(?=.)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_RANGE_MARK = re.compile(r"__([^\W_])_\1_*$")
_LONGEST = 120


def attribute_name(column: str) -> tuple[str, str | None]:
    """Return the attribute's name and the kind its column's name tells, if it tells one.

    "attr_n_Width" gives ("width", "number"); "attributes.Ink Type" gives ("ink_type", None);
    "Storage temperature (T-T)" gives "storage_temperature". The name is an identifier in lower
    case, letters of any script kept, and never that of one of our own fields.
    """
    kind = None
    typed = _TYPED.match(column)
    if typed:
        kind, column = _KINDS[typed[1]], column[typed.end() :]
    container = _CONTAINER.match(column)
    if container:
        column = column[container.end() :]
    return _identifier(column), kind


def _identifier(column: str) -> str:
    text = unicodedata.normalize("NFKC", _CAMEL.sub("_", column)).lower()
    marked = "".join(mark if f"a{mark}".isidentifier() else "_" for mark in text[:_LONGEST])
    name = re.sub("_+", "_", _RANGE_MARK.sub("", marked)).strip("_") or "attribute"
    name = unicodedata.normalize("NFC", name)
    if not name.isidentifier():
        name = f"_{name}"
    return f"{name}_attribute" if name in (*FIELD_NAMES, ATTRIBUTES) else name

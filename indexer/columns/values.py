"""What a product puts into the columns."""

from __future__ import annotations

from ..known_fields import FIELD_NAMES, Kind
from ..product import AttributeValue, Product
from ..quantities import quantity_values

Scalar = str | float | bool
_KNOWN = frozenset(FIELD_NAMES)


def field_values(product: Product) -> list[tuple[str, Kind, Scalar]]:
    """Return (field, kind, value) for all a product holds; a list gives its items.

    An attribute that is named as a known field is found as `attribute_<name>`. What is said of
    quantities comes as numbers of fields such as "volume_l", see `quantities.py`.
    """
    found: list[tuple[str, Kind, Scalar]] = []
    for name in FIELD_NAMES:
        value = getattr(product, name)
        if value is not None and value != "":
            _add(found, name, value)
    for name, value in product.attributes.items():
        _add(found, f"attribute_{name}" if name in _KNOWN else name, value)
    found += ((name, "number", number) for name, number in quantity_values(product))
    return found


def _add(found: list[tuple[str, Kind, Scalar]], name: str, value: AttributeValue) -> None:
    if isinstance(value, str):
        found.append((name, "text", value))
    elif isinstance(value, bool):
        found.append((name, "boolean", value))
    elif isinstance(value, int | float):
        found.append((name, "number", float(value)))
    else:
        found += ((name, "text", item) for item in value)

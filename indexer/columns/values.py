"""What a product puts into the columns."""

from __future__ import annotations

from collections.abc import Iterator

from ..known_fields import FIELD_NAMES, Kind
from ..product import AttributeValue, Product
from ..quantities import quantity_values

Scalar = str | float | bool


def field_values(product: Product) -> Iterator[tuple[str, Kind, Scalar]]:
    """Yield (field, kind, value) for all a product holds; a list yields its items.

    An attribute that is named as a known field is found as `attribute_<name>`. What is said of
    quantities comes as numbers of fields such as "volume_l", see `quantities.py`.
    """
    for name in FIELD_NAMES:
        value = getattr(product, name)
        if value is not None and value != "":
            yield from _typed(name, value)
    for name, value in product.attributes.items():
        yield from _typed(f"attribute_{name}" if name in FIELD_NAMES else name, value)
    for name, number in quantity_values(product):
        yield name, "number", number


def _typed(name: str, value: AttributeValue) -> Iterator[tuple[str, Kind, Scalar]]:
    if isinstance(value, bool):
        yield name, "boolean", value
    elif isinstance(value, int | float):
        yield name, "number", float(value)
    elif isinstance(value, str):
        yield name, "text", value
    else:
        for item in value:
            yield name, "text", item

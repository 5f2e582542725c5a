"""The text that stands for a product when it is encoded."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter

from ..errors import InputError
from .known_fields import ATTRIBUTES, KNOWN_FIELDS
from .product import AttributeValue, Product

DEFAULT = "{title}. {brand}. {category}. {description}. {attributes:colour,color}"

_KNOWN = frozenset(each.name for each in KNOWN_FIELDS if each.placeholder)


class Template:
    """Fills a format string from a product.

    `{title}`, `{brand}`, `{category}`, `{description}` and the other known fields stand for
    themselves; any other name is an attribute; `{attributes:colour,material}` are the values
    of several, separated by commas; `{description:600}` cuts after 600 characters. A
    placeholder without a value takes the text after it along, so no stray dots remain. A product
    that has none of what is asked for is stood for by its title.

    Raises:
        InputError: the format string cannot be read, or has no placeholder.
    """

    def __init__(self, form: str = DEFAULT) -> None:
        self.form = form
        try:
            parsed = list(Formatter().parse(form))
        except ValueError as error:
            raise InputError(f"template {form!r}: {error}") from None
        self._opening = parsed[0][0] if parsed else ""
        self._parts = [
            (name, spec or "", parsed[place + 1][0] if place + 1 < len(parsed) else "")
            for place, (_, name, spec, _) in enumerate(parsed)
            if name is not None
        ]
        if not self._parts:
            raise InputError(f"template {form!r} has no placeholder such as {{title}}")
        for name, spec, _ in self._parts:
            if name != ATTRIBUTES and spec and not spec.isdecimal():
                raise InputError(
                    f"template {form!r}: in {{{name}:{spec}}} a number of characters is wanted"
                )

    def fill(self, product: Product) -> str:
        """Return the text of one product."""
        pieces = [self._opening]
        for name, spec, literal in self._parts:
            value = _value(product, name, spec)
            if value:
                pieces += value.rstrip(" .") if literal.startswith(".") else value, literal
        return "".join(pieces).strip(" .,;:-\n") or product.title

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the attributes that have a placeholder of their own."""
        return tuple(n for n, _, _ in self._parts if n != ATTRIBUTES and n not in _KNOWN)


def _value(product: Product, name: str, spec: str) -> str:
    if name == ATTRIBUTES:
        names = _listed(spec) or list(product.attributes)
        return ", ".join(_texts(product.attributes.get(each) for each in names))
    known = getattr(product, name) if name in _KNOWN else product.attributes.get(name)
    text = ", ".join(_texts([known]))
    return text[: int(spec)] if spec else text


def _listed(spec: str) -> list[str]:
    return [name.strip() for name in spec.split(",") if name.strip()]


def _texts(values: Iterable[AttributeValue | None]) -> Iterable[str]:
    for value in values:
        if value is None or value == "" or isinstance(value, bool):
            continue
        if isinstance(value, tuple):
            yield from value
        elif isinstance(value, float):
            yield f"{value:g}"
        else:
            yield str(value)

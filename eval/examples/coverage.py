"""How much of the catalog the training examples speak of, and how old it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from .pool import Pool
from .types import ProductTypes, Terms

# An attribute is taken for a date if this share of its values read as dates.
_DATES = 0.9


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage and freshness.

    Attributes:
        types: product types found in the catalog.
        named: of these, types that a training example names.
        products: share of the products that have such a type.
        date: the attribute that dates products; None where there is none.
        median_age: days, by that attribute.

    """

    types: int
    named: int
    products: float
    date: str | None
    median_age: float | None

    @property
    def share(self) -> float:
        """Return the share of the types that training examples name."""
        return self.named / max(1, self.types)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        fields = asdict(self)
        return {"taught": fields.pop("named"), **fields, "share": round(self.share, 4)}


def measure_coverage(
    pool: Pool, types: ProductTypes, topics: Collection[Terms], *, today: date | None = None
) -> Coverage:
    """Measure which types training examples name, and the age of the products."""
    named = {terms for terms in topics if terms in types.all}
    held = {place for terms in named for place in types.all[terms].places}
    name, age = _age(pool, today or datetime.now(UTC).date())
    return Coverage(len(types.all), len(named), len(held) / max(1, len(pool)), name, age)


def _age(pool: Pool, today: date) -> tuple[str | None, float | None]:
    """Return the attribute that most products have a date in, and the median age in days."""
    best: tuple[int, str, list[date]] = (0, "", [])
    values: dict[str, list[str]] = {}
    for product in pool.products:
        for name, value in product.attributes.items():
            if isinstance(value, str) and value[:4].isdecimal():
                values.setdefault(name, []).append(value)
    for name, texts in values.items():
        days = [day for text in texts if (day := _day(text)) is not None]
        if len(days) >= _DATES * len(texts) and len(days) > best[0]:
            best = (len(days), name, days)
    if not best[0]:
        return None, None
    return best[1], float(np.median([(today - day).days for day in best[2]]))


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None

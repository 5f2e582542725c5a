"""A small shop whose right answers are known."""

from __future__ import annotations

import pytest
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.qrels import Qrels, collect
from dsv3.indexer.product import Product

WORDS = {"shoe": "red", "hat": "blue", "lamp": "bright", "cable": "usb", "mouse": "wireless"}


@pytest.fixture(scope="session")
def products() -> list[Product]:
    """Return sixty products: twelve of each kind, one in three described by another word."""
    found = []
    for kind, colour in WORDS.items():
        for number in range(12):
            other = list(WORDS)[(number + list(WORDS).index(kind)) % len(WORDS)]
            found.append(
                Product(
                    f"{kind}-{number}",
                    f"{colour} {kind} model {number}" if number % 3 else f"model {number} {colour}",
                    description=f"goes well with a {other}; a fine {kind}",
                    brand="Acme" if number % 2 else "Oberon",
                    attributes={"made for": kind, "weight": 3.5},
                )
            )
    return found


@pytest.fixture(scope="session")
def catalog(products: list[Product]) -> CatalogTexts:
    """Return the words of those products."""
    return CatalogTexts(products)


@pytest.fixture(scope="session")
def qrels() -> Qrels:
    """Judge each kind of product: its own are right, the next kind's are not."""
    kinds = list(WORDS)
    judged = [
        (f"{WORDS[kind]} {kind}", f"{kind}-{number}", 3 if number % 3 else 1)
        for kind in kinds
        for number in range(10)
    ]
    judged += [
        (f"{WORDS[kind]} {kind}", f"{kinds[(place + 1) % 5]}-{number}", 0)
        for place, kind in enumerate(kinds)
        for number in range(4)
    ]
    judged += [(kind, f"{kind}-{number}", 2) for kind in kinds for number in range(8)]
    judged += [(query, "*", 0) for query in {query for query, _, _ in judged}]
    return collect([*judged, ("gadget", "hat-1", 0), ("gadget", "*", 0)], source="test")

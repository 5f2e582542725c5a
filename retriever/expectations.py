"""Whether a shop's search shows what its `rules.toml` expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import FilterError
from .retriever import ECommRetriever
from .rules.base import Expectation

_SHOWN = 3  # ids of what was found instead


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation.

    Attributes:
        expectation: what was expected.
        failures: what is otherwise, in words; empty where all is as expected.
    """

    expectation: Expectation
    failures: tuple[str, ...] = ()


def try_expectations(shop: ECommRetriever) -> list[Outcome]:
    """Search for what each expectation of a shop's rules is about."""
    return [
        Outcome(each, tuple(_failures(shop, each))) for each in shop.steering().rules.expectations
    ]


def _failures(shop: ECommRetriever, expected: Expectation) -> Iterator[str]:
    query, where, at = expected.query, expected.where, expected.at
    try:
        page = shop.retrieve(query, max(expected.k, len(expected.first), 1), where, at=at)
    except FilterError as error:
        yield str(error)
        return
    shown = [hit.product_id for hit in page]
    if expected.first and shown[: len(expected.first)] != list(expected.first):
        yield f"first are {_listed(shown[: max(len(expected.first), 1)])}"
    for product_id in expected.top:
        if product_id not in shown[: expected.k]:
            yield f"{product_id} is not among the first {expected.k}, which begin {_listed(shown)}"
    if shown[:1] and shown[0] in expected.not_first:
        yield f"{shown[0]} is first"
    if expected.absent:
        total = shop.retrieve(query, 1, where, at=at, expand=True).total
        every = shop.retrieve(query, max(total, 1), where, at=at, expand=True)
        ranks = {hit.product_id: hit.rank for hit in every}
        for product_id in expected.absent:
            if product_id in ranks:
                yield f"{product_id} is found, at place {ranks[product_id]:,} of all variants"


def _listed(product_ids: list[str]) -> str:
    if not product_ids:
        return "none: nothing is found"
    more = ", …" if len(product_ids) > _SHOWN else ""
    return ", ".join(product_ids[:_SHOWN]) + more

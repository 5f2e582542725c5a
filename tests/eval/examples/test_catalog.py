"""Queries made from a catalog, and hard negatives found for them."""

from __future__ import annotations

from itertools import islice

import pytest
from dsv3 import ECommRetriever
from dsv3.encoder.training.examples import Example
from dsv3.eval.examples.catalog import TEMPLATES, CatalogQueries, CatalogQuery
from dsv3.eval.examples.negatives import HardNegatives
from dsv3.eval.examples.pool import Pool
from dsv3.eval.examples.types import ProductTypes


@pytest.fixture(scope="module")
def queries(pool: Pool, types: ProductTypes) -> list[CatalogQuery]:
    return list(CatalogQueries(pool, types, seed=3).draw(800))


def test_every_template_has_something_to_say(queries: list[CatalogQuery]) -> None:
    assert {query.template for query in queries} == set(TEMPLATES)
    assert len(queries) == 800


def test_the_product_a_query_was_made_from_answers_it(queries: list[CatalogQuery]) -> None:
    assert all(query.place in query.answers for query in queries)


def test_answers_agree_with_what_the_query_names(
    queries: list[CatalogQuery], pool: Pool, types: ProductTypes
) -> None:
    for query in queries:
        if query.topic:
            others = query.answers - {query.place}
            assert others <= types.all[query.topic].places
        if query.brand is not None:
            brands = {pool.products[place].brand for place in query.answers}
            assert {str(brand).casefold() for brand in brands} == {query.brand.casefold()}


def test_lengths_are_those_of_searches(queries: list[CatalogQuery]) -> None:
    lengths = sorted(len(query.text.split()) for query in queries)
    assert lengths[0] >= 1
    assert lengths[len(lengths) // 2] in (2, 3)
    assert lengths[-1] <= 10


def test_seeded(pool: Pool, types: ProductTypes) -> None:
    def draw(seed: int) -> list[CatalogQuery]:
        return list(islice(CatalogQueries(pool, types, seed=seed).draw(50), 50))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_near_misses_are_of_another_type_or_brand(
    shop: ECommRetriever, pool: Pool, types: ProductTypes, queries: list[CatalogQuery]
) -> None:
    told: list[int] = []
    some = [query for query in queries if query.topic][:200]
    examples = list(HardNegatives(shop, pool, types, per_query=2).examples(some, told.append))
    assert [example.query for example in examples] == [query.text for query in some]
    assert told[-1] == len({query.text for query in some})
    places = {text: place for place, text in enumerate(pool.texts)}
    mined = 0
    for query, example in zip(some, examples, strict=True):
        assert example == Example(
            query.text, pool.texts[query.place], example.negatives, topic=" ".join(query.topic)
        )
        for text in example.negatives:
            place = places[text]
            mined += 1
            assert place not in query.answers
            other_brand = query.brand and pool.products[place].brand != query.brand
            assert other_brand or not types.compatible(types.of[place], query.topic)
    assert mined > 100

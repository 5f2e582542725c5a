"""Types are read off titles as a shopper would read them."""

from __future__ import annotations

import numpy as np
import pytest
from dsv3.eval.examples.pool import Pool
from dsv3.eval.examples.types import ProductTypes
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.product import Product


def made_pool() -> Pool:
    """Five kinds of product by several brands, each near its own kind's centre."""
    kinds = ["notebook", "notebook case", "laser printer", "camera", "desk lamp"]
    products, vectors = [], []
    generator = np.random.default_rng(0)
    for kind in range(len(kinds)):
        for n in range(12):
            brand = ("Acme", "Bolt", "Corda")[n % 3]
            colour = ("Black", "Silver")[n % 2]
            title = f"{brand} X{n}00 {kinds[kind]} {colour} {n} GB"
            products.append(
                Product(f"{kind}-{n}", title, brand=brand, attributes={"colour": colour})
            )
            vectors.append(np.eye(8)[kind] + 0.1 * generator.normal(size=8))
    matrix = np.asarray(vectors, dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    texts = [product.title for product in products]
    return Pool(np.arange(1, 61), products, texts, matrix, Analysis("english"))


@pytest.fixture(scope="module")
def found() -> ProductTypes:
    return ProductTypes(made_pool())


def test_the_longest_phrase_names_the_type(found: ProductTypes) -> None:
    names = {found.all[terms].name for terms in found.of}
    assert names == {"notebook", "notebook case", "laser printer", "camera", "desk lamp"}


def test_a_kind_counts_for_what_it_is_a_kind_of(found: ProductTypes) -> None:
    printers = next(one for one in found.all.values() if one.name == "printer")
    notebooks = next(one for one in found.all.values() if one.name == "notebook")
    assert printers.places < frozenset(range(24, 36))
    assert notebooks.places < frozenset(range(12))  # a notebook case is none
    assert min(len(printers.places), len(notebooks.places)) >= 8  # all but the outliers


def test_what_a_product_goes_with_is_not_what_it_is() -> None:
    pool = made_pool()
    accessories = [
        Product(product.product_id, f"{product.brand} sleeve for notebook", brand=product.brand)
        for product in pool.products
    ]
    other = Pool(pool.rows, accessories, pool.texts, pool.vectors, pool.analysis)
    assert "notebook" not in {one.name for one in ProductTypes(other).all.values()}


def test_colours_units_brands_and_models_are_no_types(found: ProductTypes) -> None:
    words = {word for one in found.all.values() for word in one.name.split()}
    assert words <= {"notebook", "case", "laser", "printer", "camera", "desk", "lamp"}


def test_compatibility(found: ProductTypes) -> None:
    assert found.compatible(("printer",), ("laser", "printer"))
    assert not found.compatible(("notebook",), ("notebook", "case"))
    assert not found.compatible((), ("printer",))


def test_a_phrase_whose_products_lie_apart_is_no_type() -> None:
    pool = made_pool()
    shared = [
        Product(product.product_id, product.title + " professional", brand=product.brand)
        for product in pool.products
    ]
    other = Pool(pool.rows, shared, pool.texts, pool.vectors, pool.analysis)
    assert "professional" not in {one.name for one in ProductTypes(other).all.values()}


def test_places_of_rows() -> None:
    pool = made_pool()
    assert pool.places_of(np.array([36, 1, 99, 0, 5])).tolist() == [35, 0, 4]


def test_sample_shop(types: ProductTypes) -> None:
    names = {one.name for one in types.all.values()}
    assert len(names) > 50

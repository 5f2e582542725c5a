from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from dsv3 import Product
from dsv3.errors import FilterError
from dsv3.indexer.columns.read import Columns
from dsv3.indexer.columns.write import ColumnsWriter
from dsv3.retriever.filters.like import like_matcher
from dsv3.retriever.filters.rows import fields_without_values, passing_rows
from hypothesis import given, settings
from hypothesis import strategies as st

BRANDS = [None, "HP", "Dell", "Löwe", "o'neil", "50%_off"]
PRODUCTS = [
    Product(
        f"p{n}",
        f"Thing {n}",
        brand=BRANDS[n % len(BRANDS)],
        price=None if n % 7 == 0 else float(n),
        in_stock=None if n % 5 == 0 else n % 2 == 0,
        attributes={"tags": ("red", "blue") if n % 3 else ("green",), "weight": n / 4},
    )
    for n in range(60)
]


def write_columns(folder: Path, products: Iterable[tuple[int, Product]]) -> None:
    with ColumnsWriter(folder) as writer:
        for row, product in products:
            writer.add(row, product)
        writer.finish()


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    folder = tmp_path_factory.mktemp("columns")
    write_columns(folder, enumerate(PRODUCTS))
    return Columns(folder)


@pytest.fixture(scope="module")
def oracle() -> sqlite3.Connection:
    """Hold the same columns in SQLite, whose answers ours must equal."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(
        "CREATE TABLE p (n, title, brand TEXT COLLATE NOCASE, price, in_stock, weight)"
    )
    connection.executemany(
        "INSERT INTO p VALUES (?, ?, ?, ?, ?, ?)",
        [
            (n, p.title, p.brand, p.price, p.in_stock, p.attributes["weight"])
            for n, p in enumerate(PRODUCTS)
        ],
    )
    return connection


numbers = st.sampled_from(["price", "weight"])
leaves = st.one_of(
    st.builds(
        "{} {} {}".format,
        numbers,
        st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
        st.integers(-5, 70),
    ),
    st.builds("{} between {} and {}".format, numbers, st.integers(0, 30), st.integers(10, 60)),
    st.builds("{} {}in (3, 4, 5.25)".format, numbers, st.sampled_from(["", "not "])),
    st.builds("brand {} 'dell'".format, st.sampled_from(["=", "<>", "<", ">"])),
    st.builds("brand {}in ('HP', 'o''neil')".format, st.sampled_from(["", "not "])),
    st.builds(
        "brand {}like '{}'".format,
        st.sampled_from(["", "not "]),
        st.sampled_from(["%l%", "h_", "%", "D%l"]),
    ),
    st.builds(
        "{} is {}null".format,
        st.sampled_from(["brand", "price", "in_stock"]),
        st.sampled_from(["", "not "]),
    ),
    st.sampled_from(["in_stock", "in_stock = true", "in_stock is false"]),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None)
@given(condition=conditions)
def test_a_filter_passes_what_sqlite_selects(
    columns: Columns, oracle: sqlite3.Connection, condition: str
) -> None:
    selected = [row for (row,) in oracle.execute(f"SELECT n FROM p WHERE {condition} ORDER BY n")]
    assert np.flatnonzero(passing_rows(condition, columns)).tolist() == selected


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ("tags = 'green'", {n for n in range(60) if n % 3 == 0}),
        ("not tags = 'red'", {n for n in range(60) if n % 3 == 0}),
        ("30 > price and price >= 28", {29}),
        ("BRAND = 'lÖWE' and price < 12", {3, 9}),
        ("brand = '50%_off' and price < 12", {5, 11}),
        ('"weight" = 14.75', {59}),
        ("price = -3", set()),
    ],
)
def test_a_filter_passes(columns: Columns, condition: str, passes: set[int]) -> None:
    assert set(np.flatnonzero(passing_rows(condition, columns)).tolist()) == passes


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("pric < 3", r"unknown field 'pric' at position 1; nearest: price"),
        ("price < 3 and bramd = 'x'", r"unknown field 'bramd' at position 15; nearest: brand"),
        ("price < 'cheap'", r"price at position 1 holds numbers, not text"),
        ("brand", r"brand at position 1 holds text, not true or false"),
        ("lower(brand) = 'hp'", r"functions are not allowed"),
        ("price < 3; drop table products", r"one condition is wanted"),
        ("price <", r"cannot be understood at position 7"),
        ('brand = "HP"', r"write a text in single quotes: 'HP'"),
        ("brand = 'HP", r"not closed"),
        ("price in (select price from products)", r"a list of values is wanted"),
        ("price in (1, 'a')", r"different kinds"),
        ("price = null", r"is null"),
        ("price = 1e", r"'1e' at position 9: this is not a number"),
        ("price between -1e and 2", r"'1e' at position 16: this is not a number"),
        ("price + 1 < 3", r"only fields compared with values"),
        ("1 = 1", r"only fields compared with values"),
        ("brand = title", r"is a field"),
        ("price like '3%'", r"price at position 1 holds numbers, not text"),
        ("", r"it is empty"),
        (" \n", r"it is empty"),
        ("(" * 5000, r"nested too deeply|cannot be understood"),
        ("a" * 20_000, r"characters are too many"),
        ("exists (select 1)", r"not allowed|only fields"),
        ("🎉 > 3", r"unknown field"),
    ],
)
def test_a_bad_filter_is_one_clear_line(columns: Columns, condition: str, message: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        passing_rows(condition, columns)
    assert "\n" not in str(caught.value)


def test_nothing_of_a_filter_is_logged(columns: Columns, caplog: pytest.LogCaptureFixture) -> None:
    import sqlglot

    for condition in ("brand -> 1e5 = 'secret'", "(with x as (alter secret))"):
        with pytest.raises(FilterError):
            passing_rows(condition, columns)
    assert not caplog.records
    sqlglot.parse_one("alter what a program reads")
    assert len(caplog.records) == 1


def test_many_alternatives_are_no_trouble(columns: Columns) -> None:
    condition = " or ".join(f"price = {n}" for n in range(600))
    assert np.count_nonzero(passing_rows(condition, columns)) == 60 - 9


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(columns: Columns, text: str) -> None:
    try:
        mask = passing_rows(text, columns)
    except FilterError:
        return
    assert mask.shape == (60,)


@settings(max_examples=500, deadline=None)
@given(pattern=st.text("ab%_\n.", max_size=8), text=st.text("ab\n.", max_size=10))
def test_like_is_what_the_plain_expression_says(pattern: str, text: str) -> None:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(mark) or re.escape(mark) for mark in pattern)
    wanted = re.fullmatch(expression, text, re.DOTALL) is not None
    assert bool(like_matcher(pattern)(text)) == wanted


@pytest.mark.parametrize("pattern", ["%a" * 30 + "b%", "%a_" * 30 + "b%", "%a" * 30 + "b"])
def test_like_comes_to_an_end_whatever_the_pattern(pattern: str) -> None:
    """Trying each part at every later place again would take years."""
    assert not like_matcher(pattern)("a" * 20_000)


def test_a_known_field_that_no_product_has_passes_none(tmp_path: Path) -> None:
    write_columns(tmp_path, [(0, Product("a", "A"))])
    bare = Columns(tmp_path)
    assert not passing_rows("price < 3", bare).any()
    assert passing_rows("price is null", bare).all()


def test_fields_that_no_product_has_are_named(tmp_path: Path) -> None:
    write_columns(tmp_path, [(0, Product("a", "A", brand="B"))])
    condition = "not (price < 3 or brand = 'B') and in_stock and category is null"
    found = fields_without_values(condition, Columns(tmp_path))
    assert found == ["category", "in_stock", "price"]

"""Kinds of products are told by the names of categories and product types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dsv3 import Product
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.hashing import HashingEncoder
from dsv3.indexer.columns.read import Columns
from dsv3.indexer.columns.write import ColumnsWriter
from dsv3.indexer.kinds import Kinds, kind_name, write_kinds
from dsv3.indexer.lexical.analysis import Analysis

PRODUCTS = {
    1: Product("1", "A", category="Phones > Smartphones"),
    2: Product("2", "B", category="Phones / Phone cases", attributes={"product_type": "Cover"}),
    4: Product("3", "C", attributes={"product_type": "Notebook"}),
    5: Product("4", "D"),
}


@pytest.fixture
def kinds(tmp_path: Path) -> Kinds:
    with ColumnsWriter(tmp_path / "columns") as writer:
        for row, product in PRODUCTS.items():
            writer.add(row, product)
        writer.finish()
    encoder = HashingEncoder()
    with EmbeddingCache(tmp_path / "cache.sqlite") as cache:
        columns = Columns(tmp_path / "columns")
        write_kinds(tmp_path / "kinds", columns, encoder, cache, encoder.dim)
    return Kinds(tmp_path / "kinds", Analysis())


def test_a_category_names_the_kind_before_a_product_type_does(kinds: Kinds) -> None:
    named = [kinds.names[kind] if kind >= 0 else "" for kind in kinds.of(np.array([1, 2, 4, 5]))]
    assert named == ["Smartphones", "Phone cases", "Notebook", ""]
    assert np.flatnonzero(kinds.mask(kinds.names.index("Notebook"))).tolist() == [4]


def test_a_kind_is_near_to_its_name(kinds: Kinds) -> None:
    query = HashingEncoder().encode_queries(["notebook"])[0]
    assert kinds.names[int(kinds.similarities(query).argmax())] == "Notebook"


def test_a_name_ends_in_the_thing_and_not_in_what_it_is_for(kinds: Kinds) -> None:
    assert [n for n, ends in zip(kinds.names, kinds.ending_in("phone"), strict=True) if ends] == [
        "Smartphones"
    ]
    may = dict(zip(kinds.names, kinds.other_names("phone").tolist(), strict=True))
    assert may == {"Cover": True, "Notebook": True, "Phone cases": False, "Smartphones": True}


@pytest.mark.parametrize(
    ("text", "name"),
    [("A > B > C", "C"), ("A | B", "B"), ("TV/Radio", "TV/Radio"), ("A / B", "B"), (" > ", "")],
)
def test_the_last_part_of_a_path_is_the_name(text: str, name: str) -> None:
    assert kind_name(text) == name


def test_a_damaged_file_is_not_opened(kinds: Kinds, tmp_path: Path) -> None:
    rows = tmp_path / "kinds" / "rows.npy"
    np.save(rows, np.array([0, 99], np.int32))
    with pytest.raises(ValueError, match="not there"):
        Kinds(tmp_path / "kinds", Analysis())

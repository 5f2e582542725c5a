"""The forward index gives the terms of titles, categories and brands by row."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from dsv3 import Product
from dsv3.indexer import forward as module
from dsv3.indexer.forward import ForwardIndex, ForwardWriter, term_digest
from dsv3.indexer.lexical.analysis import Analysis

WORDS = ("mouse", "keyboard", "lamp", "red", "wireless", "for", "desk", "with", "cable", "usb")


def written(
    folder: Path, products: dict[int, Product], previous: ForwardIndex | None, *deleted: int
) -> ForwardIndex:
    with ForwardWriter(folder, Analysis(), previous=previous) as writer:
        for row, product in products.items():
            writer.add(row, product)
        writer.finish(np.array(deleted, np.int64))
    return ForwardIndex(folder)


def digests(*terms: str) -> list[int]:
    return [term_digest(term) for term in terms]


def test_terms_are_those_of_the_keyword_index_in_order(tmp_path: Path) -> None:
    lamp = Product("1", "Red Lamps for desks", brand="Lumo", category="Home > Desk lamps")
    found = written(tmp_path / "f", {3: lamp, 1: Product("2", "Mouse")}, None).of(np.array([1, 3]))
    assert found.title.tolist() == [
        [*digests("mous"), 0, 0, 0],
        digests("red", "lamp", "for", "desk"),
    ]
    assert found.head.tolist() == [1, 2]
    assert found.category.tolist() == [[0, 0], digests("desk", "lamp")]
    assert found.brand.tolist() == [[0], digests("lumo")]


@pytest.mark.parametrize(
    ("title", "head"),
    [
        ("Case for phone", 1),
        ("Phone, black", 1),
        ("Hülle für Telefon", 1),
        ("(new) Phone", 2),
        ("Wi-Fi router", 3),
        ("Router - white", 1),
        ("Forward lamp", 2),
    ],
)
def test_a_head_ends_where_what_a_product_goes_with_begins(
    tmp_path: Path, title: str, head: int
) -> None:
    found = written(tmp_path / "f", {0: Product("1", title)}, None)
    assert found.of(np.array([0])).head.tolist() == [head]


def test_after_any_changes_it_is_what_a_new_one_would_be(tmp_path: Path) -> None:
    generator = random.Random(4)  # noqa: S311 - no secret
    live: dict[int, Product] = {}
    index = None
    for step in range(30):
        changed = {
            generator.randrange(40): Product("p", " ".join(generator.choices(WORDS, k=5)))
            for _ in range(generator.choice([0, 1, 3, 30]))
        }
        gone = [row for row in live if row not in changed and generator.random() < 0.1]
        index = written(tmp_path / str(step), changed, index, *gone)
        live = {row: each for row, each in {**live, **changed}.items() if row not in gone}
        fresh = written(tmp_path / f"fresh{step}", live, None)
        rows = np.array(sorted(live), np.int64)
        for name in ("title", "head", "category", "brand"):
            assert np.array_equal(getattr(index.of(rows), name), getattr(fresh.of(rows), name))
        assert len(index.terms) <= 2 * len(fresh.terms) + 5 * len(changed) + 1


def test_where_no_text_changed_the_file_is_shared(tmp_path: Path) -> None:
    index = written(tmp_path / "a", {0: Product("1", "Mouse"), 1: Product("2", "Lamp")}, None)
    later = written(tmp_path / "b", {}, index, 1)
    assert (tmp_path / "a" / module._TERMS).samefile(tmp_path / "b" / module._TERMS)
    assert later.of(np.array([0, 1])).title.tolist() == [digests("mous"), [0]]


def test_a_file_that_is_cut_short_is_not_opened(tmp_path: Path) -> None:
    written(tmp_path / "a", {0: Product("1", "Mouse pad")}, None)
    (tmp_path / "a" / module._TERMS).write_bytes(b"1234")
    with pytest.raises(ValueError, match="cut short"):
        ForwardIndex(tmp_path / "a")

"""The product's fields are listed once; whoever needs them reads the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import dsv3
import pytest
from dsv3 import Product
from dsv3.eval.catalog import CatalogTexts
from dsv3.indexer.known_fields import (
    ATTRIBUTES,
    CONVENTIONS,
    FIELD_NAMES,
    KEYWORD_WEIGHTS,
    KNOWN_FIELDS,
    LANGUAGES,
    OWN,
)
from dsv3.indexer.lexical.index import LexicalDocument

PACKAGE = Path(dsv3.__file__).parent
TABLE = PACKAGE / "indexer" / "known_fields.py"
PLATFORMS_TABLE = PACKAGE / "indexer" / "sources" / "platforms.py"  # keys are fields, by nature
FLOORS = ("cli", "encoder", "eval", "indexer", "retriever")
MOST_NAMES = 2  # so many fields may stand together without being a list of them
FOLDED = {name.replace("_", "") for name in FIELD_NAMES} | set(FIELD_NAMES)


def listed(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield the line and the field names of each literal that names fields."""
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                texts = [part.value for part in parts if isinstance(part, ast.Constant)]
            case ast.Dict(keys=parts):
                texts = [part.value for part in parts if isinstance(part, ast.Constant)]
            case ast.Constant(value=str(text)) if "SELECT" in text or "INSERT" in text:
                texts = list(text.replace(",", " ").split())
            case _:
                continue
        yield getattr(node, "lineno", 0), FOLDED & {text for text in texts if isinstance(text, str)}


def many(source: str) -> list[int]:
    return [line for line, names in listed(ast.parse(source)) if len(names) > MOST_NAMES]


def test_nothing_beside_the_table_lists_the_fields() -> None:
    files = [path for floor in FLOORS for path in sorted((PACKAGE / floor).rglob("*.py"))]
    assert TABLE in files
    found = {
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in files
        if path not in (TABLE, PLATFORMS_TABLE)
        for line in many(path.read_text())
    }
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "FIELDS = ('title', 'brand', 'price')",
        "KINDS = {'title': 1, 'in_stock': 2, 'image_url': 3}",
        "QUERY = 'SELECT row, title, brand, url FROM products'",
    ],
)
def test_another_list_would_be_seen(source: str) -> None:
    assert many(source) == [1]


def test_the_table_is_that_of_products() -> None:
    of = {each.name: each for each in fields(Product)}
    assert [*FIELD_NAMES, ATTRIBUTES] == list(of)
    for known in KNOWN_FIELDS:
        assert known.optional == ("None" in str(of[known.name].type)), known.name
        assert known.several == str(of[known.name].type).startswith("tuple"), known.name


def test_each_field_is_known_by_its_own_name_and_once_in_a_convention() -> None:
    for known in KNOWN_FIELDS:
        assert known.names(OWN) == [known.name.replace("_", "")]
        assert set(known.aliases) <= {*CONVENTIONS, *LANGUAGES}
        for convention in (*CONVENTIONS, *LANGUAGES):
            names = known.names(convention)
            assert len(names) == len(set(names)), known.name


def test_evaluation_reads_what_keyword_search_reads() -> None:
    product = Product(
        "p1",
        "Steel kettle",
        "Boils water.",
        "Tarnwell",
        "Kitchen > Kettles",
        codes=("TN-2110",),
        attributes={"colour": ("red", "blue"), "cordless": True, "litres": 1.7},
    )
    catalog = CatalogTexts([product], "none")
    document = LexicalDocument.of(0, product)
    assert list(document.texts) == list(KEYWORD_WEIGHTS)
    for name, text in document.texts.items():
        assert catalog.words[name] == [catalog.analysis.analyzer.analyze(text)]
    assert catalog.words[ATTRIBUTES] == [["red", "blue", "cordless"]]
    assert catalog.words["codes"] == [["tn", "2110"]]

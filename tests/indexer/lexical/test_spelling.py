"""Misspelt words are put right by the words that products have."""

from __future__ import annotations

import pytest
from dsv3 import Product
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.lexical.index import LexicalDocument, LexicalIndex, LexicalWriter
from dsv3.indexer.lexical.spelling import nearest_term, slips_between
from dsv3.indexer.settings import DEFAULT_BOOSTS
from hypothesis import given
from hypothesis import strategies as st

TITLES = [
    "Wireless mouse",
    "Wired mouse",
    "Bluetooth headphones",
    "Laser printer",
    "Laser pointer",
    "Keyboard, TN-2110 compatible",
    "Laser printer, large",
]
WORDS = st.text("abc", max_size=6)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    folder = tmp_path_factory.mktemp("spelling") / "lexical"
    products = [Product(f"p{n}", title) for n, title in enumerate(TITLES)]
    with LexicalWriter(folder, Analysis()) as writer:
        for row, product in enumerate(products):
            writer.add(LexicalDocument.of(row, product))
        writer.finish()
    return LexicalIndex(folder, Analysis())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wireles mouse", "wireless mouse"),
        ("hedphones", "headphones"),
        ("Laser pritner!", "Laser printer!"),
        ("keybord", "keyboard"),
        ("mose", "mose"),  # too short to tell
        ("TN-2119", "TN-2119"),
        ("printers", "printers"),
        ("zeppelin", "zeppelin"),
        ("", ""),
    ],
)
def test_words_are_put_right(index: LexicalIndex, typed: str, meant: str) -> None:
    assert index.respelled(typed) == meant


def test_an_unfinished_word_is_left_alone(index: LexicalIndex) -> None:
    assert index.respelled("wireles keybo", prefix=True) == "wireless keybo"
    found = index.search("wireles mous", 9, DEFAULT_BOOSTS, prefix=True)
    assert found.rows.tolist()[0] == 0


def test_what_was_meant_is_found_and_ranked_as_if_it_were_typed(index: LexicalIndex) -> None:
    meant = index.search("laser printer", 9, DEFAULT_BOOSTS)
    typed = index.search("laser pritner", 9, DEFAULT_BOOSTS)
    assert typed.rows.tolist() == meant.rows.tolist()
    assert typed.scores.tolist() == meant.scores.tolist()
    assert index.count_matching("laser pritner", DEFAULT_BOOSTS) == 2


def test_the_end_of_a_long_text_is_kept(index: LexicalIndex) -> None:
    text = "wireles " * 2000
    assert index.respelled(text).startswith("wireless wireless ")
    assert index.respelled(text).endswith("wireles ")


def test_of_equally_near_words_the_most_frequent_is_taken() -> None:
    assert nearest_term("pritner", "pritner", [("printer", 3), ("prigner", 2)]) == "printer"
    assert nearest_term("abcde", "abcde", [("abcdf", 1), ("abcdg", 2)]) == "abcdg"
    assert nearest_term("abcde", "abcde", [("vwxyz", 9)]) is None


@given(a=WORDS, b=WORDS)
def test_slips_are_a_symmetric_distance(a: str, b: str) -> None:
    slips = slips_between(a, b, 9)
    assert slips == slips_between(b, a, 9)
    assert (slips == 0) == (a == b)
    assert abs(len(a) - len(b)) <= slips <= max(len(a), len(b))
    for forgiven in range(3):
        assert (slips_between(a, b, forgiven) <= forgiven) == (slips <= forgiven)


@pytest.mark.parametrize(
    ("a", "b", "slips"),
    [("ab", "ba", 1), ("abc", "ac", 1), ("ac", "abc", 1), ("kitten", "sitting", 3)],
)
def test_slips_are_counted(a: str, b: str, slips: int) -> None:
    assert slips_between(a, b, 9) == slips

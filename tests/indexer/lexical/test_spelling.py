"""Misspelt words are put right by the words that products have."""

from __future__ import annotations

import pytest
from dsv3 import Product
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.lexical.index import LexicalDocument, LexicalIndex, LexicalWriter
from dsv3.indexer.lexical.spelling import nearest_word
from dsv3.indexer.settings import DEFAULT_BOOSTS

TITLES = [
    "Wireless mouse",
    "Wired mouse",
    "Bluetooth headphones",
    "Laser printer",
    "Laser pointer",
    "Keyboard, TN-2110 compatible",
    "Laser printer, large",
    "Wool socks, 3 pairs",
    "Glass bottles",
    "Jacket",
    "Dress",
    "Brass lamp GBXRED",
    "Window insert",
]


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
        ("sokcs", "socks"),
        ("scoks", "socks"),
        ("soxks", "socks"),
        ("jaket", "jacket"),
        ("jackeet", "jacket"),
        ("bottel", "bottles"),
        ("botle", "bottles"),
        ("dres", "dress"),
        ("lmap", "lamp"),
        ("lamb", "lamb"),
        ("insects", "insects"),  # another word rather than a slip
        ("gbxred", "gbxred"),
        ("TN-2119", "TN-2119"),
        ("printers", "printers"),
        ("zeppelin", "zeppelin"),
        ("", ""),
    ],
)
def test_words_are_put_right(index: LexicalIndex, typed: str, meant: str) -> None:
    assert index.spelling_corrected(typed) == meant


def test_an_unfinished_word_is_left_alone(index: LexicalIndex) -> None:
    assert index.spelling_corrected("wireles keybo", prefix=True) == "wireless keybo"
    text = index.spelling_corrected("wireles mous", prefix=True)
    found = index.search(index.read(text, DEFAULT_BOOSTS, prefix=True), 9)
    assert found.rows.tolist()[0] == 0


def test_what_was_meant_is_found_and_ranked_as_if_it_were_typed(index: LexicalIndex) -> None:
    query = index.read(index.spelling_corrected("laser pritner"), DEFAULT_BOOSTS)
    meant = index.search(index.read("laser printer", DEFAULT_BOOSTS), 9)
    typed = index.search(query, 9)
    assert typed.rows.tolist() == meant.rows.tolist()
    assert typed.scores.tolist() == meant.scores.tolist()
    assert index.matching_among(query, typed.rows)[1] == 2


def test_the_end_of_a_long_text_is_kept(index: LexicalIndex) -> None:
    text = "wireles " * 2000
    assert index.spelling_corrected(text).startswith("wireless wireless ")
    assert index.spelling_corrected(text).endswith("wireles ")


def test_of_equally_near_words_the_most_frequent_is_taken() -> None:
    assert nearest_word("pritner", "", [("printer", 3), ("prigner", 2)]) == "printer"
    assert nearest_word("barnd", "", [("brand", 3), ("barns", 2)]) == "brand"
    assert nearest_word("balls", "", [("bills", 1), ("bells", 2)]) == "bells"
    assert nearest_word("abcde", "", [("vwxyz", 9)]) is None


def test_a_slip_is_likelier_than_another_letter_unless_much_rarer() -> None:
    assert nearest_word("keybiard", "", [("keybxard", 3), ("keyboard", 2)]) == "keyboard"
    assert nearest_word("keybiard", "", [("keybxard", 300), ("keyboard", 2)]) == "keybxard"


def test_an_index_that_kept_no_words_is_corrected_by_terms(
    index: LexicalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index._queries, "_has_words", False)
    index._correct.cache_clear()
    index._nearest.cache_clear()
    assert index.spelling_corrected("pritner") == "printer"
    assert index.known_marks("c++") == ()
    index._correct.cache_clear()
    index._nearest.cache_clear()

"""Words run together and taken apart, compounds and codes, by what a shop's products say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from dsv3 import Product
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.lexical.index import LexicalDocument, LexicalIndex, LexicalWriter


def index_of(folder: Path, products: Sequence[Product], language: str = "english") -> LexicalIndex:
    with LexicalWriter(folder, Analysis(language)) as writer:
        for row, product in enumerate(products):
            writer.add(LexicalDocument.of(row, product))
        writer.finish()
    return LexicalIndex(folder, Analysis(language))


def titled(*titles: str) -> list[Product]:
    return [Product(f"p{place}", title) for place, title in enumerate(titles)]


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    products = titled(
        "Garden hose, 20 m", "Rain coat for dogs", "Rain coat", "T-shirt, white", "Bookshelf, pine",
        "Carpet, wool", "Carpet, round", "Seat cover, car pet", "Orbit 12 phone", "Carry on bag",
        *["Toothbrush"] * 6,
    )  # fmt: skip
    return index_of(tmp_path_factory.mktemp("words") / "lexical", products)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("raincoat", "rain coat"),
        ("gardenhose 20 m", "garden hose 20 m"),
        ("tshirt", "t shirt"),
        ("orbit12", "orbit 12"),
        ("carryon", "carry on"),
        ("carpet", "carpet"),
        ("toothbursh", "toothbursh"),
        ("raincoats", "rain coats"),
        ("hosegarden", "hose garden"),  # in no product side by side, and near to no word
        ("asdfqwer", "asdfqwer"),
        ("rubberhose", "rubberhose"),
        ("", ""),
    ],
)
def test_a_word_no_product_has_is_taken_apart(english: LexicalIndex, typed: str, read: str) -> None:
    assert english.split_apart(typed) == read


def test_an_unfinished_word_is_not_taken_apart(english: LexicalIndex) -> None:
    assert english.split_apart("blue raincoat", prefix=True) == "blue raincoat"


def test_pairs_that_products_write_as_one_are_found(english: LexicalIndex) -> None:
    [pair] = english.joined("pine book shelf")
    assert (pair.typed, pair.term, pair.count, pair.apart) == (("book", "shelf"), "bookshelf", 1, 0)
    [pair] = english.joined("tooth brush")
    assert pair.count == 6
    assert english.joined("rain coat") == []


GERMAN = titled(
    "Pfanne 28 cm", "Bratpfanne, Guss", "Grillpfannen, 2 Stück", "Pfannenwender", "Kochlöffel",
    "Klein, aber fein", "Hundeleine", "Monitor 24 Zoll", "Gartentor", "Garten, Bank", "Praktisch",
    "Akkubohrer", "Couchtisch", "Couch", "Bohrmaschine", "Pfeffermühle",
)  # fmt: skip


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    return index_of(tmp_path_factory.mktemp("words") / "lexical", GERMAN, "german")


def compounds(index: LexicalIndex, text: str) -> set[str]:
    return {
        compound for word, term, _ in index.spoken(text) for compound in index.compounds(word, term)
    }


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Pfanne", {"bratpfann", "grillpfann"}),
        ("Pfannen", {"bratpfann", "grillpfann"}),
        ("Löffel", {"kochloffel"}),
        ("Leine", {"hundelein"}),
        ("Tor", {"gartentor"}),  # and no monitor
        ("Tisch", {"couchtisch"}),  # and nothing practical
        ("Bohre", set()),  # which is no word for what is said as "-bohrer"
        ("Maschine", {"bohrmaschin"}),
        ("28", set()),
    ],
)
def test_compounds_end_in_the_word(german: LexicalIndex, typed: str, found: set[str]) -> None:
    assert compounds(german, typed) == found


@pytest.mark.parametrize(
    ("language", "titles", "typed", "found"),
    [
        ("dutch", ["Laptoptas", "Laptop", "Ritas huis", "Fietshelm"], "tas", {"laptoptas"}),
        ("dutch", ["Wandelschoenen"], "schoenen", {"wandelschoen"}),
        ("dutch", ["Bierflessen", "Waterfles"], "flessen", {"bierfles", "waterfl"}),
        ("danish", ["Elcykel", "Omcykel"], "cykel", {"elcykel"}),
        ("german", ["Armbanduhr", "Spur", "Waschbar"], "Uhr", {"armbanduhr"}),
        ("german", ["Faltbar", "Hausbar", "Haus"], "Bar", {"hausbar"}),
        ("german", ["Optisch", "Elastisch", "Esstisch", "Kosmetisch"], "Tisch", {"esstisch"}),
        ("swedish", ["Löparskor", "Barstolar"], "skor", {"loparsk"}),
        ("swedish", ["Löparskor", "Barstolar"], "stol", {"barstol"}),
        ("danish", ["Computertaske"], "tasker", {"computertask"}),
        ("norwegian", ["Joggesko", "Jogge"], "sko", {"joggesko"}),
        ("finnish", ["Juoksukengät"], "kengät", {"juoksukeng"}),
        ("english", ["Toothbrush"], "brush", set()),
    ],
)
def test_compounds_of_languages_that_write_them_as_one(
    tmp_path: Path, language: str, titles: list[str], typed: str, found: set[str]
) -> None:
    index = index_of(tmp_path / "lexical", titled(*titles), language)
    assert compounds(index, typed) == found


def test_a_word_that_only_compounds_end_in_is_not_misspelt(german: LexicalIndex) -> None:
    assert german.spelling_corrected("Löffel") == "Löffel"
    assert german.spelling_corrected("Muehle") == "Muehle"
    assert compounds(german, "Muehle") == compounds(german, "Mühle") == {"pfeffermuhl"}


def test_umlauts_may_be_written_with_two_letters(tmp_path: Path) -> None:
    danish = index_of(tmp_path / "lexical", titled("Løbesko", "Børnesko"), "danish")
    assert danish.spelling_corrected("loebesko") == "lobesko"


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    products = [
        Product("KX-77-BLACK", "Pump housing"),
        Product("KX-77-RED", "Pump insert"),
        Product("c1", "Ink, Wexlar", codes=("WX-310",)),
        Product("c2", "Ink, other, replaces WX 310", codes=("OT-310",)),
        Product("1606", "Batteries, pack of 8", codes=("4006381333931",)),
        *(Product(f"USB3-{place}", "Cable usb3") for place in range(40)),
        Product("HD4000", "Camera"),
        *(Product(f"q{place}", "Laptop with hd4000 graphics") for place in range(9)),
    ]
    return index_of(tmp_path_factory.mktemp("words") / "lexical", products)


@pytest.mark.parametrize(
    ("typed", "begun"),
    [
        ("KX-77", {"kx77black", "kx77red"}),
        ("kx77r", {"kx77red"}),
        ("wx 31", {"wx310"}),
        ("400638133", {"4006381333931"}),
        ("usb3", set()),  # begins too many
        ("16", set()),
        ("160", set()),
        ("pump", set()),
        ("KX-77-RED", set()),
        ("", set()),
    ],
)
def test_a_code_is_found_by_its_beginning(coded: LexicalIndex, typed: str, begun: set[str]) -> None:
    assert set(coded.codes_beginning(typed)) == begun


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("wexlar wx 310 ink", {"wx310"}),
        ("wexlar wx-310 ink", {"wx310"}),
        ("ink wexlar wx310", {"wx310"}),
        ("pump kx-77-r", {"kx77red"}),
        ("battery 4006381333931", {"4006381333931"}),
        ("ink for wx 310", set()),  # what goes with it is meant
        ("laptop hd4000", set()),  # what many products have
        ("pack of 1606", set()),
        ("ink wexlar", set()),
        ("wx-310", set()),  # the whole of a query is no part of a longer one
    ],
)
def test_words_of_a_longer_query_make_a_code(
    coded: LexicalIndex, typed: str, made: set[str]
) -> None:
    assert set(coded.codes_in(typed)) == made
    assert coded.rows_of_codes(tuple(made)).tolist() == sorted(
        row for code in made for row in coded.rows_of_codes((code,)).tolist()
    )

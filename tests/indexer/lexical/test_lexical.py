from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from dsv3 import Product
from dsv3.errors import InputError
from dsv3.indexer.lexical import index as lexical_index
from dsv3.indexer.lexical import query as lexical_query
from dsv3.indexer.lexical.analysis import LANGUAGES, Analysis, normalise_code
from dsv3.indexer.lexical.index import BoolArray, LexicalDocument, LexicalIndex, LexicalWriter
from dsv3.indexer.lexical.query import MOST_TOLD, Form
from dsv3.indexer.settings import DEFAULT_BOOSTS

PRODUCTS = [
    Product("a1", "Wireless mouse", brand="Tarnwell", codes=("TN-2110", "4006381333931")),
    Product("a2", "Mouse pad for a wireless mouse", brand="Ozmera"),
    Product("a3", "Wired keyboard", description="Works beside any wireless mouse"),
    Product("a4", "Toy mouse for cats", attributes={"material": "felt", "washable": True}),
    Product("a5", "Toner", description="Replaces TN-2110", codes=("X-9",)),
    Product("a6", "无线鼠标 Küchenmaschine"),
    Product("a7", "Mice, mice and more mice"),
]


def documents(products: list[Product]) -> list[LexicalDocument]:
    return [LexicalDocument.of(row, product) for row, product in enumerate(products)]


def write_lexical(
    folder: Path,
    documents: Iterable[LexicalDocument],
    analysis: Analysis,
    *,
    previous: Path | None = None,
    removed: Iterable[int] = (),
) -> None:
    with LexicalWriter(folder, analysis, previous=previous) as writer:
        for row in removed:
            writer.remove(row)
        for document in documents:
            writer.add(document)
        writer.finish()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lexical") / "index"
    write_lexical(made, documents(PRODUCTS), Analysis())
    return made


@pytest.fixture(scope="module")
def index(folder: Path) -> LexicalIndex:
    return LexicalIndex(folder, Analysis())


def found(
    index: LexicalIndex,
    text: str,
    *,
    rows: BoolArray | None = None,
    prefix: bool = False,
) -> list[int]:
    query = index.read(text, DEFAULT_BOOSTS, prefix=prefix)
    best: list[int] = index.search(query, 10, rows=rows).rows.tolist()
    return best


def matching(index: LexicalIndex, text: str) -> list[int]:
    rows: list[int] = index.matching(index.read(text, DEFAULT_BOOSTS)).rows.tolist()
    return rows


def test_finds_any_term_best_first(index: LexicalIndex) -> None:
    rows = found(index, "wireless mouse")
    assert rows[0] == 0
    assert set(rows) == {0, 1, 2, 3}


def test_matches_the_text_as_a_whole(index: LexicalIndex) -> None:
    assert set(matching(index, "wireless mouse")) == {0, 1, 2}
    some = matching(index, "wireless mouse for the keyboard")
    assert some[0] == 2
    assert set(some) == {0, 1, 2}
    assert matching(index, "wireless optical keyboard tray") == []
    assert matching(index, "") == []


@pytest.mark.parametrize(
    "text", ["wireless mouse", "mouse", "wireless mouse for the keyboard", "tn-2110 toner", ""]
)
@pytest.mark.parametrize("among", [[1, 3], [0, 1, 2, 3, 4, 5, 6], [5], []])
@pytest.mark.parametrize("most_listed", [-1, 5000])
def test_matches_among_candidates_are_counted_in_one_pass(
    index: LexicalIndex,
    text: str,
    among: list[int],
    most_listed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexical_index, "_MOST_LISTED", most_listed)
    every = set(matching(index, text))
    query = index.read(text, DEFAULT_BOOSTS)
    rows, total = index.matching_among(query, np.array(among, np.int64))
    assert set(rows.tolist()) == every & set(among)
    assert total == len(every) <= query.most_matching
    assert len(found(index, text)) <= query.most_ranked


@pytest.mark.parametrize("prefix", [False, True])
def test_an_unfinished_word_bounds_no_number_of_matches(index: LexicalIndex, prefix: bool) -> None:
    query = index.read("m", DEFAULT_BOOSTS, prefix=prefix)
    assert len(index.matching(query)) == (5 if prefix else 0)
    assert query.most_matching == (len(index) if prefix else 0)


@pytest.mark.parametrize("rows", [[2], [1, 2], list(range(7)), []])
@pytest.mark.parametrize("most_listed", [-1, 5000])
def test_a_filter_is_exact(
    index: LexicalIndex, rows: list[int], most_listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical_index, "_MOST_LISTED", most_listed)
    mask = np.zeros(7, np.bool_)
    mask[rows] = True
    every = found(index, "wireless mouse")
    assert found(index, "wireless mouse", rows=mask) == [row for row in every if row in rows]


def test_a_wide_filter_is_widened_until_it_is_exact(tmp_path: Path) -> None:
    products = [Product(f"p{n}", f"mouse {'grey ' * (n % 7)}") for n in range(5000)]
    write_lexical(tmp_path / "index", documents(products), Analysis())
    index = LexicalIndex(tmp_path / "index", Analysis())
    query = index.read("grey mouse", DEFAULT_BOOSTS)
    every = index.search(query, 5000)
    mask = np.zeros(5000, np.bool_)
    mask[every.rows[-2500:]] = True  # only the worst half passes
    best = index.search(query, 20, rows=mask)
    expected = every.scores[-2500:][:20]
    assert np.allclose(best.scores, expected)
    assert mask[best.rows].all()


@pytest.mark.parametrize("code", ["TN-2110", "tn2110", "4006381333931", "A1", " tn 2110 "])
def test_finds_a_code_however_it_is_written(index: LexicalIndex, code: str) -> None:
    assert index.find_code(code).tolist() == [0]


@pytest.mark.parametrize("code", ["882780756328", "0882780756328", "00882780756328"])
def test_a_gtin_is_found_with_and_without_zeros_before_it(tmp_path: Path, code: str) -> None:
    for number, stored in enumerate(("882780756328", "0882780756328", "00882780756328")):
        folder = tmp_path / str(number)
        documents = [LexicalDocument.of(0, Product("a1", "Toner", codes=(stored,)))]
        write_lexical(folder, documents, Analysis())
        assert LexicalIndex(folder, Analysis()).find_code(code).tolist() == [0]


def test_a_code_within_words_leads(index: LexicalIndex) -> None:
    assert found(index, "toner tn-2110 please")[0] in (0, 4)
    assert 0 in found(index, "tn2110 toner")


def test_corrects_a_misspelled_term(index: LexicalIndex) -> None:
    assert found(index, index.spelling_corrected("keybord")) == [2]
    assert set(found(index, "wirelss mouse")) >= {0, 1}


def test_an_unfinished_word_matches_by_prefix(index: LexicalIndex) -> None:
    assert found(index, "keyb", prefix=True) == [2]
    assert 0 in found(index, "wireless mou", prefix=True)


def test_folds_accents_and_reads_scripts_without_spaces(index: LexicalIndex) -> None:
    assert found(index, "kuchenmaschine") == [5]
    assert found(index, "鼠标") == [5]


def test_a_true_attribute_is_found_by_its_name(index: LexicalIndex) -> None:
    assert found(index, "washable") == [3]


@pytest.mark.parametrize("text", ["", "   ", "!!!", "😀", "\x00", "a" * 10_000, '( OR AND " : *'])
def test_odd_text_never_fails(index: LexicalIndex, text: str) -> None:
    found(index, text)
    matching(index, text)
    index.find_code(text)


def test_an_update_equals_a_rewrite(folder: Path, tmp_path: Path) -> None:
    changed = [LexicalDocument.of(1, Product("a2", "Lamp")), LexicalDocument.of(9, PRODUCTS[0])]
    write_lexical(tmp_path / "new", changed, Analysis(), previous=folder, removed=[0, 3])
    index = LexicalIndex(tmp_path / "new", Analysis())
    assert len(index) == 6
    assert found(index, "lamp") == [1]
    assert set(found(index, "wireless mouse")) == {9, 2}
    assert index.find_code("TN-2110").tolist() == [9]
    before = LexicalIndex(folder, Analysis())
    assert set(found(before, "wireless mouse")) == {0, 1, 2, 3}


def test_every_language_stems_or_says_so() -> None:
    for language in LANGUAGES:
        assert Analysis(language).terms("products 2110")
    assert Analysis("english").terms("the mice of cats") == ["mice", "cat"]
    assert Analysis("english").terms("the of") == ["the", "of"]
    assert Analysis("none").terms("Running SHOES") == ["running", "shoes"]
    with pytest.raises(InputError, match="klingon"):
        Analysis("klingon")


def test_chinese_is_cut_into_words() -> None:
    assert "鼠标" in Analysis("chinese").terms("无线鼠标")


def test_codes_are_compared_by_letters_and_digits() -> None:
    assert normalise_code(" TN-2110/B ") == "tn2110b"


def test_a_word_weighs_most_where_it_is_common_not_where_it_stands_by_chance(
    tmp_path: Path,
) -> None:
    products = [Product(f"k{n}", f"Knife {n}") for n in range(12)]
    products.append(Product("b", "Bicycle", description="rides over any road, folds like a knife"))
    products += [Product(f"o{n}", f"Thing {n}", description="good for you") for n in range(40)]
    documents = [LexicalDocument.of(row, product) for row, product in enumerate(products)]
    write_lexical(tmp_path / "lexical", documents, Analysis())
    index = LexicalIndex(tmp_path / "lexical", Analysis())
    found = index.search(index.read("knife", DEFAULT_BOOSTS), 20)
    assert found.rows.tolist()[-1] == 12


def test_of_many_ways_to_say_something_those_are_told_that_products_use(tmp_path: Path) -> None:
    ways = [("soap", f"scent{number}") for number in range(3 * MOST_TOLD)]
    used = [ways[place] for place in (0, MOST_TOLD - 1, MOST_TOLD, 2 * MOST_TOLD + 5)]
    titles = [*(" ".join(way) for way in used), "Soap of all", " ".join(used[0] + used[1])]
    others = [f"Scent{number} beside soap" for number in range(3 * MOST_TOLD)]
    products = [Product(title, title) for title in (*titles, *others)]
    write_lexical(tmp_path / "index", documents(products), Analysis("none"))
    index = LexicalIndex(tmp_path / "index", Analysis("none"))
    forms, rows = index.said((*ways, ways[0], ("soap", "unheard"), ()))
    assert [form.terms for form in forms] == used
    assert rows.tolist() == [0, 1, 2, 3, 5]
    assert rows.tolist() == index.having(forms).tolist()
    assert index.said((("unheard",),))[0] == ()


def test_rows_one_by_one_and_as_a_set_are_the_same(
    index: LexicalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, form = index.read("wireless mouse", DEFAULT_BOOSTS), Form(("wireless", "mous"))
    for rows in (np.array([5, 2, 0]), np.array([6]), np.array([], np.int64)):
        told = []
        for most in (0, 1, 400):
            monkeypatch.setattr(lexical_query, "_MOST_ONE_BY_ONE", most)
            for listed in (0, 400):
                monkeypatch.setattr(lexical_index, "_LISTED_PER_ROW", listed)
                scored = index.scores(query, rows)
                having = index.having([form], among=rows).tolist()
                told.append((scored.rows.tolist(), scored.scores.tolist(), having))
        assert all(each == told[0] for each in told)
        assert told[0][2] == [row for row in (0, 2) if row in rows]

"""What people write into a shop's `rules.toml`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from dsv3 import ECommRetriever, Product
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.settings import Ranking
from dsv3.retriever import serving
from dsv3.retriever.query import Mode
from dsv3.retriever.rules.file import load_rules
from dsv3.retriever.rules.matching import fits, plain
from dsv3.retriever.rules.read import read_rules
from dsv3.retriever.understanding.understand import understand
from starlette.testclient import TestClient

MODES: list[Mode] = ["hybrid", "dense", "lexical"]
Runner = Callable[..., CompletedProcess[str]]
Opened = Callable[[str], ECommRetriever]

KETTLES = [
    {"id": f"K{n}", "title": f"Kettle {litres} litre steel", "brand": brand, "price": 20 + n}
    for n, (litres, brand) in enumerate(
        [("1", "Arden"), ("1.5", "Arden"), ("2", "Bolt"), ("0.5", "Bolt"), ("3", "Corva")], 1
    )
]
OTHERS = [
    {"id": "T1", "title": "Teapot of glass", "brand": "Arden", "price": 18},
    {"id": "T2", "title": "Tea strainer", "brand": "Corva", "price": 4},
    {"id": "M1", "title": "Mug blue", "brand": "Corva", "price": 6, "group_id": "mug"},
    {"id": "M2", "title": "Mug red", "brand": "Corva", "price": 6, "group_id": "mug"},
    {"id": "M3", "title": "Mug of enamel", "brand": "Bolt", "price": 9},
    {"id": "C-100/a", "title": "Coffee grinder", "brand": "Bolt", "price": 55},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rules")
    source = made / "kitchen.jsonl"
    source.write_text("\n".join(json.dumps(record) for record in KETTLES + OTHERS))
    index_shop(made / "shop.dsv3", Reading([str(source)]), changes={"encoder": "hashing"})
    return made / "shop.dsv3"


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(folder) as opened:
        yield opened


@pytest.fixture
def ruled(folder: Path, shop: ECommRetriever) -> Iterator[Opened]:
    """Return a function that writes rules into the open shop; they go afterwards."""

    def write(rules: str) -> ECommRetriever:
        _write(folder, rules)
        return shop

    yield write
    (folder / "rules.toml").unlink(missing_ok=True)


def _write(folder: Path, rules: str) -> None:
    """Write rules so that their time is another one, however coarse the file system's clock."""
    path = folder / "rules.toml"
    path.write_text(rules)
    stamp = time.time_ns()
    _write.last = max(stamp, getattr(_write, "last", 0) + 1_000_000)  # type: ignore[attr-defined]
    os.utime(path, ns=(stamp, _write.last))  # type: ignore[attr-defined]


def _ids(shop: ECommRetriever, query: str, k: int = 50, **options: Any) -> list[str]:
    return [hit.product_id for hit in shop.retrieve(query, k, **options)]


# -- what is done --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_pins_stand_where_they_are_wanted(ruled: Opened, shop: ECommRetriever, mode: Mode) -> None:
    before = _ids(shop, "kettle", mode=mode)
    ruled('[[rule]]\nquery = "kettle"\npin = { 1 = "K5", 3 = "T2", 90 = "C-100/a" }')
    after = _ids(shop, "kettle", mode=mode)
    assert (after[0], after[2], after[-1]) == ("K5", "T2", "C-100/a")
    rest = [each for each in before if each not in ("K5", "T2", "C-100/a")]
    assert [each for each in after if each not in ("K5", "T2", "C-100/a")] == rest
    assert shop.retrieve("kettle", 1, mode=mode).total == len(after)
    pages = [
        p for at in range(0, len(after), 2) for p in _ids(shop, "kettle", 2, offset=at, mode=mode)
    ]
    assert pages == after


def test_pins_in_a_list_come_first_and_count(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "kettle"\npin = ["M3", "K2", "gone"]')
    found = shop.retrieve("kettle", 50, facets=["brand"], mode="lexical", explain=True)
    assert [hit.product_id for hit in found][:2] == ["M3", "K2"]
    assert found.total == len(found) == 6  # a mug that is no kettle
    assert sum(value.count for value in found.facets["brand"]) == 6
    assert found.hits[0].explanation is not None
    assert found.hits[0].explanation.rules == ("pinned by line 1",)
    assert found.plan["rules"] == "line 1: 2 pinned"


def test_pins_obey_the_filter_and_an_order(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "kettle"\npin = ["M3", "K5"]')
    assert _ids(shop, "kettle", where="price > 20", mode="lexical")[0] == "K5"
    assert "M3" not in _ids(shop, "kettle", where="price > 20", mode="lexical")
    priced = _ids(shop, "kettle", sort="price", mode="lexical")
    assert priced == ["M3", "K1", "K2", "K3", "K4", "K5"]
    plan = shop.retrieve("kettle", sort="price", explain=True).plan
    assert plan["rules"] == "line 1: 2 pinned; not pinned or moved under sort"


@pytest.mark.parametrize("mode", MODES)
def test_what_is_hidden_is_not_there(ruled: Opened, shop: ECommRetriever, mode: Mode) -> None:
    ruled('[[rule]]\nhide = "brand = \'Bolt\'"\n[[rule]]\nquery = "kettle"\nhide = ["K1"]')
    found = shop.retrieve("kettle", 50, mode=mode, facets=["brand"])
    ids = {hit.product_id for hit in found}
    assert not ids & {"K1", "K3", "K4", "M3", "C-100/a"}
    assert found.total == len(ids)
    assert "Bolt" not in {value.value for value in found.facets["brand"]}
    assert "K1" in _ids(shop, "steel", mode=mode)
    assert "K3" not in _ids(shop, "K3", mode=mode)
    assert "K3" not in _ids(shop, "kettle", where="price > 20", mode=mode)
    assert len(_ids(shop, "", mode=mode)) == shop.retrieve("", mode=mode).total == 7 - 1


def test_a_rule_that_hides_wins_over_one_that_pins(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "mug"\npin = ["K1"]\n[[rule]]\nhide = ["K1"]')
    assert "K1" not in _ids(shop, "mug")


def test_boosts_and_burials_move_products(ruled: Opened, shop: ECommRetriever) -> None:
    before = _ids(shop, "steel kettle", mode="lexical")
    last = before[-1]
    ruled(f'[[rule]]\nquery = "steel kettle"\nboost = ["{last}"]\nby = 100')
    assert _ids(shop, "steel kettle", mode="lexical") == [last, *before[:-1]]
    ruled(f'[[rule]]\nquery = "steel kettle"\nbury = ["{before[0]}"]')
    assert _ids(shop, "steel kettle", mode="lexical") == [*before[1:], before[0]]
    ruled(f'[[rule]]\nquery = "steel kettle"\nbury = ["{before[0]}"]\nby = 2.5')
    assert _ids(shop, "steel kettle", mode="lexical") == [*before[1:2], before[0], *before[2:]]
    ruled('[[rule]]\nname = "house"\nquery = "*kettle*"\nboost = "brand = \'Corva\'"\nby = 9')
    hits = shop.retrieve("steel kettle", explain=True, mode="lexical").hits
    assert hits[0].product_id == "K5"
    assert hits[0].explanation is not None
    assert hits[0].explanation.rules == ("boosted by line 1 (house)",)


def test_an_exact_code_stays_before_what_is_boosted(ruled: Opened) -> None:
    shop = ruled("[[rule]]\nboost = \"brand = 'Corva'\"\nby = 50")
    assert _ids(shop, "K2", 2)[0] == "K2"


def test_browsing_is_steered_too(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = ""\npin = ["T2"]\nbury = ["K1"]')
    listed = _ids(shop, "")
    assert (listed[0], listed[-1]) == ("T2", "K1")
    assert "K1" in _ids(shop, "kettle", 3)
    hit = shop.retrieve("", 1, explain=True).hits[0]
    assert hit.explanation is not None
    assert hit.explanation.rules


def test_a_pinned_variant_stands_for_its_group(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "mug"\npin = { 2 = "M2", 3 = "M1" }')
    hits = shop.retrieve("mug", mode="lexical").hits
    assert [(hit.product_id, hit.variants) for hit in hits] == [("M3", 1), ("M2", 2)]
    assert _ids(shop, "mug", mode="lexical", expand=True) == ["M3", "M2", "M1"]


def test_of_two_pins_for_a_place_the_later_goes_behind(ruled: Opened) -> None:
    one = '[[rule]]\nquery = "mug"\npin = ["K1", "K2"]\n'
    shop = ruled(one + '[[rule]]\nquery = "mug*"\npin = ["K3", "K1"]')
    assert _ids(shop, "mug")[:3] == ["K1", "K2", "K3"]


def test_many_at_once_are_each_steered(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "mug"\nhide = ["M3"]\n[[rule]]\nquery = "kettle"\npin = ["T1"]')
    queries = ["mug", "kettle", "tea", "mug"]
    pages = [[hit.product_id for hit in page] for page in shop.retrieve_many(queries)]
    assert pages == [_ids(shop, query, 10) for query in queries]
    assert "M3" not in pages[0]
    assert pages[1][0] == "T1"


def test_rules_are_left_out_by_name(ruled: Opened) -> None:
    shop = ruled('[[rule]]\nquery = "mug"\npin = ["K1"]\n[[synonyms]]\nboth = ["mug", "teapot"]')
    plain_ranking = Ranking(without=("rules",))
    assert _ids(shop, "mug", mode="lexical", ranking=plain_ranking)[0] != "K1"
    assert "T1" in _ids(shop, "mug", mode="lexical", ranking=plain_ranking)
    neither = Ranking(without=("rules", "synonyms"))
    assert "T1" not in _ids(shop, "mug", mode="lexical", ranking=neither)


# -- for which queries, and when -----------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "typed", "for_it"),
    [
        ("kettle", "  KETTLES ", True),
        ("kettle", "ketttle", True),
        ("steel kettle", "steel  kettle", True),
        ("kettle", "steel kettle", False),
        ("kettle*", "kettle of steel", True),
        ("* kettle", "steel kettle", True),
        ("* kettle", "kettle", False),
        ("*", "anything", True),
        ("k*l*e", "kettle", True),
        ("KETTLE", "ｋｅｔｔｌｅ", True),
        ("c++", "c++", True),
        ("mug", "kettle", False),
    ],
)
def test_which_queries_a_rule_is_for(ruled: Opened, written: str, typed: str, for_it: bool) -> None:
    shop = ruled(f'[[rule]]\nquery = ["nothing else", "{written}"]\npin = ["C-100/a"]')
    assert (_ids(shop, typed, 1) == ["C-100/a"]) == for_it


def test_a_pattern_takes_time_that_grows_with_the_text() -> None:
    assert not fits("*a" * 200 + "b", "a" * 20_000)
    assert fits("*a" * 200, "a" * 20_000)
    assert not fits("ab*ba", "aba")
    assert plain(" Ｔea \t POT") == "tea pot"


def test_dates_are_days_with_their_end(ruled: Opened) -> None:
    shop = ruled(
        '[[rule]]\nquery = "mug"\npin = ["K1"]\nfrom = 2031-03-01\nuntil = 2031-03-02\n'
        '[[rule]]\nquery = "mug"\npin = ["K2"]\nfrom = "2031-03-03T10:00:00Z"\n'
        '[[rule]]\nquery = "mug"\npin = ["K3"]\nuntil = "2031-02-28"\n'
    )

    def first(moment: str) -> str:
        return _ids(shop, "mug", 1, at=datetime.fromisoformat(moment).astimezone())[0]

    assert first("2031-02-28T23:59:59") == "K3"
    assert first("2031-03-01T00:00:00") == "K1"
    assert first("2031-03-02T23:59:59") == "K1"
    assert (
        first("2031-03-03T00:00:00") not in ("K1", "K2", "K3")
        or first("2031-03-03T00:00:00") == "K2"
    )
    assert first("2031-03-03T10:00:00+00:00") == "K2"
    assert first("2031-03-03T09:59:59+00:00") not in ("K1", "K2", "K3")


# -- synonyms ------------------------------------------------------------------------------


def test_synonyms_go_one_way_or_both(ruled: Opened) -> None:
    shop = ruled(
        '[[synonyms]]\nboth = ["mug", "coffee cup"]\n'
        '[[synonyms]]\nfrom = ["brewer", "hot pot"]\nto = ["teapot", "tea strainer"]\n'
    )

    def found(query: str) -> set[str]:
        return set(_ids(shop, query, mode="lexical", expand=True))

    assert found("coffee cup") >= {"M1", "M2", "M3"}
    assert found("hot pots") == found("brewer") == {"T1", "T2"}
    assert "T1" not in found("strainer")
    assert shop.retrieve("brewer", explain=True).plan["synonyms"] == (
        "brewer = teapot; brewer = tea strainer"
    )
    assert "spelling" not in shop.retrieve("brewer", explain=True).plan


def test_the_word_itself_comes_before_its_synonyms(ruled: Opened) -> None:
    shop = ruled('[[synonyms]]\nboth = ["kettle", "strainer"]')
    found = _ids(shop, "kettle", mode="lexical")
    assert found[-1] == "T2"
    assert len(found) == 6


def test_of_a_word_that_no_product_has_the_encoder_reads_the_synonym(ruled: Opened) -> None:
    shop = ruled('[[synonyms]]\nfrom = "Zisch (3)"\nto = "kettle"')
    snapshot, written = shop.snapshot(), shop.steering().synonyms
    assert understand("ZISCH (3) steel", snapshot, written=written).text == "kettle steel"
    assert understand("kettle steel", snapshot, written=written).text == "kettle steel"
    assert "K1" in _ids(shop, "zisch (3) steel", mode="lexical")


# -- the file ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]]\nquery = mug", "line 2: is no TOML, column 9: invalid value"),
        ("[[rule]]\nquery = \"mug", "line 2: is no TOML, at the file's end"),
        ('x = "', "line 1: is no TOML, at the file's end: unterminated string"),
        ("\n[[rules]]\nquery = 'a'", "line 2: there is nothing called 'rules', only [[synonyms]], "
         "[[rule]], [[expect]]; write [[rule]]"),
        ("[rule]\nquery = 'a'", "line 1: rule is written as a table of several: [[rule]]"),
        ("[[rule]]\nquery = 'a'\n\npinn = ['1']", "line 4: [[rule]] has no 'pinn'; nearest: pin"),
        ("[[rule]]\nquery = 'a'", "line 1: the rule does nothing"),
        ("[[rule]]\npin = ['1']", "line 2: pin needs a query"),
        ("[[rule]]\nquery = 'a'\npin = { 0 = '1' }", "line 3: a position is a whole number from 1"),
        ("[[rule]]\nquery = 'a'\npin = [7]", "line 3: pin is a text in quotes or a list"),
        ("[[rule]]\nquery = 'a'\npin = { 1 = 'x', 2 = 'x' }", "line 3: a product has several"),
        ("[[rule]]\nhide = ['1']\nfrom = 'soon'", "line 3: from is a date such as 2026-12-24"),
        ("[[rule]]\nhide = ['1']\nuntil = 2020-01-01\nfrom = 2021-01-01", "line 3: until is"),
        ("[[rule]]\nhide = []", "line 2: hide is a list of ids or a condition, and not empty"),
        ("[[rule]]\nboost = ['1']\nby = 1", "line 3: by is a number above 1"),
        ("[[rule]]\nhide = ['1']\nby = 3", "line 3: by says how far"),
        ("[[rule]]\nhide = [''' [[rule]] ''']\n[[rule]]\nby = 2", "line 3: the rule does nothing"),
        ("[[synonyms]]\nboth = ['a']", "line 2: synonyms are at least two"),
        ("[[synonyms]]\nfrom = 'a'", "line 1: synonyms lack 'to'"),
        ("[[synonyms]]\nboth = ['a', 'b']\nto = 'c'", "line 2: synonyms go both ways, or"),
        ("[[expect]]\nfirst = ['1']", "line 1: an expectation needs a query"),
        ("[[expect]]\nquery = 'a'", "line 1: nothing is expected"),
        ("[[expect]]\nquery = 'a'\nk = 0\ntop = ['1']", "line 3: k is a whole number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    faults = read_rules(text.encode()).faults
    assert len(faults) == 1
    assert str(faults[0]).lower().startswith(told.lower())


def test_bytes_that_are_no_text_are_told() -> None:
    assert str(read_rules(b"# \n\xff").faults[0]) == "line 2: is not UTF-8"
    assert not read_rules(b"\xef\xbb\xbf# nothing").faults
    assert read_rules(b"a = " + b"[" * 5000).faults


def test_a_wrong_rule_takes_no_other_with_it(ruled: Opened) -> None:
    shop = ruled(
        '[[rule]]\nquery = "mug"\npinn = ["K2"]\n'
        '[[rule]]\nquery = "mug"\npin = ["K1"]\n'
        '[[rule]]\nquery = "mug"\nhide = "colour = \'red\'"\n'
    )
    results = shop.retrieve("mug")
    assert results.hits[0].product_id == "K1"
    assert results.plan["rules.toml"].startswith("line 3: [[rule]] has no 'pinn'")
    assert "and 1 more" in results.plan["rules.toml"]
    [_, condition] = shop.steering().faults
    assert str(condition).startswith("line 7: filter: unknown field 'colour'")


def test_the_file_is_read_again_and_a_broken_one_changes_nothing(
    ruled: Opened, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = ruled('[[rule]]\nquery = "mug"\npin = ["K1"]')
    assert _ids(shop, "mug", 1) == ["K1"]
    ruled('[[rule]]\nquery = "mug"\npin = ["K2"]')
    assert _ids(shop, "mug", 1) == ["K2"]
    ruled('[[rule]]\nquery = "mug"\npin = ["K3"')
    results = shop.retrieve("mug", 1)
    assert results.hits[0].product_id == "K2"
    assert "line 3: is no TOML" in results.plan["rules.toml"]
    assert "rules.toml, line 3: is no TOML" in caplog.text
    health = TestClient(serving.create_app(shop, workers=1)).get("/health").json()
    assert "line 3" in health["rules.toml"]
    (folder / "rules.toml").unlink()
    assert _ids(shop, "mug", 1) != ["K2"]
    assert "rules.toml" not in shop.retrieve("mug").plan


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    assert not load_rules(tmp_path / "none.toml").faults
    (tmp_path / "rules.toml").mkdir()
    assert [str(fault) for fault in load_rules(tmp_path / "rules.toml").faults] == ["is no file"]


def test_rules_outlive_indexing_and_follow_it(tmp_path: Path) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text('{"id": "1", "title": "Pot"}\n{"id": "2", "title": "Pan"}')
    made, reading = tmp_path / "s.dsv3", Reading([str(source)])
    index_shop(made, reading, changes={"encoder": "hashing"})
    _write(made, '[[rule]]\nquery = "pan"\npin = ["3"]')
    with ECommRetriever.open(made) as opened:
        assert _ids(opened, "pan")[0] == "2"
        opened.upsert([Product(product_id="3", title="Lid")])
        assert _ids(opened, "pan")[0] == "3"
        index_shop(made, reading, rebuild=True)
        assert _ids(opened, "pan")[0] == "3"


# -- expectations --------------------------------------------------------------------------


def test_rules_are_tested_and_checked(dsv3: Runner, folder: Path, ruled: Opened) -> None:
    ruled(
        '[[rule]]\nquery = "mug"\npin = ["K1"]\nhide = ["M3"]\nfrom = 2031-01-01\n'
        '[[expect]]\nquery = "mugs"\non = 2031-05-05\nfirst = ["K1"]\nabsent = ["M3"]\n'
        '[[expect]]\nquery = "mug"\non = 2031-05-05\ntop = ["M1"]\nnot_first = ["M1"]\nk = 5\n'
    )
    done = dsv3("rules", "test", "--in", folder)
    assert done.returncode == 0, done.stdout
    assert "2 expectations, 0 failed" in done.stdout
    assert dsv3("rules", "check", "--in", folder).returncode == 0
    ruled(
        '[[rule]]\nquery = "mug"\npin = ["K1", "nowhere"]\n'
        '[[expect]]\nquery = "mug"\nfirst = ["K2"]\n'
        '[[expect]]\nquery = "mug"\nnot_first = ["K1"]\nabsent = ["M2"]\n'
        '[[expect]]\nquery = "mug"\ntop = ["T9"]\nwhere = "price > 5"\n'
        '[[expect]]\nquery = "mug"\ntop = ["T9"]\nwhere = "nix > 5"\n'
        '[[expect]]\nquery = "mug"\nfirst = ["K1"]\n'
    )
    done = dsv3("rules", "test", "--in", folder)
    assert done.returncode == 1
    for words in (
        "first are K1", "K1 is first", "M2 is found, at place", "T9 is not among the first 10",
        "unknown field 'nix'", "5 expectations, 4 failed",
    ):  # fmt: skip
        assert words in done.stdout
    found = json.loads(dsv3("rules", "test", "--in", folder, "--json").stdout)
    assert (found["failed"], len(found["expectations"])) == (4, 5)
    checked = dsv3("rules", "check", "--in", folder)
    assert checked.returncode == 0
    assert "line 1: there is no product 'nowhere'" in checked.stdout
    ruled('[[rule]]\nhide = "nix > 3"\n[[rule]]\nhide = 5')
    checked = dsv3("rules", "check", "--in", folder)
    assert checked.returncode == 1
    assert "line 1: filter: unknown field 'nix'" in checked.stdout
    assert "line 4: hide is a text in quotes or a list" in checked.stdout
    found = json.loads(dsv3("rules", "check", "--in", folder, "--json").stdout)
    assert [fault["line"] for fault in found["faults"]] == [4, 1]
    assert dsv3("rules", "test", "--in", folder).returncode == 1


def test_a_search_tells_of_rules_and_of_what_is_wrong(
    dsv3: Runner, folder: Path, ruled: Opened
) -> None:
    ruled('[[rule]]\nname = "our mugs"\nquery = "mug"\npin = ["K1"]\n[[rule]]\nhide = 5')
    shown = dsv3("search", "mug", "--in", folder, "--explain").stdout
    assert "pinned by line 1 (our mugs)" in shown
    assert "rules: line 1 (our mugs): 1 pinned" in shown
    assert "rules.toml: line 6: hide is" in dsv3("search", "mug", "--in", folder).stdout
    lines = dsv3("search", "mug", "--in", folder, "--json")
    assert json.loads(lines.stdout.splitlines()[0])["product_id"] == "K1"
    assert "rules.toml: line 6" in lines.stderr


def test_the_documented_example_is_without_fault() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    rules = read_rules(text.partition("```toml\n")[2].partition("```")[0].encode())
    assert not rules.faults
    assert (len(rules.rules), len(rules.expectations)) == (3, 3)

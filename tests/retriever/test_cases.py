"""What shoppers complained of: the right product first, with the encoder that comes with dsv3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dsv3 import ECommRetriever
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
SAMPLE = Path(__file__).parents[2] / "sample_data" / "catalogue.jsonl"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here"),
]

Ask = Callable[..., list[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Return a function that gives the ids that a case's shop shows for a query."""
    shops: dict[str, ECommRetriever] = {}

    def asked(case: str, query: str, k: int = 10) -> list[str]:
        if case not in shops:
            source = SAMPLE if case == "sample" else CASES / case / "products.jsonl"
            language = "german" if "german" in case else "english"
            place = tmp_path_factory.mktemp("case") / "shop.dsv3"
            index_shop(place, Reading([str(source)]), changes={"language": language}, workers=1)
            shops[case] = ECommRetriever.open(place)
        return [hit.product_id for hit in shops[case].retrieve(query, k=k, expand=True)]

    yield asked
    for shop in shops.values():
        shop.close()


@pytest.mark.parametrize(
    ("case", "query", "first"),
    [
        ("30-negation", "beer without alcohol", ["1813"]),
        ("30-negation", "alcohol free beer", ["1813"]),
        ("30-negation", "non alcoholic beer", ["1813"]),
        ("30-negation", "chocolate without sugar", ["1817"]),
        ("30-negation", "hand cream without fragrance", ["1821"]),
        ("30-negation", "cola without sugar", ["1815"]),
        ("30-negation", "gluten free pasta", ["1818"]),
        ("32-units", "water 750 ml", ["1805"]),
        ("32-units", "water 750ml", ["1805"]),
        ("32-units", "mineral water 1500ml", ["1801", "1802", "1804"]),
        ("32-units", "water 1.5 l", ["1801", "1802", "1804"]),
        ("32-units", "water 1,5l", ["1801", "1802", "1804"]),
        ("32-units", "55 inch tv", ["1704"]),
        ("34-sku-prefix", "AB-1200", ["AB-1200-XL", "AB-1200-L"]),
        ("34-sku-prefix", "NOR.0707", ["NOR.0707-60"]),
        ("34-sku-prefix", "NOR 0707 60", ["NOR.0707-60"]),
        ("34-sku-prefix", "0071", ["0071"]),
        ("38-german-compounds", "Keulen", ["3", "2", "1"]),
        ("38-german-compounds", "Schraube", ["7", "6", "5"]),
        ("38-german-compounds", "Wagen", ["12", "10", "11"]),
        ("38-german-compounds", "Mühle", ["21"]),
        ("38-german-compounds", "Muehle", ["21"]),
        ("38-german-compounds", "Kinderwagen", ["10", "13"]),
        ("40-emoji-plus", "streambox+", ["1604"]),
        ("40-emoji-plus", "streambox", ["1605"]),
        ("40-emoji-plus", "🍕", ["2401"]),
        ("40-emoji-plus", "c++", ["1601"]),
        ("40-emoji-plus", "c#", ["1603"]),
        ("44-short-typo", "jeens", ["1401", "1402", "1403", "1404"]),
        ("44-short-typo", "jenas", ["1401", "1402", "1403", "1404"]),
        ("44-short-typo", "telivision", ["1704"]),
        ("45-model-in-text", "brenna tn 2110 toner", ["1001"]),
        ("45-model-in-text", "toner TN-2110", ["1001"]),
        ("sample", "headtorch", ["165282"]),
        ("sample", "catlitter", ["763360", "451337"]),
        ("sample", "cat litter", ["763360", "451337"]),
        ("sample", "trailshoes", ["340522"]),
        ("sample", "lap top", ["444143", "151536"]),
        ("sample", "screw driver", ["866577", "226859", "153208"]),
        ("sample", "nightcream", ["683726"]),
    ],
)
def test_the_right_products_come_first(ask: Ask, case: str, query: str, first: list[str]) -> None:
    assert set(ask(case, query)[: len(first)]) == set(first)


@pytest.mark.parametrize(
    ("query", "alone", "compound"),
    [("Keulen", "3", "1"), ("Schraube", "7", "6"), ("Stuhl", "30", "29"), ("Milch", "34", "35")],
)
def test_the_word_alone_comes_before_compounds(
    ask: Ask, query: str, alone: str, compound: str
) -> None:
    found = ask("38-german-compounds", query)
    assert found.index(alone) < found.index(compound)


def test_the_thing_comes_before_what_is_made_for_it(ask: Ask) -> None:
    assert ask("38-german-compounds", "Kinderwagen") == ["10", "13"]


def test_variants_leave_room_for_others(tmp_path: Path) -> None:
    source = CASES / "37-variant-flood" / "products.jsonl"
    index_shop(tmp_path / "shop.dsv3", Reading([str(source)]), workers=1)
    with ECommRetriever.open(tmp_path / "shop.dsv3") as shop:
        found = shop.retrieve("t-shirt")
        groups = [hit.product.group_id or hit.product_id for hit in found]
        assert len(set(groups)) == len(groups) == found.total
        assert max(hit.variants for hit in found) == 16
        assert sum("t-shirt" in hit.product.title for hit in found) == 5

"""Products of one group stand as one hit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

import pytest
from dsv3 import ECommRetriever, Product
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.settings import Ranking
from dsv3.retriever import serving
from dsv3.retriever.query import Mode
from starlette.testclient import TestClient

MODES: list[Mode] = ["hybrid", "dense", "lexical"]
SIZES = ("38", "39", "40", "41", "42")


class Runner(Protocol):
    def __call__(self, *arguments: object) -> CompletedProcess[str]: ...


def _products() -> Iterator[Product]:
    for number, colour in enumerate(("oak", "olive", "sand", "slate") * 20):
        for size in SIZES:
            yield Product(
                product_id=f"boot-{number}-{size}",
                title=f"Trail boot {colour} size {size}",
                price=50.0 + number,
                group_id="trail-boot",
                attributes={"colour": colour, "size": size},
            )
    for number in range(40):
        yield Product(
            product_id=f"lone-{number}",
            title=f"Winter boot number {number}",
            price=20.0 + 5 * number,
            attributes={"colour": "black", "lined": number % 2 == 0},
        )
    for size in SIZES[:2]:
        yield Product(
            product_id=f"clog-{size}",
            title="Garden clog" + (" boot" if size == "38" else ""),
            price=15.0,
            group_id="clog",
            attributes={"colour": "olive", "size": size},
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("variants")
    source = made / "shoes.jsonl"
    lines = (
        {
            "id": p.product_id, "title": p.title, "price": p.price, "item_group_id": p.group_id,
            **p.attributes,
        }
        for p in _products()
    )  # fmt: skip
    source.write_text("\n".join(map(json.dumps, lines)))
    index_shop(made / "shop.dsv3", Reading([str(source)]), changes={"encoder": "hashing"})
    return made / "shop.dsv3"


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(folder) as opened:
        yield opened


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", [None, "price < 80", "colour = 'olive'"])
@pytest.mark.parametrize("sort", [None, "price", "price:desc"])
@pytest.mark.parametrize("query", ["boot", "trail boot size 40", ""])
def test_a_group_is_the_first_of_its_variants(
    shop: ECommRetriever, mode: Mode, where: str | None, sort: str | None, query: str
) -> None:
    deep = Ranking(candidates=1000)
    every = shop.retrieve(query, 1000, where, mode=mode, sort=sort, expand=True, ranking=deep)
    grouped = shop.retrieve(query, 1000, where, mode=mode, sort=sort, ranking=deep)
    firsts: dict[str, str] = {}
    for hit in every:
        firsts.setdefault(_key(hit.product), hit.product_id)
    assert [hit.product_id for hit in grouped] == list(firsts.values())
    assert grouped.total == len(firsts) < every.total
    sizes = Counter(_key(hit.product) for hit in every)
    assert [hit.variants for hit in grouped] == [sizes[_key(hit.product)] for hit in grouped]
    assert {hit.variants for hit in every} == {1}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", [None, "price < 90"])
def test_pages_of_groups_are_stable(shop: ECommRetriever, mode: Mode, where: str | None) -> None:
    narrow = Ranking(candidates=15)
    whole = shop.retrieve("trail boot", 1000, where, mode=mode, ranking=narrow)
    pages = [
        hit.product_id
        for offset in range(0, whole.total, 7)
        for hit in shop.retrieve("trail boot", 7, where, offset=offset, mode=mode, ranking=narrow)
    ]
    assert pages == [hit.product_id for hit in whole]
    assert len(set(pages)) == whole.total


def test_variants_do_not_crowd_other_products_out(shop: ECommRetriever) -> None:
    """All of forty candidates are variants of one: both lanes have to look further."""
    deep = Ranking(candidates=40, dense_floor=0.0)
    hits = shop.retrieve("trail boot", k=3, ranking=deep, explain=True).hits
    assert len({_key(hit.product) for hit in hits}) == 3
    assert all(hit.score > 0 for hit in hits)
    assert hits[0].product.group_id == "trail-boot"


def test_variants_that_do_not_match_are_not_counted(shop: ECommRetriever) -> None:
    hits = shop.retrieve("boot", 100, "colour = 'oak' and size = 40", mode="lexical")
    assert [(hit.product.group_id, hit.variants) for hit in hits] == [("trail-boot", 20)]
    clogs = shop.retrieve("boot", 100, "group_id = 'clog'", mode="lexical").hits
    assert [(hit.product_id, hit.variants) for hit in clogs] == [("clog-38", 1)]


def test_facets_count_groups_or_products(shop: ECommRetriever) -> None:
    for asked, key in ((False, _key), (True, lambda product: product.product_id)):
        found = shop.retrieve("boot", 1, facets=["colour", "lined", "price"], expand=asked)
        every = shop.retrieve("boot", 1000, expand=True)
        for field in ("colour", "lined"):
            pairs = {
                (key(hit.product), str(hit.product.attributes[field]).removesuffix("alse").lower())
                for hit in every
                if field in hit.product.attributes
            }
            counted = {v.value.removesuffix("alse"): v.count for v in found.facets[field]}
            assert counted == Counter(value for _, value in pairs)
        for value in found.facets["price"]:
            low, high = value.low or 0, value.high or float("inf")
            within = [h.product for h in every if low <= (h.product.price or 0) < high]
            assert value.count == len({key(product) for product in within})


def test_many_at_once_are_as_one_by_one(shop: ECommRetriever) -> None:
    queries = ["trail boot", "clog", "winter boot number 3"]
    for expand in (False, True):
        pages = shop.retrieve_many(queries, k=5, expand=expand)
        for query, page in zip(queries, pages, strict=True):
            alone = shop.retrieve(query, k=5, expand=expand)
            assert (page.total, [h.product_id for h in page]) == (
                alone.total,
                [h.product_id for h in alone],
            )


def test_the_variant_whose_code_was_typed_stands_for_its_group(shop: ECommRetriever) -> None:
    assert shop.retrieve("boot-7-41", k=1).hits[0].product_id == "boot-7-41"


def test_the_server_and_the_command_line_expand(
    shop: ECommRetriever, folder: Path, dsv3: Runner
) -> None:
    client = TestClient(serving.create_app(shop, workers=1))
    hits = client.get("/search?q=garden clog&k=1&mode=lexical").json()["hits"]
    assert [hit["variants"] for hit in hits] == [2]
    expanded = client.get("/search?q=garden clog&mode=lexical&expand=true").json()["hits"]
    assert {hit["product_id"] for hit in expanded} == {"clog-38", "clog-39"}
    search = ("search", "garden clog", "--in", folder, "--mode", "lexical")
    lines = [json.loads(line) for line in dsv3(*search, "--json").stdout.splitlines()]
    assert [line["variants"] for line in lines] == [2]
    assert "Variants" in dsv3(*search).stdout
    assert "every variant: --expand" in dsv3(*search).stdout
    assert "Variants" not in dsv3(*search, "--expand").stdout
    assert "variants: one hit a group: 1 of 2 products" in dsv3(*search, "--explain").stdout


def test_a_shop_without_groups_opens_no_columns(tmp_path: Path) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text('{"id": "1", "title": "Pot"}\n{"id": "2", "title": "Pan", "group_id": "p"}')
    index_shop(tmp_path / "s.dsv3", Reading([str(source)]), changes={"encoder": "hashing"})
    with ECommRetriever.open(tmp_path / "s.dsv3") as opened:
        assert opened.snapshot().groups is None  # one alone is no group
        assert opened.retrieve("pan").hits[0].variants == 1
        opened.delete(["2"])
        opened.retrieve("pot")
        assert opened.snapshot().groups is None
        assert "columns" not in vars(opened.snapshot())


def _key(product: Product) -> str:
    return product.group_id or product.product_id

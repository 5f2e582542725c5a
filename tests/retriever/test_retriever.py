from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3 import ECommRetriever, Product
from dsv3.encoder.base import FloatArray
from dsv3.encoder.hashing import HashingEncoder
from dsv3.errors import FilterError, InputError, ShopError
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.indexer.settings import Ranking
from dsv3.indexer.vectors.base import Neighbors
from dsv3.retriever.query import Mode

CATALOG = Path(__file__).parents[2] / "sample_data" / "catalogue.jsonl"
RECORDS = [json.loads(line) for line in CATALOG.read_text().splitlines()]


@pytest.fixture(scope="module")
def shop(sample_shop: Path) -> Iterator[ECommRetriever]:
    with ECommRetriever.open(sample_shop) as opened:
        yield opened


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ECommRetriever]:
    """Return a small shop that a test may change."""
    source = tmp_path / "few.jsonl"
    source.write_text("\n".join(json.dumps(record) for record in RECORDS[:40]))
    index_shop(tmp_path / "shop.dsv3", Reading([str(source)]), changes={"encoder": "hashing"})
    with ECommRetriever.open(tmp_path / "shop.dsv3") as opened:
        yield opened


MODES: list[Mode] = ["hybrid", "dense", "lexical"]


@pytest.mark.parametrize("mode", MODES)
def test_a_title_finds_its_product(shop: ECommRetriever, mode: Mode) -> None:
    for record in RECORDS[::50]:
        results = shop.retrieve(record["title"], k=5, mode=mode)
        assert record["title"] in [hit.product.title for hit in results]
        assert [hit.rank for hit in results] == list(range(1, len(results) + 1))
        scores = [hit.score for hit in results]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", ["price < 20", "in_stock and price > 100", "brand = 'none'"])
def test_every_hit_passes_the_filter(shop: ECommRetriever, mode: Mode, where: str) -> None:
    passing = {
        p.product_id for p in (h.product for h in shop.retrieve("", 1000, where, expand=True))
    }
    results = shop.retrieve("wireless mouse", k=1000, where=where, mode=mode)
    assert {hit.product_id for hit in results} <= passing
    assert results.total == len(results)


def test_a_filtered_dense_search_equals_brute_force(shop: ECommRetriever) -> None:
    encoder = HashingEncoder()
    products = list(shop.products())
    template_text = "waterproof jacket"
    query = encoder.encode_queries([template_text])[0]
    vectors = shop.snapshot().vectors
    rows = vectors.rows()
    every = dict(zip(rows.tolist(), (vectors.vectors(rows) @ query).tolist(), strict=True))
    cheap = {p.product_id for p in products if p.price is not None and p.price < 60}
    by_row = dict(zip(rows.tolist(), shop.catalog.get_rows(rows.tolist()), strict=True))
    best = sorted((s for r, s in every.items() if (p := by_row[r]) and p.product_id in cheap))[-10:]
    hits = shop.retrieve(template_text, where="price < 60", mode="dense", explain=True, expand=True)
    found = [hit.explanation.lanes["dense"].score for hit in hits if hit.explanation]
    assert np.allclose(found, best[::-1], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_pages_are_stable_and_complete(shop: ECommRetriever, mode: Mode) -> None:
    narrow = Ranking(candidates=15)
    whole = shop.retrieve("wireless", k=1000, mode=mode, ranking=narrow)
    pages = [
        hit.product_id
        for offset in range(0, whole.total, 7)
        for hit in shop.retrieve("wireless", k=7, offset=offset, mode=mode, ranking=narrow)
    ]
    if mode != "dense":
        assert pages == [hit.product_id for hit in whole]
    assert len(pages) == len(set(pages)) == whole.total
    assert not shop.retrieve("wireless", offset=whole.total, mode=mode, ranking=narrow).hits


def test_facets_count_everything_that_matches(shop: ECommRetriever) -> None:
    results = shop.retrieve("mouse", k=1, where="price < 500", facets=["Brand", "price"])
    every = shop.retrieve("mouse", k=1000, where="price < 500")
    assert results.total == every.total == len(every)
    brands = [hit.product.brand for hit in every]
    counted = {value.value: value.count for value in results.facets["brand"]}
    assert counted == {brand: brands.count(brand) for brand in counted}
    prices = [hit.product.price for hit in every if hit.product.price is not None]
    for value in results.facets["price"]:
        low, high = value.low or 0, value.high or float("inf")
        assert value.count == sum(low <= price < high for price in prices)
    assert sum(value.count for value in results.facets["price"]) == len(prices)


def test_sorts_by_a_field(shop: ECommRetriever) -> None:
    for order, reverse in (("price:asc", False), ("price:desc", True)):
        prices = [hit.product.price or 0 for hit in shop.retrieve("jacket", k=50, sort=order)]
        assert prices == sorted(prices, reverse=reverse)
        assert prices
    brands = [hit.product.brand or "" for hit in shop.retrieve("", k=600, sort="brand")]
    assert [b.casefold() for b in brands] == sorted(b.casefold() for b in brands)


@pytest.mark.parametrize("field", ["id", "gtin", "mpn"])
def test_an_exact_code_comes_first(shop: ECommRetriever, field: str) -> None:
    for record in RECORDS[5::60]:
        code = str(record[field])
        for query in (code, code.lower(), f" {code} "):
            first = shop.retrieve(query, k=1, explain=True).hits[0]
            assert first.product_id == record["id"]
            assert first.explanation is not None
            assert first.explanation.exact_code


def test_an_exact_code_obeys_the_filter(shop: ECommRetriever) -> None:
    record = RECORDS[0]
    hits = shop.retrieve(record["mpn"], where=f"price > {record['price']}")
    assert record["id"] not in [hit.product_id for hit in hits]


def test_an_empty_query_browses(shop: ECommRetriever) -> None:
    cheap = [r["id"] for r in RECORDS if r.get("price") is not None and r["price"] < 10]
    results = shop.retrieve("  ", k=1000, where="price < 10", expand=True)
    assert [hit.product_id for hit in results] == cheap
    assert results.total == len(cheap)


@pytest.mark.parametrize(
    "text",
    [
        "🎉",
        "מחשב נייד",
        "a" * 10_000,
        "mouse " * 2000,
        "\x00\x01",
        "\ud800",
        "'; drop table",
        "AND OR (",
        "無線",
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_odd_queries_never_fail(shop: ECommRetriever, text: str, mode: Mode) -> None:
    results = shop.retrieve(text, mode=mode, facets=["brand"])
    assert len(results) <= results.total


def test_explains_lanes_and_plan(shop: ECommRetriever) -> None:
    results = shop.retrieve("wireless mouse", where="price < 100", explain=True)
    assert {"filter", "dense", "lexical", "fusion"} <= set(results.plan)
    assert "products pass" in results.plan["filter"]
    first = results.hits[0].explanation
    assert first is not None
    assert set(first.lanes) == {"dense", "lexical"}
    weight = shop.settings.ranking.dense_weight
    joined = weight * first.lanes["dense"].scaled + (1 - weight) * first.lanes["lexical"].scaled
    assert results.hits[0].score == pytest.approx(joined, abs=1e-5)
    assert not shop.retrieve("wireless mouse").plan


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"offset": -1}, "offset must not be negative"),
        ({"mode": "magic"}, "mode 'magic' is not one of hybrid, dense, lexical"),
        ({"facets": ["brnd"]}, "unknown field 'brnd'; nearest: brand"),
        ({"sort": "prize:asc"}, "unknown field 'prize'; nearest: price"),
        ({"sort": "price:up"}, "the direction is asc or desc"),
    ],
)
def test_bad_arguments_are_one_clear_line(
    shop: ECommRetriever, options: dict[str, object], error: str
) -> None:
    with pytest.raises(InputError, match=error):
        shop.retrieve("mouse", **options)  # type: ignore[arg-type]
    with pytest.raises(FilterError):
        shop.retrieve("mouse", where="nonsense <")


@pytest.mark.parametrize(
    "options", [{}, {"where": "price < 60"}, {"mode": "dense"}, {"mode": "lexical"}]
)
def test_many_at_once_equal_one_by_one(shop: ECommRetriever, options: dict[str, Any]) -> None:
    queries = ["mouse", "tent", "", "coffee", str(RECORDS[5]["gtin"]), "dog toy", "wireles"] * 5
    one_by_one = [shop.retrieve(query, **options) for query in queries]
    for one, same in zip(one_by_one, shop.retrieve_many(queries, **options), strict=True):
        assert [hit.product_id for hit in same] == [hit.product_id for hit in one]
        assert np.allclose([hit.score for hit in same], [hit.score for hit in one], atol=1e-5)
        assert same.total == one.total
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(partial(shop.retrieve, **options), queries))
    assert [page.hits for page in at_once] == [page.hits for page in one_by_one]


def test_many_queries_are_encoded_and_searched_in_one_call(
    shop: ECommRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[list[str]] = []
    searched: list[int] = []
    encode, vectors = shop.encoder.encode_queries, shop.snapshot().vectors
    search = vectors.search

    def counted_encode(texts: Sequence[str]) -> FloatArray:
        encoded.append(list(texts))
        return encode(texts)

    def counted_search(queries: FloatArray, *arguments: Any) -> Neighbors:
        searched.append(len(queries))
        return search(queries, *arguments)

    monkeypatch.setattr(shop.encoder, "encode_queries", counted_encode)
    monkeypatch.setattr(vectors, "search", counted_search)
    shop.retrieve("walnut bowl")
    shop.retrieve_many(["walnut bowl", "oak table", "walnut bowl", "brass lamp", "oak table"])
    assert encoded == [["walnut bowl"], ["oak table", "brass lamp"]]
    assert searched == [1, 5]


def test_upsert_and_delete_are_seen_at_once(own: ECommRetriever) -> None:
    new = Product("zx-81", "Antique zeppelin lamp", price=81.0)
    assert own.upsert([new]) == 1
    assert own.retrieve("zeppelin lamp").hits[0].product == new
    assert own.upsert([new]) == 0
    assert own.delete(["zx-81", "nobody"]) == 1
    assert "zx-81" not in [hit.product_id for hit in own.retrieve("zeppelin lamp")]


def test_another_process_s_generation_is_seen_without_a_restart(
    own: ECommRetriever, sample_shop: Path
) -> None:
    with ECommRetriever.open(own._shop.folder) as reader:
        assert reader.retrieve("zeppelin", mode="lexical").total == 0
        own.upsert([Product("zx", "Zeppelin")])
        assert reader.retrieve("zeppelin", mode="lexical").total == 1


def test_reads_go_on_while_generations_change(own: ECommRetriever) -> None:
    stop = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                own.retrieve("wireless mouse", where="price > 1", facets=["brand"])
            except Exception as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(4):
        own.upsert([Product(f"n{n}", f"New mouse {n}", price=5.0 + n)])
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures


def test_vectors_of_another_encoder_are_refused(own: ECommRetriever) -> None:
    by_words = [hit.product_id for hit in own.retrieve("coffee", mode="lexical")]
    assert by_words
    folder = own.snapshot().folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["encoder"]["fingerprint"] = "another"
    del manifest["blake2b"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with ECommRetriever.open(folder.parents[1]) as again:
        with pytest.raises(ShopError, match="dsv3 index --into"):
            again.retrieve("coffee")
        found = again.retrieve("coffee", mode="lexical")
        assert [hit.product_id for hit in found] == by_words


def test_a_filter_takes_products_away_and_adds_none(shop: ECommRetriever) -> None:
    every = shop.retrieve("wireless mouse", k=500)
    assert len({hit.product.brand for hit in every}) > 2
    for brand in {hit.product.brand for hit in every} | {"Selvaria"}:
        kept = shop.retrieve("wireless mouse", k=500, where=f"brand = '{brand}'")
        wanted = {hit.product_id for hit in every if hit.product.brand == brand}
        assert {hit.product_id for hit in kept} == wanted


def test_what_follows_an_exact_code_is_like_its_product(shop: ECommRetriever) -> None:
    asked = next(record for record in RECORDS if "Drift Wireless Mouse" in record["title"])
    first, *others = shop.retrieve(asked["gtin"], k=3, explain=True)
    assert first.product_id == str(asked["id"])
    assert all("Drift Wireless Mouse" in hit.product.title for hit in others)
    assert first.explanation is not None
    assert first.explanation.lanes["dense"].score == pytest.approx(1, abs=1e-3)


def test_pages_are_read_as_the_catalog_has_them(shop: ECommRetriever) -> None:
    rows = [*range(1, 530), 10**6]
    assert shop.snapshot().products.get_rows(rows) == shop.catalog.get_rows(rows)


def test_a_lexical_search_loads_neither_torch_nor_sqlalchemy(sample_shop: Path) -> None:
    code = (
        "import sys; from dsv3 import ECommRetriever\n"
        f"with ECommRetriever.open({str(sample_shop)!r}) as shop:\n"
        "    shop.retrieve('mouse', mode='lexical', expand=True)\n"
        "print([m for m in ('torch', 'sqlalchemy', 'pyarrow', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import bm25s
import numpy as np
import pytest
from dsv3.errors import ShopError
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.measures import measure_queries, nDCG
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.run import Run
from dsv3.eval.systems.base import RandomSystem, RunSystem, System, by_query_id
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25Settings, Bm25System
from dsv3.eval.systems.retriever import RetrieverSystem
from dsv3.eval.systems.tuning import tune_bm25
from dsv3.indexer.product import Product
from dsv3.retriever.results import Hit, Results


@dataclass
class FakeShop:
    """Find products whose title holds a word of the query."""

    products: list[Product]

    def retrieve_many(
        self, queries: Sequence[str], k: int = 10, mode: str = "hybrid", *, expand: bool
    ) -> list[Results]:
        assert expand  # judgments may name any variant
        return [self._retrieve(query, k, mode) for query in queries]

    def _retrieve(self, query: str, k: int, mode: str) -> Results:
        found = [p for p in self.products if set(query.split()) & set(p.title.split())]
        if mode == "dense":
            found.reverse()
        hits = tuple(Hit(p.product_id, 1.0 / rank, rank, p) for rank, p in enumerate(found[:k], 1))
        return Results(hits, len(found))


Maker = Callable[[CatalogTexts, list[Product], Qrels], System]
SYSTEMS: dict[str, Maker] = {
    "random": lambda catalog, products, qrels: RandomSystem(catalog.product_ids),
    "bm25": lambda catalog, products, qrels: Bm25System(Bm25Fields(catalog)),
    "tuned": lambda catalog, products, qrels: tune_bm25(Bm25Fields(catalog), qrels),
    "shop": lambda catalog, products, qrels: RetrieverSystem(FakeShop(products)),  # type: ignore[arg-type]
    "run": lambda catalog, products, qrels: RunSystem(
        Run("run", dict.fromkeys(qrels.grades, catalog.product_ids[:20]))
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_keeps_the_contract(
    name: str, catalog: CatalogTexts, products: list[Product], qrels: Qrels
) -> None:
    system = SYSTEMS[name](catalog, products, qrels)
    queries = {**qrels.queries, "empty": "", "odd": "zzzz 键盘 🙂"}
    run = system.rank(queries, 7)
    assert run.name == system.name
    assert set(run.rankings) == set(queries)
    known = set(catalog.product_ids)
    for ranking in run.rankings.values():
        assert len(ranking) <= 7
        assert len(set(ranking)) == len(ranking)
        assert set(ranking) <= known
    assert system.rank(queries, 7).rankings == run.rankings


def test_random_changes_with_its_seed(catalog: CatalogTexts) -> None:
    first, second = (
        RandomSystem(catalog.product_ids, seed).rank({"q": "x"}, 60).rankings["q"]
        for seed in (0, 1)
    )
    assert first != second
    assert sorted(first) == sorted(second)


def test_bm25_over_one_field_is_bm25s_own(catalog: CatalogTexts) -> None:
    index = bm25s.BM25(k1=0.9, b=0.4)
    index.index(catalog.words["all"], show_progress=False)
    expected = index.get_scores(catalog.analysis.terms("usb cable"))
    settings = Bm25Settings(0.9, 0.4, {"all": 2.0})
    ours = Bm25Fields(catalog).scores("usb cable", settings)
    np.testing.assert_allclose(ours, 2 * expected, rtol=1e-5)


def test_an_index_for_known_queries_scores_the_same(catalog: CatalogTexts, qrels: Qrels) -> None:
    asked = Bm25Fields(catalog, qrels.queries.values())
    for text in qrels.queries.values():
        for name in catalog.fields:
            np.testing.assert_allclose(
                asked.field_scores(text, name, 1.2, 0.75),
                Bm25Fields(catalog).field_scores(text, name, 1.2, 0.75),
                rtol=1e-5,
            )


def test_a_query_is_never_ranked_by_settings_that_saw_it(
    catalog: CatalogTexts, qrels: Qrels
) -> None:
    tuned = tune_bm25(Bm25Fields(catalog), qrels, folds=5)
    target = "red shoe"
    # Whatever the judges had said of this query, its own ranking stays.
    turned = {q: dict(judged) for q, judged in qrels.grades.items()}
    turned[target] = {product: 3 - grade for product, grade in turned[target].items()}
    again = tune_bm25(Bm25Fields(catalog), Qrels(turned), folds=5)
    assert again.held_out[target] == tuned.held_out[target]
    assert set(tuned.held_out) == {q for q in qrels.grades if qrels.relevant(q)}


def test_tuning_is_no_worse_on_what_it_saw(catalog: CatalogTexts, qrels: Qrels) -> None:
    fields = Bm25Fields(catalog)
    tuned = Bm25System(fields, tune_bm25(fields, qrels).settings)
    means = [
        np.mean(list(measure_queries(qrels, system.rank(qrels.queries, 10), [nDCG @ 10])[
            nDCG @ 10
        ].values()))
        for system in (Bm25System(fields, Bm25Settings(0.4, 0.75, {"title": 1.0})), tuned)
    ]  # fmt: skip
    assert means[1] >= means[0]


def test_many_queries_are_sampled(
    catalog: CatalogTexts, qrels: Qrels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsv3.eval.systems.tuning.LARGEST_SAMPLE", 4)
    tuned = tune_bm25(Bm25Fields(catalog), qrels)
    assert len(tuned.held_out) == 4
    assert set(tuned.rank(qrels.queries, 5).rankings) == set(qrels.grades)


def test_tuning_with_nothing_to_learn_from(catalog: CatalogTexts) -> None:
    tuned = tune_bm25(Bm25Fields(catalog), collect([("gadget", "hat-1", 0)]))
    assert tuned.settings == Bm25Settings()
    assert tuned.held_out == {}
    one = tune_bm25(Bm25Fields(catalog), collect([("red shoe", "shoe-1", 2)]))
    assert one.held_out["red shoe"] == Bm25Settings()


def test_an_empty_shop_is_refused() -> None:
    with pytest.raises(ShopError, match="no product"):
        CatalogTexts([])


def test_a_run_answers_by_id_or_by_text() -> None:
    queries: Mapping[str, str] = {"1": "red shoe", "2": "hat"}
    system = RunSystem(Run("other", {"red shoe": ["a", "b"], "2": ["c"]}))
    assert system.rank(queries, 1).rankings == {"1": ["a"], "2": ["c"]}
    run = Run("other", {"red shoe": ["a"], "2": ["c"], "more": ["d"]}, {"red shoe": [0.5]})
    named = by_query_id(run, queries)
    assert named.rankings == {"1": ["a"], "2": ["c"], "more": ["d"]}
    assert named.scores == {"1": [0.5]}


def test_modes_of_a_shop(products: list[Product]) -> None:
    shop = FakeShop(products)
    run = RetrieverSystem(shop, "dense", "mine").rank({"q": "red"}, 2)  # type: ignore[arg-type]
    assert run.name == "mine"
    assert run.rankings["q"] == ["shoe-11", "shoe-10"]
    assert run.scores["q"] == [1.0, 0.5]

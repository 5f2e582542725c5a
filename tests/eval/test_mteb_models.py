"""MTEB's own evaluation over a local task; skipped where mteb is not installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.hashing import HashingEncoder
from dsv3.errors import InputError, ShopError
from dsv3.eval.measures import measure_queries, nDCG
from dsv3.eval.mteb_models import MtebEncoder, MtebRetriever
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

DOCUMENTS = {
    "d 1": ("Wireless mouse", "A small wireless mouse for notebooks"),
    "d/2": ("USB-C cable", "Charging cable, two metres"),
    "键盘": ("Mechanical keyboard", "Keyboard with blue switches"),
    "d4": ("", "A wireless keyboard without a title"),
}
QUERIES = {"q 1": "wireless mouse", "q2": "usb-c cable", "问": "mechanical keyboard"}
RELEVANT = {"q 1": {"d 1": 1}, "q2": {"d/2": 1}, "问": {"键盘": 1, "d4": 1}}


@pytest.fixture(scope="module")
def task() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mteb = pytest.importorskip("mteb")
        from datasets import Dataset
        from mteb.abstasks.retrieval import AbsTaskRetrieval
        from mteb.abstasks.task_metadata import TaskMetadata

    class LocalShop(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="LocalShop",
            description="Four products and three queries.",
            dataset={"path": "local/shop", "revision": "1"},
            type="Retrieval",
            category="t2t",
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
            reference=None,
            date=None,
            domains=None,
            task_subtypes=None,
            license=None,
            annotations_creators=None,
            dialect=None,
            sample_creation=None,
            bibtex_citation="",
        )

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            corpus = [{"id": i, "title": t, "text": b} for i, (t, b) in DOCUMENTS.items()]
            self.dataset = {
                "default": {
                    "test": {
                        "corpus": Dataset.from_list(corpus),
                        "queries": Dataset.from_list(
                            [{"id": i, "text": text} for i, text in QUERIES.items()]
                        ),
                        "relevant_docs": RELEVANT,
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    assert mteb is not None
    return LocalShop()


@pytest.fixture
def retriever() -> Iterator[MtebRetriever]:
    with MtebRetriever("hashing") as found:
        yield found


def score(model: Any, task: Any) -> float:
    import mteb

    result = mteb.evaluate(model, task, cache=None, show_progress_bar=False, co2_tracker=False)
    return float(result.task_results[0].scores["test"][0]["ndcg_at_10"])


def test_the_protocols_are_kept(retriever: MtebRetriever, task: Any) -> None:
    from mteb.models.models_protocols import EncoderProtocol, SearchProtocol

    assert isinstance(MtebEncoder(HashingEncoder()), EncoderProtocol)
    assert isinstance(retriever, SearchProtocol)


def test_the_encoder_runs_a_task(task: Any) -> None:
    model = MtebEncoder(HashingEncoder())
    assert score(model, task) > 0.8
    assert model.mteb_model_meta.embed_dim == 256


def test_the_whole_search_runs_a_task_and_scores_as_ours(
    retriever: MtebRetriever, task: Any
) -> None:
    theirs = score(retriever, task)
    found = retriever.search(
        [{"id": i, "text": text} for i, text in QUERIES.items()],
        task_metadata=task.metadata,
        hf_split="test",
        hf_subset="default",
        top_k=10,
    )
    run = Run("x", {query: list(scores) for query, scores in found.items()})
    ours = measure_queries(Qrels(RELEVANT), run, [nDCG @ 10])[nDCG @ 10]
    assert theirs == pytest.approx(float(np.mean(list(ours.values()))), abs=1e-4)
    assert theirs > 0.8


def test_what_a_search_cannot_do_is_told(retriever: MtebRetriever, task: Any) -> None:
    common = {"task_metadata": task.metadata, "hf_split": "x", "hf_subset": "y", "top_k": 3}
    with pytest.raises(ShopError, match="was not indexed"):
        retriever.search([], **common)
    with pytest.raises(InputError, match="reranking"):
        retriever.search([], top_ranked={}, **common)


def test_similarity_is_the_encoders_own(task: Any) -> None:
    model = MtebEncoder(HashingEncoder())
    vectors = HashingEncoder().encode_documents(["a mouse", "a cable", "a mouse"])
    whole = np.asarray(model.similarity(2 * vectors, vectors))
    assert whole[0, 2] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        np.asarray(model.similarity_pairwise(vectors, vectors)), np.ones(3), atol=1e-5
    )

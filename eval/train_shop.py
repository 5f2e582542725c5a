"""Train an encoder on what a shop has, and keep it only if it is better."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..encoder.corpus.cache import EmbeddingCache
from ..encoder.default import default_folder
from ..encoder.folders import find_folder
from ..encoder.load import load_encoder
from ..encoder.training.examples import write_examples
from ..encoder.training.report import Progress as Step
from ..encoder.training.report import Trained
from ..encoder.training.settings import TrainingSettings
from ..encoder.training.train import check_installed, finished_run, train_encoder
from ..errors import InputError, ShopError
from ..files import free_folder
from ..indexer.shop import Shop
from ..retriever.retriever import ECommRetriever
from .dense import dense_run
from .evaluation import Evaluation, evaluate
from .examples.pool import Pool, read_pool
from .examples.training_examples import PreparedExamples, Sources, prepare_examples
from .measures import condensed, nDCG
from .qrels import ALL_OTHERS, Qrels

if TYPE_CHECKING:
    from ..progress import Progress

# What a trained folder holds beside the model.
TEST_FILE = "held_out.csv"
REPORT_FILE = "lessons.json"
_DEPTH = 100


@dataclass(frozen=True)
class Outcome:
    """What became of a training run.

    Attributes:
        folder: where the model is: as named if it was better, else beside it.
        published: whether it was better.
        prepared: what it learned from.
        trained: how the training went.
        evaluation: base and trained model on the test queries.

    """

    folder: Path
    published: bool
    prepared: PreparedExamples
    trained: Trained
    evaluation: Evaluation

    @property
    def refusal(self) -> str | None:
        """Say in one line why the model was not published; None where it was."""
        found = self.evaluation.comparison()
        if self.published or found is None:
            return None
        gap = found.difference
        return (
            f"the trained model is not better than its base: {found.measure} "
            f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], p {found.p:.3g}, "
            f"{found.queries} queries; it is kept at {self.folder}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        found = self.evaluation.comparison()
        return {
            "folder": str(self.folder),
            "published": self.published,
            "test": {
                "queries": len(self.prepared.test),
                "source": self.prepared.test.source,
                "base": self.evaluation.mean(nDCG @ 10, "base"),
                "trained": self.evaluation.mean(nDCG @ 10, "trained"),
                "difference": None if found is None else found.difference.mean,
                "low": None if found is None else found.difference.low,
                "high": None if found is None else found.difference.high,
                "p": None if found is None else found.p,
            },
            "training": self.trained.to_json(),
            **examples_json(self.prepared),
        }


def train_shop(
    folder: str | Path,
    out: str | Path,
    *,
    base: str = "default",
    catalog_url: str | None = None,
    sources: Sources | None = None,
    settings: TrainingSettings | None = None,
    examples_out: Path | None = None,
    progress: Progress,
) -> Outcome:
    """Make training examples from a shop, train, and publish the model if it beats its base.

    The judge is the paired randomisation test on nDCG@10 of an exact ranking of the shop's
    products by each model alone, over queries that no training example names. A model that is not
    better is kept at `<out>.refused`, in place of one that was refused before. An interrupted run
    goes on from its checkpoint, or to the test where training had ended.

    Args:
        folder: the shop.
        out: folder of the trained model; must not exist, or be empty.
        base: "default", a folder or a hub name.
        catalog_url: where the catalog is, if not where the shop remembers it.
        sources: what to learn from; the catalog alone when None.
        settings: how to train.
        examples_out: also write the examples there, as `dsv3 model fit` takes them.
        progress: told of the stages.

    Raises:
        ShopError: there is no such shop.
        InputError: too few examples, none for graded lists, or `out` is in use.
        EncoderError: the base cannot be loaded.

    """
    check_installed()
    out = free_folder(out)
    chosen = settings or TrainingSettings()
    wanted = sources or Sources()
    weights = default_folder() if base == "default" else find_folder(base)
    candidate = out.with_name(f"{out.name}.refused")
    with (
        ECommRetriever.open(folder, catalog_url=catalog_url) as shop,
        EmbeddingCache(Shop.existing(folder).embeddings) as cache,
    ):
        pool = read_pool(shop, cache, seed=chosen.seed)
        if not len(pool):
            raise ShopError(f"{folder} holds no product to learn from")
        prepared = prepare_examples(shop, pool, wanted, progress, seed=chosen.seed)
        if chosen.graded and not prepared.graded:
            raise InputError(
                f"there is no graded list for a share {chosen.graded:g} of the steps: "
                "give judgments or clicks to learn from"
            )
        if examples_out is not None:
            write_examples(examples_out, prepared.examples)
        trained = _train(weights, candidate, prepared, chosen, progress)
        _write_beside(candidate, prepared)
        evaluation = compare_encoders(
            shop, cache, pool, prepared.test, {"base": base, "trained": str(candidate)}, progress
        )
    found = evaluation.comparison()
    better = found is not None and found.verdict == "better"
    if better:
        shutil.rmtree(out, ignore_errors=True)
        candidate.replace(out)
    return Outcome(out if better else candidate, better, prepared, trained, evaluation)


def _train(
    base: Path,
    out: Path,
    prepared: PreparedExamples,
    settings: TrainingSettings,
    progress: Progress,
) -> Trained:
    done = 0

    def tell(step: Step) -> None:
        nonlocal done
        if done == 0:
            progress.start("train", step.steps)
        progress.advance(step.step - done)
        done = step.step

    found = finished_run(base, out, prepared.examples, graded=prepared.graded, settings=settings)
    if found is None:
        shutil.rmtree(out, ignore_errors=True)
    trained = train_encoder(
        base,
        out,
        prepared.examples,
        graded=prepared.graded,
        validation=prepared.validation if prepared.validation.queries else None,
        settings=settings,
        on_progress=tell,
    )
    progress.finish()
    return trained


def compare_encoders(
    shop: ECommRetriever,
    cache: EmbeddingCache,
    pool: Pool,
    qrels: Qrels,
    encoders: Mapping[str, str],
    progress: Progress,
) -> Evaluation:
    """Rank a pool by several encoders, exactly, and compare each with the first.

    Vectors go to the shop's cache, where indexing with that encoder will find them.

    Args:
        shop: whose template makes the texts.
        cache: the shop's embeddings.
        pool: the products.
        qrels: the judgments.
        encoders: what to call it -> name of the encoder.
        progress: told of the stage "encode".

    """
    product_ids = [product.product_id for product in pool.products]
    runs = []
    for label, name in encoders.items():
        encoder = load_encoder(name)
        progress.start("encode", len(pool))
        seen = 0

        def tell(done: int) -> None:
            nonlocal seen
            progress.advance(done - seen)
            seen = done

        vectors = pool.encoded_by(encoder, cache, tell)
        progress.finish()
        runs.append(dense_run(label, encoder, qrels.queries, product_ids, vectors, _DEPTH))
    return evaluate(qrels, runs, measures=(nDCG @ 10, condensed(nDCG @ 10)))


def _write_beside(folder: Path, prepared: PreparedExamples) -> None:
    """Put the test queries and the report of the training examples into the model's folder."""
    with (folder / TEST_FILE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("query", "product_id", "grade"))
        for query, judged in prepared.test.grades.items():
            for product, grade in judged.items():  # the gate knows grades, not gains
                writer.writerow((prepared.test.text(query), product, grade))
            if query in prepared.test.complete:
                writer.writerow((prepared.test.text(query), ALL_OTHERS, 0))
    report = json.dumps(examples_json(prepared), indent=2)
    (folder / REPORT_FILE).write_text(report, encoding="utf-8")


def examples_json(prepared: PreparedExamples) -> dict[str, Any]:
    """Return counts, filters and coverage as JSON can hold them."""
    return {
        "examples": dict(prepared.counts),
        "graded_lists": len(prepared.graded),
        "filters": prepared.filters.to_json(),
        "coverage": prepared.coverage.to_json(),
    }

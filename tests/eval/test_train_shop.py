"""An encoder is trained on a shop; what is not better is not published."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from dsv3.encoder.default import default_folder
from dsv3.encoder.training.examples import Example, read_examples
from dsv3.encoder.training.filters.pipeline import filter_examples
from dsv3.encoder.training.filters.repetition import RepetitionCheck
from dsv3.encoder.training.report import Trained
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.errors import InputError, ShopError
from dsv3.eval.examples.augment import Augmentation
from dsv3.eval.examples.training_examples import Sources, _check_enough
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.train_shop import REPORT_FILE, TEST_FILE, Outcome, train_shop
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.progress import Silent

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "encoder" / "v3" / "tiny"
SETTINGS = TrainingSettings(
    batch_size=32, mini_batch_size=32, learning_rate=3e-3, max_tokens=24, evaluations=2, bf16=False
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("train") / "shop.dsv3"
    source = Reading([str(ROOT / "sample_data" / "catalogue.jsonl")])
    index_shop(made, source, changes={"encoder": "hashing"}, workers=1)
    return made


def stand_in(base: Path, out: Path, examples: Sequence[Example], **_: object) -> Trained:
    """Give the default encoder out for the trained one: it is better than the tiny model."""
    shutil.copytree(default_folder(), out)
    return Trained(1, 0.0, [(1, 1.0)], [(0, 0.1), (1, 0.2)])


@pytest.fixture(scope="module")
def kept(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsv3.eval.train_shop.train_encoder", stand_in)
        return train_shop(
            shop,
            folder / "model",
            base=str(TINY),
            sources=Sources(catalog=600),
            settings=SETTINGS,
            examples_out=folder / "examples.jsonl",
            progress=Silent(),
        )


def test_a_better_model_is_published(kept: Outcome) -> None:
    assert kept.published
    assert kept.refusal is None
    assert kept.folder.name == "model"
    assert not kept.folder.with_name("model.refused").exists()
    found = kept.evaluation.comparison()
    assert found is not None
    assert found.verdict == "better"


def test_no_example_names_a_query_of_the_test(kept: Outcome) -> None:
    examined = {frozenset(text.split()) for text in kept.prepared.test.queries.values()}
    assert examined
    assert not {frozenset(e.query.split()) for e in kept.prepared.examples} & examined


@pytest.mark.slow
def test_kinds_and_graded_lists_do_not_give_the_test_away(shop: Path, tmp_path: Path) -> None:
    qrels = load_qrels(ROOT / "sample_data" / "judgments.csv", "auto")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsv3.eval.train_shop.train_encoder", stand_in)
        outcome = train_shop(
            shop,
            tmp_path / "model",
            base=str(TINY),
            sources=Sources(
                catalog=600, judgments=qrels, test=qrels, augmentation=Augmentation(share=1)
            ),
            progress=Silent(),
        )
    exam = RepetitionCheck(list(qrels.queries.values()))
    assert not [e.query for e in outcome.prepared.examples if exam.leaks(e.query)]
    assert outcome.prepared.graded == []


def test_what_lies_beside_the_model(kept: Outcome) -> None:
    with (kept.folder / TEST_FILE).open() as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["query"] for row in rows}) == len(kept.prepared.test)
    judged = [row for row in rows if row["product_id"] != "*"]
    assert load_qrels(kept.folder / TEST_FILE, "auto").pairs == len(judged)
    report = json.loads((kept.folder / REPORT_FILE).read_text())
    assert report["filters"]["stages"][0]["name"] == "form"
    assert report["coverage"]["types"] > 0
    written = list(read_examples(kept.folder.with_name("examples.jsonl")))
    assert written == list(kept.prepared.examples)


def test_a_model_that_is_not_better_is_refused(shop: Path, tmp_path: Path) -> None:
    outcome = train_shop(
        shop,
        tmp_path / "model",
        base=str(TINY),
        sources=Sources(catalog=200, augmentation=Augmentation(share=0)),
        settings=replace(SETTINGS, learning_rate=1e-9),
        progress=Silent(),
    )
    assert not outcome.published
    assert not (tmp_path / "model").exists()
    assert outcome.folder == tmp_path / "model.refused"
    assert outcome.folder.is_dir()
    assert outcome.refusal is not None
    assert "not better than its base" in outcome.refusal


@pytest.mark.slow
def test_judged_queries_part_into_training_and_test(shop: Path, tmp_path: Path) -> None:
    qrels = load_qrels(ROOT / "sample_data" / "judgments.csv", "auto")
    outcome = train_shop(
        shop,
        tmp_path / "model",
        base=str(TINY),
        sources=Sources(catalog=0, judgments=qrels),
        settings=replace(SETTINGS, graded=0.5),
        progress=Silent(),
    )
    prepared = outcome.prepared
    assert len(prepared.test) == round(0.2 * len(qrels))
    kept = {example.query for example in prepared.examples}
    assert not kept & set(prepared.test.queries.values())
    answerable = [query for query in qrels.grades if qrels.relevant(query)]
    learned_from = set(answerable) - set(prepared.test.grades)
    assert {one.query for one in prepared.graded} == learned_from
    assert prepared.counts["judgments"] > 200


def test_nothing_left_says_why() -> None:
    kept, report = filter_examples([Example("", "a b"), Example("", "c d")])
    with pytest.raises(InputError, match=r"left 0 of 2 examples \(2 empty query\)"):
        _check_enough(2, kept, report)


def test_errors(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="no shop"):
        train_shop(tmp_path / "none", tmp_path / "model", progress=Silent())
    with pytest.raises(InputError, match="no query is left to examine"):
        train_shop(
            shop, tmp_path / "model", base=str(TINY), sources=Sources(catalog=0),
            progress=Silent(),
        )  # fmt: skip
    copied = tmp_path / "copied"
    shutil.copytree(TINY, copied)
    with pytest.raises(InputError, match="not empty"):
        train_shop(shop, copied, base=str(TINY), progress=Silent())

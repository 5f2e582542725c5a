"""All training examples that a shop gives, split from the queries that test the model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...encoder.training.examples import Example
from ...encoder.training.filters.pipeline import FilterReport, filter_examples
from ...encoder.training.filters.repetition import RepetitionCheck
from ...encoder.training.graded import GradedList
from ...encoder.training.validation import ValidationSet
from ...errors import InputError
from ..qrels import Qrels
from .augment import Augmentation, augment
from .catalog import CatalogQueries, CatalogQuery
from .coverage import Coverage, measure_coverage
from .judged import graded_lists, judged_examples
from .negatives import HardNegatives
from .pool import Pool
from .types import ProductTypes
from .vocabulary import read_vocabulary

if TYPE_CHECKING:
    from ...progress import Progress
    from ...retriever.retriever import ECommRetriever

# Of the types, and of judged queries, this share is held out to test the trained model.
TEST_SHARE = 0.2
# Examples for validation: they tell, while training, when to stop.
_WATCHED = 300
_MOST_TEST_QUERIES = 500
_CODES = {
    "arabic": "ar",
    "chinese": "zh",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hungarian": "hu",
    "italian": "it",
    "norwegian": "no",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "tamil": "ta",
    "turkish": "tr",
}


@dataclass(frozen=True)
class Sources:
    """What to learn from.

    Attributes:
        catalog: how many queries to make from the catalog.
        judgments: graded judgments to learn from.
        clicks: judgments read off a click log.
        test: judgments to examine by, which are not learned from; where None, a part of the
            judgments is held out, or queries for types that training never names.
        augmentation: how queries are augmented.
        negatives: hard negatives an example brings: mined for queries made from the catalog,
            judged lower for the others.
        language: two-letter code of the texts, for the first filter stage; "shop" takes the
            language that the shop stems, "any" all.

    """

    catalog: int = 20_000
    judgments: Qrels | None = None
    clicks: Qrels | None = None
    test: Qrels | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    negatives: int = 0
    language: str = "shop"


@dataclass(frozen=True)
class PreparedExamples:
    """What training takes, and what examines it.

    Attributes:
        examples: filtered and augmented.
        graded: judged lists.
        validation: tells, while training, when to stop.
        test: queries that no training example names.
        filters: what the three stages dropped.
        coverage: which types the training examples name, and how old the products are.
        counts: examples by source, and augmented ones by kind.

    """

    examples: Sequence[Example]
    graded: Sequence[GradedList]
    validation: ValidationSet
    test: Qrels
    filters: FilterReport
    coverage: Coverage
    counts: Mapping[str, int]


def prepare_examples(
    shop: ECommRetriever,
    pool: Pool,
    sources: Sources,
    progress: Progress,
    *,
    seed: int = 0,
) -> PreparedExamples:
    """Make, mine, augment and filter training examples.

    Args:
        shop: whose search finds the hard negatives.
        pool: its products.
        sources: what to learn from.
        progress: told of the stages "mine" and "filter".
        seed: of all that is drawn.

    """
    types = ProductTypes(pool)
    drawn = list(CatalogQueries(pool, types, seed=seed).draw(sources.catalog))
    judged, test = _part_judgments(sources, seed)
    if test is None:
        drawn, test = _part_queries(drawn, pool, types, seed)
    if not len(test):
        raise InputError(
            "no query is left to examine the model by: the shop shows too few product types; "
            "give judgments, or judgments to test by"
        )
    if sources.negatives:
        progress.start("mine", len({query.text for query in drawn}))
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        progress.advance(done - told)
        told = done

    hard = HardNegatives(shop, pool, types, per_query=sources.negatives, seed=seed)
    examples = list(hard.examples(drawn, tell))
    if sources.negatives:
        progress.finish()
    for qrels, source in ((judged, "judgments"), (sources.clicks, "clicks")):
        if qrels is not None:
            examples += judged_examples(
                qrels, pool, negatives=sources.negatives, seed=seed, source=source
            )
    progress.start("filter", len(examples))
    kept, filters = filter_examples(
        examples,
        encoder=shop.encoder,
        test_queries=list(test.queries.values()),
        language=_language(sources.language, shop.settings.language),
    )
    progress.finish()
    _check_enough(len(examples), kept, filters)
    kept, validation = _part_examples(kept, seed)
    vocabulary = read_vocabulary(pool.products)
    exam = RepetitionCheck(list(test.queries.values()))
    augmented = augment(kept, vocabulary, sources.augmentation, seed=seed)
    kept += [example for example in augmented if not exam.leaks(example.query)]
    lists = [
        one
        for qrels in (judged, sources.clicks)
        if qrels is not None
        for one in graded_lists(qrels, pool)
        if not exam.leaks(one.query)
    ]
    return PreparedExamples(
        examples=kept,
        graded=lists,
        validation=ValidationSet.of(validation),
        test=test,
        filters=filters,
        coverage=measure_coverage(pool, types, {tuple(one.topic.split()) for one in kept}),
        counts=_counts(kept),
    )


def _language(wanted: str, stemmed: str) -> str | None:
    """Return the code of the language that texts have to be in; None where any will do."""
    if wanted == "shop":
        return _CODES.get(stemmed)
    return None if wanted == "any" else wanted


def _part_judgments(sources: Sources, seed: int) -> tuple[Qrels | None, Qrels | None]:
    """Return the judgments to learn from and those to examine by."""
    judged = sources.judgments
    if sources.test is not None or judged is None:
        return judged, sources.test
    queries = sorted(judged.grades)
    random.Random(seed).shuffle(queries)  # noqa: S311 - a split, not a secret
    bound = max(1, round(TEST_SHARE * len(queries)))
    return judged.select(queries[bound:]), judged.select(queries[:bound])


def _check_enough(given: int, kept: Sequence[Example], filters: FilterReport) -> None:
    if len(kept) < 2:
        reasons = ", ".join(
            f"{count:,} {reason}"
            for stage in filters.stages
            for reason, count in stage.dropped.items()
        )
        raise InputError(
            f"the filters left {len(kept)} of {given:,} examples"
            + (f" ({reasons})" if reasons else "")
            + ": a contrast needs at least 2"
        )


def _part_queries(
    drawn: Sequence[CatalogQuery], pool: Pool, types: ProductTypes, seed: int
) -> tuple[list[CatalogQuery], Qrels]:
    """Keep back the queries for some types; their answers, all of one grade, examine."""
    topics = sorted({query.topic for query in drawn if query.topic})
    generator = random.Random(seed)  # noqa: S311 - a split, not a secret
    generator.shuffle(topics)
    test_topics = topics[: max(1, round(TEST_SHARE * len(topics)))] if len(topics) > 1 else []
    examined = {
        query.text: query.answers for query in drawn if query.topic and query.topic in test_topics
    }
    texts = generator.sample(sorted(examined), min(_MOST_TEST_QUERIES, len(examined)))
    grades = {
        text: {pool.products[place].product_id: 1 for place in sorted(examined[text])}
        for text in sorted(texts)
    }

    def is_named(query: CatalogQuery) -> bool:
        topic = query.topic or types.of[query.place]
        return any(types.compatible(topic, held) for held in test_topics)

    kept = [query for query in drawn if not is_named(query)]
    return kept, Qrels(grades, source="queries made from the catalog", complete=frozenset(grades))


def _part_examples(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Keep back all examples of some queries, to watch the training by; both in random order."""
    generator = random.Random(seed)  # noqa: S311 - a split, not a secret
    order = list(examples)
    generator.shuffle(order)
    bound = min(_WATCHED, len(order) // 10)
    queries: set[str] = set()
    validation: list[Example] = []
    by_query: dict[str, list[Example]] = {}
    for example in order:
        by_query.setdefault(example.query, []).append(example)
    for query, own in by_query.items():
        if len(validation) >= bound:
            break
        queries.add(query)
        validation += own
    return [example for example in order if example.query not in queries], validation


def _counts(examples: Sequence[Example]) -> dict[str, int]:
    found: dict[str, int] = {}
    for example in examples:
        found[example.source] = found.get(example.source, 0) + 1
    return dict(sorted(found.items()))

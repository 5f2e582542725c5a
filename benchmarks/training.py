"""What training brings: ablations, and cross-validation by query on real judgments.

python benchmarks/training.py ablation SHOP JUDGMENTS --keep FOLDER [--queries 4000] [--seeds 2]
python benchmarks/training.py judged SHOP JUDGMENTS --base MODEL --keep FOLDER [--folds 3]
python benchmarks/training.py compare SHOP JUDGMENTS --models default MODEL …

Each finished part is kept in FOLDER, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from dsv3 import ECommRetriever, load_encoder
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.default import default_folder
from dsv3.encoder.folders import find_folder
from dsv3.encoder.training.blend import blend_weights
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.filters.pipeline import FilterReport
from dsv3.encoder.training.filters.repetition import RepetitionCheck
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.encoder.training.train import load_base, train_encoder
from dsv3.eval import Qrels, RetrieverSystem, Run, condensed, load_qrels, nDCG
from dsv3.eval.compare import Interval, compare_values, mean_interval
from dsv3.eval.dense import dense_run
from dsv3.eval.evaluation import Evaluation, evaluate
from dsv3.eval.examples import training_examples
from dsv3.eval.examples.augment import AUGMENTATIONS, Augmentation
from dsv3.eval.examples.judged import graded_lists, judged_examples
from dsv3.eval.examples.pool import Pool, read_pool
from dsv3.eval.examples.training_examples import PreparedExamples, Sources, prepare_examples
from dsv3.eval.examples.vocabulary import Vocabulary, read_vocabulary
from dsv3.eval.measures import Judged, Measure, measure_queries
from dsv3.progress import Silent

MEASURES = (nDCG @ 10, condensed(nDCG @ 10), Judged @ 10)
# Results of a lane that hybrid ranking scores, as in `settings.json`.
CANDIDATES = 200


@dataclass(frozen=True)
class Bench:
    """What every task reads."""

    shop: ECommRetriever
    cache: EmbeddingCache
    pool: Pool
    qrels: Qrels

    def dense(
        self, name: str, model: str, pool: Pool | None = None, qrels: Qrels | None = None
    ) -> Run:
        """Rank by a model alone, exactly."""
        among = pool or self.pool
        encoder = load_encoder(model)
        vectors = among.encoded_by(encoder, self.cache, lambda seen: None)
        ids = [product.product_id for product in among.products]
        return dense_run(name, encoder, (qrels or self.qrels).queries, ids, vectors, len(ids))


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Bench]:
    with (
        ECommRetriever.open(arguments.shop) as shop,
        EmbeddingCache(arguments.shop / "embeddings.sqlite") as cache,
    ):
        yield Bench(shop, cache, read_pool(shop, cache), load_qrels(arguments.judgments, "auto"))


def hybrid(name: str, dense: Run, lexical: Run, weight: float, k: int = 100) -> Run:
    """Join two lanes as the shop does: scores by the lane's best, weighted, added."""
    rankings, scores = {}, {}
    for query in dense.rankings:
        lanes = [_scaled(dense, query), _scaled(lexical, query)]
        candidates = {product for lane in lanes for product in list(lane)[:CANDIDATES]}
        joined = {
            product: weight * lanes[0].get(product, 0.0) + (1 - weight) * lanes[1].get(product, 0.0)
            for product in candidates
        }
        rankings[query] = sorted(joined, key=lambda product: (-joined[product], product))[:k]
        scores[query] = [joined[product] for product in rankings[query]]
    return Run(name, rankings, scores)


def _scaled(run: Run, query: str) -> dict[str, float]:
    found = dict(zip(run.rankings[query], run.scores[query], strict=True))
    best = max(found.values(), default=0.0)
    return {product: max(score / best, 0.0) for product, score in found.items()} if best > 0 else {}


def compare(arguments: argparse.Namespace) -> None:
    """Print dense and hybrid of several models; the first is what others are compared with."""
    with opened(arguments) as bench:
        lexical = RetrieverSystem(bench.shop, "lexical").rank(bench.qrels.queries, 1000)
        runs = [lexical]
        for model in arguments.models:
            name = Path(model).name
            dense = bench.dense(f"{name} dense", model)
            weight = bench.shop.settings.ranking.dense_weight
            runs += [dense, hybrid(f"{name} hybrid", dense, lexical, weight)]
        table(evaluate(bench.qrels, runs, measures=MEASURES, baseline=runs[1].name))


def table(found: Evaluation) -> None:
    print(f"| system | nDCG@10 | condensed | nDCG@10 less {found.baseline} | p (Holm) |")
    print("|---|---|---|---|---|")
    for run in found.runs:
        means = [found.scores[run.name][measure].mean for measure in MEASURES]
        compared = None if run.name == found.baseline else found.comparison(run.name)
        gap = "" if compared is None else shown(compared.difference, signed=True)
        p = "" if compared is None else f"{compared.p_adjusted:.3f}"
        print(f"| {run.name} | {shown(means[0])} | {shown(means[1])} | {gap} | {p} |")


def shown(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


VARIANTS: dict[str, dict[str, Any]] = {
    "all of it": {},
    "no kinds": {"sources": {"augmentation": Augmentation(share=0.0)}},
    **{
        f"only {kind}": {"sources": {"augmentation": Augmentation((kind,), 0.5)}}
        for kind in AUGMENTATIONS
    },
    "mined negatives": {"settings": {"negatives": 1}, "sources": {"negatives": 1}},
    "no filters": {"filters": False},
    "Matryoshka 256, 128": {"settings": {"matryoshka": (256, 128)}},
    "blend 0.25": {"blend": 0.25},
    "blend 0.75": {"blend": 0.75},
    "no blend": {"blend": 1.0},
    "V3": {"base": "v3"},
}
DEFAULT = "all of it"
# Each judged query is said otherwise so many times, to see what kinds in training are for.
DRAWS = 3


def ablation(arguments: argparse.Namespace) -> None:
    """Train a model for each variant and seed on few prepared, and search among few products."""
    keep: Path = arguments.keep
    keep.mkdir(parents=True, exist_ok=True)
    wanted = arguments.only or list(VARIANTS)
    with opened(arguments) as bench:
        pool = smaller(bench.pool, bench.qrels, arguments.others)
        lexical = RetrieverSystem(bench.shop, "lexical").rank(bench.qrels.queries, 1000)
        lexical = within(lexical, pool)
        weight = bench.shop.settings.ranking.dense_weight
        measured: dict[str, list[Scores]] = {}
        prepared: dict[str, PreparedExamples] = {}

        def measure(name: str, dense: Run) -> None:
            joined = hybrid(name, dense, lexical, weight)
            measured.setdefault(name, []).append(measure_queries(bench.qrels, dense, MEASURES))
            measured.setdefault(f"{name}, hybrid", []).append(
                measure_queries(bench.qrels, joined, MEASURES)
            )

        measure("base", bench.dense("base", "default", pool))
        if any("matryoshka" in VARIANTS[name].get("settings", {}) for name in wanted):
            measure("base, 128 dimensions", shortened(bench, pool, "base", "default"))
        for seed in range(arguments.seeds):
            for name in wanted:
                model = str(variant(bench, name, seed, arguments, prepared))
                measure(name, bench.dense(name, model, pool))
                if "matryoshka" in VARIANTS[name].get("settings", {}):
                    measure(f"{name}, 128 dimensions", shortened(bench, pool, name, model))
            print(f"\nafter {seed + 1} seeds")
            compared(measured, bench.qrels, [load_qrels(each, "auto") for each in arguments.by])
        otherwise(bench, pool, keep)


def within(run: Run, pool: Pool) -> Run:
    """Keep of a run of the whole catalog what a smaller pool holds."""
    kept = {
        query: [n for n, product in enumerate(ids) if product in pool.places]
        for query, ids in run.rankings.items()
    }
    return Run(
        run.name,
        {query: [run.rankings[query][n] for n in places] for query, places in kept.items()},
        {query: [run.scores[query][n] for n in places] for query, places in kept.items()},
    )


Scores = Mapping[Measure, Mapping[str, float]]


def variant(
    bench: Bench,
    name: str,
    seed: int,
    arguments: argparse.Namespace,
    prepared: dict[str, PreparedExamples],
) -> Path:
    """Return the folder of a variant, made where it is not there."""
    changes, keep = VARIANTS[name], arguments.keep
    folder = folder_of(keep, name, seed)
    if folder.exists():
        return folder
    base = upcycled(keep) if changes.get("base") == "v3" else default_folder()
    learned = DEFAULT if "blend" in changes else name
    whole = folder_of(keep, f"{learned} whole", seed)
    if not whole.exists():
        learn_whole(bench, learned, seed, arguments, prepared, base, whole)
    return average(whole, base, changes.get("blend", TrainingSettings().blend), folder)


def learn_whole(
    bench: Bench,
    name: str,
    seed: int,
    arguments: argparse.Namespace,
    prepared: dict[str, PreparedExamples],
    base: Path,
    out: Path,
) -> None:
    """Train a variant, not averaged with its base."""
    changes = VARIANTS[name]
    key = repr((seed, changes.get("sources"), changes.get("filters")))
    if key not in prepared:
        sources = Sources(catalog=arguments.queries, test=bench.qrels)
        sources = replace(sources, **changes.get("sources", {}))
        with unfiltered() if changes.get("filters") is False else nullcontext():
            prepared[key] = prepare_examples(bench.shop, bench.pool, sources, Silent(), seed=seed)
    examples = prepared[key].examples
    print(f"{name}, seed {seed}: {len(examples):,} examples", flush=True)
    settings = TrainingSettings(max_tokens=48, evaluations=1, blend=1.0, seed=seed)
    train_encoder(base, out, examples, settings=replace(settings, **changes.get("settings", {})))


def average(whole: Path, base: Path, share: float, out: Path) -> Path:
    """Write a trained model averaged with its base, as training itself does at its end."""
    model = load_base(whole)
    blend_weights(model, load_base(base), share)
    model.save(str(out))
    return out


@contextmanager
def unfiltered() -> Iterator[None]:
    """Leave out the filters, but for what keeps queries of the test from training."""

    def leaks_alone(
        examples: Sequence[Example], *, test_queries: Sequence[str], **_: Any
    ) -> tuple[list[Example], FilterReport]:
        exam = RepetitionCheck(test_queries)
        return [one for one in examples if not exam.leaks(one.query)], FilterReport(())

    with patch.object(training_examples, "filter_examples", leaks_alone):
        yield


def compared(
    measured: Mapping[str, Sequence[Scores]], qrels: Qrels, parts: Sequence[Qrels]
) -> None:
    """Print each variant's means over seeds, less the base and less the default, query by query.

    Hybrids are compared with hybrids; p is of the paired test, without correction.
    """
    values = {name: over_seeds(of, qrels) for name, of in measured.items()}
    titles = ["", "nDCG@10", *(f"part {n}" for n in range(1, len(parts) + 1)), "condensed"]
    titles += ["judged@10", "seeds", "less the base", "p", "less the default", "p"]
    print("| " + " | ".join(titles) + " |")
    first, *rest = MEASURES
    for name, found in values.items():
        kind = ", hybrid" if name.endswith(", hybrid") else ""
        cells = [name, shown(mean_interval(list(found[first].values())))]
        cells += [f"{np.mean([found[first][q] for q in part.grades]):.3f}" for part in parts]
        cells += [f"{np.mean(list(found[measure].values())):.3f}" for measure in rest]
        cells += [str(len(measured[name]))]
        for other in ("base", DEFAULT):
            if f"{other}{kind}" not in values:
                continue
            gap = compare_values(values[f"{other}{kind}"][first], found[first])
            cells += [shown(gap.difference, signed=True), f"{gap.p:.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


def over_seeds(scores: Sequence[Scores], qrels: Qrels) -> Scores:
    """Return each query's mean over the seeds."""
    return {
        measure: {
            query: float(np.mean([each[measure][query] for each in scores]))
            for query in qrels.grades
        }
        for measure in MEASURES
    }


def otherwise(bench: Bench, pool: Pool, keep: Path) -> None:
    """Ask the judged queries in other words, of models that did and did not learn from such."""
    vocabulary = read_vocabulary(bench.pool.products)
    models = {"base": "default"} | {
        name: str(folder)
        for name in ("no kinds", DEFAULT)
        if (folder := folder_of(keep, name, 0)).exists()
    }
    for kind in AUGMENTATIONS:
        own = folder_of(keep, f"only {kind}", 0)
        asked = said_otherwise(bench.qrels, vocabulary, kind)
        if not own.exists() or not asked.grades:
            continue
        runs = [
            bench.dense(name, model, pool, asked)
            for name, model in {**models, f"only {kind}": str(own)}.items()
        ]
        print(f"\n{kind}: {len(asked)} queries")
        baseline = "no kinds" if "no kinds" in models else "base"
        table(evaluate(asked, runs, measures=MEASURES, baseline=baseline))


def said_otherwise(qrels: Qrels, vocabulary: Vocabulary, kind: str) -> Qrels:
    """Change judged queries in one way; what cannot be augmented is left out."""
    generator = random.Random(17)
    grades, texts = {}, {}
    for query, judged in qrels.grades.items():
        text = qrels.text(query)
        others = {AUGMENTATIONS[kind](text, vocabulary, generator) for _ in range(DRAWS)} - {
            None,
            text,
        }
        for number, other in enumerate(sorted(filter(None, others))):
            grades[f"{query} {number}"], texts[f"{query} {number}"] = judged, other
    return Qrels(grades, texts, qrels.gains, qrels.source)


def folder_of(keep: Path, name: str, seed: int) -> Path:
    return keep / f"{name.replace(' ', '-').replace(',', '')}-{seed}"


def shortened(bench: Bench, pool: Pool, name: str, model: str, dim: int = 128) -> Run:
    """Rank by the leading dimensions of a model's vectors."""
    from dsv3.encoder.truncation import truncate

    encoder = load_encoder(model)
    vectors = truncate(
        pool.encoded_by(encoder, bench.cache, lambda seen: None), dim, encoder.similarity
    )
    names = list(bench.qrels.queries)
    asked = truncate(
        encoder.encode_queries(list(bench.qrels.queries.values())), dim, encoder.similarity
    )
    ids = [product.product_id for product in pool.products]
    rankings = {
        query: [ids[place] for place in np.argsort(-row, kind="stable")[:100]]
        for query, row in zip(names, asked @ vectors.T, strict=True)
    }
    return Run(f"{name}, {dim} dimensions", rankings)


def upcycled(keep: Path) -> Path:
    """Return the default encoder as V3."""
    from dsv3.encoder.upcycling.upcycle import upcycle_base

    folder = keep / "upcycled"
    if not folder.exists():
        upcycle_base("default", folder)
    return folder


def smaller(pool: Pool, qrels: Qrels, others: int) -> Pool:
    """Keep the judged products and some others, drawn evenly."""
    judged = {product for of_query in qrels.grades.values() for product in of_query}
    places = [n for n, product in enumerate(pool.products) if product.product_id in judged]
    rest = [n for n, product in enumerate(pool.products) if product.product_id not in judged]
    drawn = np.random.default_rng(0).choice(rest, min(others, len(rest)), replace=False)
    kept = sorted([*places, *drawn.tolist()])
    return Pool(
        pool.rows[kept],
        [pool.products[n] for n in kept],
        [pool.texts[n] for n in kept],
        pool.vectors[kept],
        pool.analysis,
    )


def judged(arguments: argparse.Namespace) -> None:
    """Train on the judgments of all folds but one, and rank that one's queries; then the next."""
    keep: Path = arguments.keep
    keep.mkdir(parents=True, exist_ok=True)
    base = default_folder() if arguments.base == "default" else find_folder(arguments.base)
    with opened(arguments) as bench:
        lexical = RetrieverSystem(bench.shop, "lexical").rank(bench.qrels.queries, 1000)
        before = bench.dense("before", str(arguments.base))
        together: dict[str, tuple[list[str], list[float]]] = {}
        for number, part in enumerate(_folds(sorted(bench.qrels.grades), arguments.folds)):
            ranked = keep / f"fold-{number}.json"
            if not ranked.exists():
                model = keep / f"fold-{number}"
                if not model.exists():
                    others = [query for query in bench.qrels.grades if query not in part]
                    learn(bench, bench.qrels.select(others), base, model, arguments)
                run = bench.dense("after", str(model))
                kept = {q: (list(run.rankings[q])[:2000], list(run.scores[q])[:2000]) for q in part}
                ranked.write_text(json.dumps(kept))
            together |= json.loads(ranked.read_text())
        after = Run(
            "after",
            {query: ranking for query, (ranking, _) in together.items()},
            {query: scores for query, (_, scores) in together.items()},
        )
        weight = bench.shop.settings.ranking.dense_weight
        runs = [
            lexical,
            before,
            after,
            hybrid("hybrid before", before, lexical, weight),
            hybrid("hybrid after", after, lexical, weight),
        ]
        table(evaluate(bench.qrels, runs, measures=MEASURES, baseline="hybrid before"))
        found = evaluate(bench.qrels, [before, after], measures=MEASURES)
        table(found)


def learn(bench: Bench, qrels: Qrels, base: Path, out: Path, arguments: argparse.Namespace) -> None:
    examples: list[Example] = list(judged_examples(qrels, bench.pool, negatives=1))
    settings = TrainingSettings(
        negatives=1,
        epochs=arguments.epochs,
        batch_size=16,
        mini_batch_size=16,
        learning_rate=arguments.rate,
        max_tokens=48,
        graded=0.5,
        evaluations=1,
        blend=arguments.blend,
    )
    train_encoder(base, out, examples, graded=graded_lists(qrels, bench.pool), settings=settings)


def _folds(queries: Sequence[str], folds: int, seed: int = 0) -> list[list[str]]:
    """Part queries into folds of nearly equal size, at random."""
    order = list(queries)
    random.Random(seed).shuffle(order)
    return [order[place::folds] for place in range(folds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    tasks = parser.add_subparsers(required=True)
    for name, task in (("ablation", ablation), ("judged", judged), ("compare", compare)):
        one = tasks.add_parser(name)
        one.set_defaults(task=task)
        one.add_argument("shop", type=Path)
        one.add_argument("judgments", type=Path)
        one.add_argument("--keep", type=Path, default=Path("build/training"))
        one.add_argument("--queries", type=int, default=4000)
        one.add_argument("--only", nargs="*", default=[])
        one.add_argument("--seeds", type=int, default=1)
        one.add_argument("--by", nargs="*", default=[], help="judgments whose queries are parts")
        one.add_argument("--others", type=int, default=4000, help="products beside the judged")
        one.add_argument("--base", default="default")
        one.add_argument("--folds", type=int, default=3)
        one.add_argument("--epochs", type=float, default=2)
        one.add_argument("--rate", type=float, default=2e-5)
        one.add_argument("--blend", type=float, default=1.0)
        one.add_argument("--models", nargs="*", default=["default"])
    arguments = parser.parse_args()
    arguments.task(arguments)


if __name__ == "__main__":
    main()

"""What training brings: ablations, and cross-validation by query on real judgments.

python benchmarks/training.py ablation SHOP JUDGMENTS --keep FOLDER [--queries 4000]
python benchmarks/training.py judged SHOP JUDGMENTS --base MODEL --keep FOLDER [--folds 3]
python benchmarks/training.py compare SHOP JUDGMENTS --models default MODEL …

Each finished part is kept in FOLDER, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dsv3 import ECommRetriever, load_encoder
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.default import default_folder
from dsv3.encoder.folders import find_folder
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.settings import TrainingSettings
from dsv3.encoder.training.train import train_encoder
from dsv3.eval import Qrels, RetrieverSystem, Run, condensed, load_qrels, nDCG
from dsv3.eval.compare import Interval
from dsv3.eval.dense import dense_run
from dsv3.eval.evaluation import Evaluation, evaluate
from dsv3.eval.examples.augment import AUGMENTATIONS, Augmentation
from dsv3.eval.examples.judged import graded_lists, judged_examples
from dsv3.eval.examples.pool import Pool, read_pool
from dsv3.eval.examples.training_examples import PreparedExamples, Sources, prepare_examples
from dsv3.eval.examples.vocabulary import Vocabulary, read_vocabulary
from dsv3.progress import Silent

MEASURES = (nDCG @ 10, condensed(nDCG @ 10))
# Products, beside the judged ones, among which ablations search: a whole catalog takes minutes.
OTHERS = 4000
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
    "Matryoshka 256, 128": {"settings": {"matryoshka": (256, 128)}},
    "no blend": {"settings": {"blend": 1.0}},
    "V3": {"base": "v3"},
}
# Each judged query is said otherwise so many times, to see what kinds in training are for.
DRAWS = 3


def ablation(arguments: argparse.Namespace) -> None:
    """Train one model for each variant on few prepared, and search among few products."""
    keep: Path = arguments.keep
    keep.mkdir(parents=True, exist_ok=True)
    with opened(arguments) as bench:
        pool = smaller(bench.pool, bench.qrels, OTHERS)
        runs = [bench.dense("base", "default", pool)]
        prepared: dict[str, PreparedExamples] = {}
        for name, changes in VARIANTS.items():
            if arguments.only and name not in arguments.only:
                continue
            folder = folder_of(keep, name)
            if not folder.exists():
                sources = Sources(catalog=arguments.queries, test=bench.qrels)
                sources = replace(sources, **changes.get("sources", {}))
                key = repr(changes.get("sources", {}))
                if key not in prepared:
                    prepared[key] = prepare_examples(bench.shop, bench.pool, sources, Silent())
                settings = TrainingSettings(max_tokens=48, evaluations=1)
                base = upcycled(keep) if changes.get("base") == "v3" else default_folder()
                train_encoder(
                    base,
                    folder,
                    prepared[key].examples,
                    settings=replace(settings, **changes.get("settings", {})),
                )
            runs.append(bench.dense(name, str(folder), pool))
            if "matryoshka" in changes.get("settings", {}):
                runs += [
                    shortened(bench, pool, run, m)
                    for run, m in (("base", "default"), (name, str(folder)))
                ]
            table(evaluate(bench.qrels, runs, measures=MEASURES))
        otherwise(bench, pool, keep)


def otherwise(bench: Bench, pool: Pool, keep: Path) -> None:
    """Ask the judged queries in other words, of models that did and did not learn from such."""
    vocabulary = read_vocabulary(bench.pool.products)
    models = {"base": "default"} | {
        name: str(folder)
        for name in ("no kinds", "all of it")
        if (folder := folder_of(keep, name)).exists()
    }
    for kind in AUGMENTATIONS:
        own = folder_of(keep, f"only {kind}")
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


def folder_of(keep: Path, name: str) -> Path:
    return keep / name.replace(" ", "-").replace(",", "")


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

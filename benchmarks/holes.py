"""How often verdicts are wrong on judgments with holes made on purpose.

python benchmarks/holes.py [--draws 100] [--queries 60] [--shop SHOP JUDGMENTS]...

Whole judgments give the true order of systems. Then grades are taken away: all that one engine
did not show among its first results, or a random share. The old verdict is that of the paired
test alone; the new one also asks what nobody rated. Both are as `dsv3 eval` makes them, with
Holm's correction over the systems compared with one baseline.

Without a shop, truths and systems are drawn: products have grades, and an engine ranks them by
grade plus noise, which engines of one kind share in part. With shops, systems are the shop's own
and tuned BM25, on the rated products alone, so that the judgments given are whole for them; each
draw takes 70 % of the queries, and the true order is that on all of them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dsv3.eval.compare import Comparison
from dsv3.eval.evaluation import evaluate
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.measures import nDCG
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run
from dsv3.eval.shop import evaluate_shop
from dsv3.retriever.retriever import ECommRetriever

MEASURE = nDCG @ 10
PRODUCTS = 50
DEPTH = 20
GRADES, ODDS = (0, 1, 2, 3), (0.7, 0.15, 0.1, 0.05)
SHARE_OF_QUERIES = 0.7
SIGNS = {"better": 1, "worse": -1}

Truth = Mapping[tuple[str, str], int]
"""(baseline, system) -> 1 where the system is better, -1 worse, 0 where neither is."""


@dataclass(frozen=True)
class World:
    """Whole judgments, systems, and their true order."""

    qrels: Qrels
    runs: Sequence[Run]
    truth: Truth
    keyword: Run
    dense: Run


Hole = Callable[[World, np.random.Generator], Qrels]


def pooled(depth: int, *engines: str) -> Hole:
    """Return what keeps the grades of these engines' first results alone."""

    def make(world: World, generator: np.random.Generator) -> Qrels:
        runs = [getattr(world, engine) for engine in engines]
        return kept(world.qrels, lambda q, p: any(p in run.top(q, depth) for run in runs))

    return make


def at_random(share: float, *, relevant: bool = False) -> Hole:
    """Return what keeps each grade, or only each grade of a relevant product, by chance."""

    def make(world: World, generator: np.random.Generator) -> Qrels:
        grades = world.qrels.grades
        return kept(
            world.qrels,
            lambda q, p: generator.random() < share or (relevant and grades[q][p] == 0),
        )

    return make


def kept(qrels: Qrels, keep: Callable[[str, str], bool]) -> Qrels:
    grades = {
        query: {product: grade for product, grade in judged.items() if keep(query, product)}
        for query, judged in qrels.grades.items()
    }
    return Qrels(grades, gains=qrels.gains)


HOLES: dict[str, Hole] = {
    "none": lambda world, generator: world.qrels,
    **{f"keyword engine's first {n}": pooled(n, "keyword") for n in (5, 20)},
    **{f"dense engine's first {n}": pooled(n, "dense") for n in (5, 20)},
    **{f"first {n} of both": pooled(n, "keyword", "dense") for n in (5, 10)},
    **{f"{share * 100:.0f} % at random": at_random(share) for share in (0.5, 0.8, 0.9, 0.95, 0.98)},
    "80 % of the relevant": at_random(0.8, relevant=True),
}


def drawn_worlds(draws: int, queries: int) -> Iterator[World]:
    """Draw truths: a keyword engine, and dense ones as good as it, better and worse."""
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        grades = generator.choice(GRADES, size=(queries, PRODUCTS), p=ODDS)
        noises = {kind: generator.normal(size=grades.shape) for kind in ("keyword", "dense")}
        gap = generator.uniform(0.15, 0.5)

        def engine(name: str, kind: str, noise: float, shared: float = 0.7) -> Run:
            own = generator.normal(size=grades.shape)  # noqa: B023
            mixed = np.sqrt(shared) * noises[kind] + np.sqrt(1 - shared) * own  # noqa: B023
            order = np.argsort(-(grades + noise * mixed), axis=1)  # noqa: B023
            return Run(
                name, {f"q{q}": [f"p{p}" for p in row[:DEPTH]] for q, row in enumerate(order)}
            )

        keyword = engine("keyword", "keyword", 1.5)
        better = engine("dense, better", "dense", 1.5 - gap)
        others = [
            engine("keyword, as good", "keyword", 1.5),
            engine("dense, as good", "dense", 1.5),
            engine("dense, worse", "dense", 1.5 + gap),
        ]
        judged = {
            f"q{q}": {f"p{p}": int(grade) for p, grade in enumerate(row)}
            for q, row in enumerate(grades)
        }
        level = {run.name: 0 for run in (keyword, *others[:2])}
        level |= {"dense, better": 1, "dense, worse": -1}
        truth = {
            (base, name): level[name] - level[base]
            for base in ("keyword", "dense, as good")
            for name in level
            if name != base
        }
        yield World(Qrels(judged), [keyword, *others, better], truth, keyword, better)


def shop_worlds(shop: Path, judgments: Path, draws: int) -> Iterator[World]:
    """Draw queries of whole judgments; the truth is the order on all of them."""
    qrels = load_qrels(judgments)
    with ECommRetriever.open(shop) as opened:
        found = evaluate_shop(opened, qrels, measures=(MEASURE,), clicks=None)
    runs = [
        Run(
            run.name,
            {q: [p for p in run.rankings.get(q, ()) if p in qrels.grades[q]] for q in qrels.grades},
        )
        for run in found.runs
        if run.name != "random"
    ]
    truth = {}
    named = {run.name: run for run in runs}
    for base in (runs[0].name, "dense"):
        for told in evaluate(qrels, runs, measures=(MEASURE,), baseline=base).comparisons:
            truth[base, told.system] = int(np.sign(told.difference.mean))
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        size = round(SHARE_OF_QUERIES * len(qrels))
        chosen = generator.choice(sorted(qrels.grades), size=size, replace=False).tolist()
        yield World(qrels.select(chosen), runs, truth, named["lexical"], named["dense"])


def said(told: Comparison) -> tuple[str, str]:
    """Return what the paired test alone says, and the verdict."""
    alone = "cannot tell"
    if told.significant:
        alone = "better" if told.difference.mean > 0 else "worse"
    return alone, told.verdict


def count(worlds: Sequence[World], hole: Hole) -> Counter[str]:
    """Count how often verdicts were right, wrong or none on judgments with such holes."""
    counts: Counter[str] = Counter()
    for seed, world in enumerate(worlds):
        qrels = hole(world, np.random.default_rng([1, seed]))
        for base in dict.fromkeys(base for base, _ in world.truth):
            told = evaluate(qrels, world.runs, measures=(MEASURE,), baseline=base)
            for comparison in told.comparisons:
                add(counts, comparison, world.truth[base, comparison.system])
    return counts


def add(counts: Counter[str], told: Comparison, truth: int) -> None:
    counts["all"] += 1
    counts["differ"] += truth != 0
    for which, verdict in zip(("old", "new"), said(told), strict=True):
        sign = SIGNS.get(verdict)
        if sign is not None:
            counts[f"{which} {'right' if sign == truth else 'wrong'}"] += 1
        elif verdict.startswith("cannot tell"):
            counts[f"{which} cannot tell"] += 1
        else:
            counts[f"{which} holes"] += 1


def report(title: str, worlds: Sequence[World]) -> None:
    """Print a row for each way of making holes, as soon as it is counted."""
    print(f"\n{title}\n")
    columns = ("old right", "old wrong", "new right", "new wrong", "new cannot tell", "new holes")
    print(f"| grades kept | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}", flush=True)
    for name, hole in HOLES.items():
        counts = count(worlds, hole)
        shares = (f"{100 * counts[column] / counts['all']:.1f} %" for column in columns)
        print(f"| {name} | {' | '.join(shares)} |", flush=True)
    print(f"\n{counts['all']:,} comparisons a row, {counts['differ']:,} of systems that differ")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--draws", type=int, default=100)
    options.add_argument("--queries", type=int, default=60)
    options.add_argument("--shop", nargs=2, action="append", type=Path)
    given = options.parse_args()
    if not given.shop:
        report("Drawn truths", list(drawn_worlds(given.draws, given.queries)))
    for shop, judgments in given.shop or []:
        worlds = list(shop_worlds(shop, judgments, given.draws))
        report(f"{shop.name}, {judgments.name}", worlds)


if __name__ == "__main__":
    main()

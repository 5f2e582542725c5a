"""Time a full evaluation of 1,000 queries with 1,000 results each.

python benchmarks/evaluation.py [--queries 1000] [--results 1000] [--systems 2]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytrec_eval
from dsv3.eval.evaluation import evaluate, with_clicks
from dsv3.eval.measures import DEFAULT_MEASURES, measure_queries, nDCG
from dsv3.eval.qrels import Qrels
from dsv3.eval.report.page import render_html
from dsv3.eval.run import Run

PRODUCTS = 100_000
JUDGED = 50


def synthetic(queries: int, results: int, systems: int) -> tuple[Qrels, list[Run]]:
    """Judge 50 products a query; each system finds some of them among random others."""
    generator = np.random.default_rng(0)
    grades: dict[str, dict[str, int]] = {}
    rankings: list[dict[str, list[str]]] = [{} for _ in range(systems)]
    for number in range(queries):
        query = f"query number {number}"
        judged = generator.choice(PRODUCTS, size=JUDGED, replace=False)
        grades[query] = {f"p{p}": int(generator.integers(4)) for p in judged}
        for system, ranking in enumerate(rankings):
            others = generator.choice(PRODUCTS, size=results, replace=False)
            found = generator.permutation(judged)[: 20 + 5 * system]
            mixed = dict.fromkeys([*found, *others][:results])
            order = generator.permutation(list(mixed))
            ranking[query] = [f"p{p}" for p in order]
    return Qrels(grades), [Run(f"system {s}", ranking) for s, ranking in enumerate(rankings)]


def timed(name: str, action: Callable[[], object], repeats: int) -> None:
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    print(f"{name:58s} {statistics.median(seconds):8.2f} s (of {repeats}, best {min(seconds):.2f})")


def bare_trec_eval(qrels: Qrels, run: Run) -> None:
    """Call trec_eval's own code on ready dictionaries, for one measure."""
    scored = {
        query: {product: -float(rank) for rank, product in enumerate(ranking)}
        for query, ranking in run.rankings.items()
    }
    pytrec_eval.RelevanceEvaluator(dict(qrels.grades), {"ndcg_cut_10"}).evaluate(scored)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--queries", type=int, default=1000)
    options.add_argument("--results", type=int, default=1000)
    options.add_argument("--systems", type=int, default=2)
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    qrels, runs = synthetic(given.queries, given.results, given.systems)
    print(
        f"{given.queries} queries x {given.results} results, {given.systems} systems, "
        f"{qrels.pairs} judged pairs"
    )
    found = evaluate(qrels, runs)
    repeats = given.repeats
    timed(
        "trec_eval's code alone, nDCG@10, one system",
        lambda: bare_trec_eval(qrels, runs[0]),
        repeats,
    )
    timed("nDCG@10, one system", lambda: measure_queries(qrels, runs[0], [nDCG @ 10]), repeats)
    timed(
        "nine measures, one system",
        lambda: measure_queries(qrels, runs[0], DEFAULT_MEASURES),
        repeats,
    )
    timed("full evaluation: measures, intervals, tests", lambda: evaluate(qrels, runs), repeats)
    timed("simulated clicks, 1,000 searches a query", lambda: with_clicks(found), repeats)
    timed("page", lambda: render_html(found), repeats)


if __name__ == "__main__":
    main()

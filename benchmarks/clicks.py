"""Measure the click models: recovery, prediction, agreement with nDCG, cost.

python benchmarks/clicks.py [recovery|predict|agreement|interleaving|offpolicy|speed ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
from dsv3.eval.clicks import (
    MODELS,
    ClickLog,
    ClickModel,
    Search,
    Sessions,
    Simulation,
    collect_log,
    estimate_clicks,
    interleave,
    measure_fit,
    rank_agreement,
    simulate,
)
from dsv3.eval.clicks.models.cascade import Cascade
from dsv3.eval.clicks.models.dbn import DBN, SimplifiedDBN
from dsv3.eval.clicks.models.dcm import DCM
from dsv3.eval.clicks.models.pbm import PBM
from dsv3.eval.clicks.models.ubm import UBM
from dsv3.eval.measures import measure_queries, nDCG
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run

ITEMS, DEPTH = 200, 10
Qrel = dict[str, dict[str, int]]


def plant(name: str, seed: int = 0) -> ClickModel:
    rng = np.random.default_rng(seed)
    liked = rng.uniform(0.05, 0.8, ITEMS + 1)
    satisfied = rng.uniform(0.1, 0.9, ITEMS + 1)
    ranks = np.arange(1.0, DEPTH + 1.0, dtype=np.float64)
    looks = np.maximum(ranks[:, None] - np.arange(DEPTH), 1.0) ** -0.7
    looks[:, 1:] *= 0.8
    planted: Mapping[str, ClickModel] = {
        "pbm": PBM(liked, ranks**-0.7),
        "cascade": Cascade(liked),
        "dcm": DCM(liked, np.linspace(0.8, 0.4, DEPTH)),
        "sdbn": SimplifiedDBN(liked, satisfied, np.asarray(1.0)),
        "dbn": DBN(liked, satisfied, np.asarray(0.9)),
        "ubm": UBM(liked, looks),
    }
    return planted[name]


def draw(model: ClickModel, searches: int, seed: int) -> Sessions:
    """Show the ten products of one of twenty queries in random order."""
    rng = np.random.default_rng(seed)
    queries = rng.integers(ITEMS // DEPTH, size=searches)
    items = queries[:, None] * DEPTH + np.argsort(rng.random((searches, DEPTH)), 1)
    return Sessions(items, model.simulate(items, rng), ITEMS)


def recovery() -> None:
    print("| model | searches | parameter | values | mean error | largest error |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        planted = plant(name)
        for searches in (10_000, 100_000):
            fitted = MODELS[name].fit(draw(planted, searches, 1), shrinkage=0)
            for parameter, value in planted.parameters.items():
                if name == "sdbn" and parameter == "continuation":
                    continue
                error = np.abs(fitted.parameters[parameter] - value)
                if value.ndim == 2:
                    error = error[np.tril_indices(DEPTH)]
                elif parameter != "examination" and value.ndim:
                    error = error[:-1]
                error = np.atleast_1d(error)
                print(
                    f"| {name} | {searches:,} | {parameter} | {error.size} "
                    f"| {error.mean():.4f} | {error.max():.3f} |"
                )


def predict() -> None:
    print("| clicks from | fitted | log-likelihood | perplexity | conditional | CTR error |")
    print("|---|---|---|---|---|---|")
    for truth in MODELS:
        planted = plant(truth)
        fit_on, held_out = draw(planted, 20_000, 2), draw(planted, 10_000, 3)
        rows: list[tuple[str, ClickModel]] = [("(planted)", planted)]
        rows += [(name, MODELS[name].fit(fit_on)) for name in MODELS]
        for name, model in rows:
            fit = measure_fit(model, held_out)
            error = np.mean([abs(told - counted) for told, counted in fit.ctr_by_rank])
            print(
                f"| {truth} | {name} | {fit.log_likelihood:.3f} | {fit.perplexity:.4f} "
                f"| {fit.conditional_perplexity:.4f} | {error:.4f} |"
            )


def judge(queries: int, seed: int) -> Qrel:
    rng = np.random.default_rng(seed)
    return {
        f"q{q}": {f"p{p}": int(g) for p, g in enumerate(rng.choice(4, 30, p=[0.6, 0.2, 0.1, 0.1]))}
        for q in range(queries)
    }


def rank(qrels: Qrel, noise: float, seed: int) -> dict[str, list[str]]:
    """Order by grade plus noise: the more noise, the worse the system."""
    rng = np.random.default_rng(seed)
    return {q: sorted(j, key=lambda p: -(j[p] + noise * rng.normal())) for q, j in qrels.items()}


def agreement() -> None:
    """Twenty systems over 68 queries: as many as the real judgments have."""
    print("| model | shopper | tau, CTR and nDCG@10 | tau, clicks@10 and nDCG@10 |")
    print("|---|---|---|---|")
    qrels = judge(68, 4)
    systems = {f"s{n}": rank(qrels, noise, n) for n, noise in enumerate(np.linspace(0.2, 6, 20))}
    ndcg = {
        name: float(np.mean(list(measure_queries(Qrels(qrels), Run(name, s), [M])[M].values())))
        for name, s in systems.items()
    }
    for model in MODELS:
        for shopper in ("navigational", "informational", "perfect"):
            found = {
                name: simulate(s, qrels, Simulation(model, sessions=1000, shopper=shopper))
                for name, s in systems.items()
            }
            taus = [
                rank_agreement({name: r.ctr.mean for name, r in found.items()}, ndcg).tau,
                rank_agreement({name: r.clicks_at_k.mean for name, r in found.items()}, ndcg).tau,
            ]
            print(f"| {model} | {shopper} | {taus[0]:.3f} | {taus[1]:.3f} |")


M = nDCG @ 10


def interleaving() -> None:
    """How often each verdict falls, over 100 pairs of systems, 68 queries, 10 searches each."""
    print("| model | systems | better | worse | cannot tell |")
    print("|---|---|---|---|---|")
    pairs = {"equal": (1.0, 1.0), "a little better": (1.3, 1.0), "better": (2.0, 1.0)}
    for model in ("pbm", "cascade", "dbn"):
        for name, (before, after) in pairs.items():
            verdicts = []
            for seed in range(100):
                qrels = judge(68, seed)
                systems = rank(qrels, before, seed), rank(qrels, after, seed + 5000)
                verdicts.append(
                    interleave(*systems, qrels, Simulation(model, sessions=10, seed=seed)).verdict
                )
            better, worse = verdicts.count("better"), verdicts.count("worse")
            print(f"| {model} | {name} | {better} | {worse} | {100 - better - worse} |")


def log_policy(searches: int, seed: int, world: ClickModel, rankings: np.ndarray) -> ClickLog:
    """Swap two neighbours of the served list, or none, with known chances."""
    rng = np.random.default_rng(seed)
    found = []
    depth = rankings.shape[1]
    for number in range(searches):
        query = int(rng.integers(len(rankings)))
        order = rankings[query].copy()
        swap = int(rng.integers(depth + 3))
        if swap < depth - 1:
            order[[swap, swap + 1]] = order[[swap + 1, swap]]
        clicks = world.simulate(order[None, :], rng)[0].tolist()
        chances = []
        for place, item in enumerate(order):
            home = int(np.flatnonzero(rankings[query] == item)[0])
            moves = (place > 0) + (place < depth - 1) if home == place else 1
            chances.append(1 - moves / (depth + 3) if home == place else 1 / (depth + 3))
        found.append(Search(str(number), f"q{query}", [f"p{i}" for i in order], clicks, chances))
    return collect_log(found)


def offpolicy() -> None:
    """Truth known; 200 logs of 2,000 searches from a list with neighbours swapped at random."""
    world = plant("pbm")
    base = np.arange(ITEMS).reshape(-1, DEPTH)[:, :5]
    target = base[:, [1, 0, 3, 2, 4]]
    rankings = {f"q{q}": [f"p{i}" for i in row] for q, row in enumerate(target)}
    truth = float(world.click_probabilities(target).sum(1).mean())
    logged = float(world.click_probabilities(base).sum(1).mean())
    runs = [estimate_clicks(log_policy(2000, n, world, base), rankings) for n in range(200)]
    print(f"truth {truth:.4f}; the list served most {logged:.4f}")
    print("| estimate | mean | bias / its error | deviation | covered by the 95 % interval |")
    print("|---|---|---|---|---|")
    for kind in ("ips", "self_normalised", "direct", "doubly_robust"):
        found = [getattr(run, kind) for run in runs]
        means = np.asarray([interval.mean for interval in found])
        covered = np.mean([interval.low <= truth <= interval.high for interval in found])
        error = means.std(ddof=1)
        bias = (means.mean() - truth) / (error / np.sqrt(len(means)))
        print(f"| {kind} | {means.mean():.4f} | {bias:+.1f} | {error:.4f} | {covered:.1%} |")


def speed() -> None:
    print("| what | median of 5, s |")
    print("|---|---|")
    qrels = judge(1000, 0)
    ranked = rank(qrels, 1.0, 0)
    jobs: dict[str, Callable[[], object]] = {
        "simulate dbn, 1,000 queries x 1,000 searches": lambda: simulate(
            ranked, qrels, Simulation("dbn")
        ),
        "the same, exact expectations": lambda: simulate(
            ranked, qrels, Simulation("dbn", sessions=0)
        ),
        "interleave dbn, 1,000 queries x 10 searches": lambda: interleave(
            ranked, ranked, qrels, Simulation("dbn", sessions=10)
        ),
    }
    for name in MODELS:
        sessions = draw(plant(name), 50_000, 1)
        jobs[f"fit {name}, 50,000 searches x 10 ranks"] = lambda n=name, s=sessions: (  # type: ignore[misc]
            MODELS[n].fit(s)
        )
    for name, job in jobs.items():
        times = []
        for _ in range(5):
            started = time.perf_counter()
            job()
            times.append(time.perf_counter() - started)
        print(f"| {name} | {np.median(times):.2f} |", flush=True)


PARTS = {
    part.__name__: part for part in (recovery, predict, agreement, interleaving, offpolicy, speed)
}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        print(f"\n## {part}\n", flush=True)
        PARTS[part]()

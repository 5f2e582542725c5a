r"""Train the ranker that comes with the package, and tell how good it is on queries it never saw.

    python benchmarks/ranker.py --shop ice.dsv3 -j dev.csv -j longtail.csv -j training.csv \
        --shop sample.dsv3 -j sample_data/judgments.csv [--out retriever/default_ranker]

Each table shows nDCG@10, the same of rated products alone, the share rated among the first ten and
the share of queries of which three of the first five products are right: of each file of judgments
by cross-validation over queries, and of each shop by a ranker trained on the other shops alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from dsv3 import ECommRetriever
from dsv3.eval.evaluation import evaluate
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.learn_ranker import (
    RIGHT,
    Lesson,
    cross_validate,
    learn_ranker,
    read_lessons,
    train_linear,
    train_trees,
)
from dsv3.eval.measures import Judged, condensed, nDCG
from dsv3.eval.qrels import Qrels
from dsv3.eval.run import Run
from dsv3.retriever.boosting import Trees
from dsv3.retriever.ranker import write_ranker

MEASURES = (nDCG @ 10, condensed(nDCG @ 10), Judged @ 10)
NONSENSE = 60  # queries of random letters that each shop learns to leave unanswered
SHORTEST, LONGEST = 4, 10  # letters


@dataclass(frozen=True)
class Part:
    """One file of judgments of one shop."""

    shop: Path
    file: Path
    qrels: Qrels
    lessons: Sequence[Lesson]

    def own(self, query: str) -> str:
        """Return a query's id among those of all parts."""
        return f"{self.file}\t{query}"


def nonsense(count: int) -> Qrels:
    """Return queries of random letters, which no product answers."""
    generator = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = {
        "".join(generator.choice(letters, generator.integers(SHORTEST, LONGEST)))
        for _ in range(count)
    }
    grades = {word: {"": 0} for word in sorted(words)}
    return Qrels(grades, complete=frozenset(grades))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", action="append", type=Path, required=True)
    parser.add_argument("-j", "--judgments", action="append", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    parts = list(_read(sys.argv[1:]))
    queries = {shop: sum(len(p.lessons) for p in parts if p.shop == shop) for shop in options.shop}
    most = max(queries.values())
    lessons = [
        replace(each, query=part.own(each.query), weight=most / queries[part.shop])
        for part in parts
        for each in part.lessons
    ]
    print(f"{len(lessons)} queries, {sum(len(each.grades) for each in lessons):,} candidates")
    begin = time.perf_counter()
    held_out = cross_validate(lessons)
    print(f"cross-validated in {time.perf_counter() - begin:.0f} s\n")
    runs = held_out.runs(lessons)
    figures: dict[str, float] = {}
    for part in parts:
        name = f"{part.file.parent.name}/{part.file.stem}"
        figures |= _show(name, part, [_only(part, run) for run in runs])
    for shop in dict.fromkeys(options.shop):
        _across(shop, parts)
    if options.out:
        sources = ", ".join(f"{p.file.stem} ({len(p.qrels)} queries)" for p in parts)
        about, trees = learn_ranker(
            lessons, held_out, encoder="default", trained_on=sources, figures=figures
        )
        write_ranker(options.out, about, trees)
        print(f"written to {options.out}")


def _read(arguments: Sequence[str]) -> list[Part]:
    """Read each file of judgments in the shop that was named last before it."""
    parts: list[Part] = []
    shop: Path | None = None
    for name, value in pairwise(arguments):
        if name == "--shop":
            shop = Path(value)
            with ECommRetriever.open(shop) as opened:
                found = list(read_lessons(opened, nonsense(NONSENSE)))
            parts.append(Part(shop, Path("nonsense") / shop.stem, nonsense(NONSENSE), found))
        elif name in ("-j", "--judgments") and shop is not None:
            with ECommRetriever.open(shop) as opened:
                qrels = load_qrels(value)
                parts.append(Part(shop, Path(value), qrels, list(read_lessons(opened, qrels))))
    return parts


def _only(part: Part, run: Run) -> Run:
    return Run(run.name, {q: run.rankings[part.own(q)][:100] for q in part.qrels.grades})


def _show(name: str, part: Part, runs: Sequence[Run]) -> dict[str, float]:
    if not any(part.qrels.relevant(query) for query in part.qrels.grades):
        return {}
    found = evaluate(part.qrels, runs, measures=MEASURES, baseline="joined")
    print(name)
    figures = {}
    for run in runs:
        means = [found.mean(str(measure), run.name) for measure in MEASURES]
        means.append(_covered(part.qrels, run))
        print(f"  {run.name:10}", "  ".join(f"{mean:.3f}" for mean in means), end="")
        against = [c for c in found.comparisons if c.system == run.name]
        for each in against[:1]:
            gap = each.difference
            print(f"  {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]", each.verdict, end="")
        print()
        figures[f"{name} nDCG@10 {run.name}"] = round(means[0], 4)
    return figures


def _covered(qrels: Qrels, run: Run) -> float:
    """Return the share of queries of which at least 3 of the first 5 products are right."""
    right = [
        sum((qrels.grade(query, each) or 0) >= RIGHT for each in run.rankings[query][:5])
        for query in qrels.grades
    ]
    return sum(count >= 3 for count in right) / len(right)


def _across(shop: Path, parts: Sequence[Part]) -> None:
    """Show a shop ranked by what was learned on the other shops."""
    known = [each for part in parts if part.shop != shop for each in part.lessons]
    if not known:
        return
    models = [Trees(train_trees(known, seed=seed)) for seed in range(3)]
    line = train_linear(known)
    for part in parts:
        if part.shop == shop:
            runs = [
                Run("ranker", {e.query: e.ranked(_mean(models, e)) for e in part.lessons}),
                Run("linear", {e.query: e.ranked(line.scores(e.features)) for e in part.lessons}),
                Run("joined", {e.query: e.ranked(e.joined) for e in part.lessons}),
            ]
            _show(f"{part.file.stem}, trained on other shops", part, runs)


def _mean(models: Sequence[Trees], lesson: Lesson) -> np.ndarray:
    scores: np.ndarray = np.mean([each.scores(lesson.features) for each in models], axis=0)
    return scores


if __name__ == "__main__":
    main()

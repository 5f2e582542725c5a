r"""Leave out each stage of understanding a query, and tell what that changes and what it costs.

    python benchmarks/stages.py shop.dsv3 judgments.csv [--queries 200]

Differences are those of nDCG@10 with everything less without the stage, with bootstrap intervals;
`asked` counts the queries whose first ten change. The times are medians over all queries.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

from dsv3 import ECommRetriever
from dsv3.eval.evaluation import evaluate
from dsv3.eval.judgments.load import load_qrels
from dsv3.eval.measures import nDCG
from dsv3.eval.run import Run
from dsv3.retriever.understanding.understand import EVIDENCE, STAGES

DEPTH = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop")
    parser.add_argument("judgments")
    parser.add_argument("--queries", type=int, default=1000)
    options = parser.parse_args()
    qrels = load_qrels(options.judgments)
    qrels = qrels.select(list(qrels.grades)[: options.queries])
    names = [name for name in dict.fromkeys((*STAGES, *EVIDENCE, "ranker")) if name != "words"]
    with ECommRetriever.open(options.shop) as shop:
        runs, took = [], {}
        for name in ("everything", *names):
            without = () if name == "everything" else (name,)
            ranking = replace(shop.settings.ranking, without=without)
            rankings, times = {}, []
            for query, text in qrels.queries.items():
                page = shop.retrieve(text, DEPTH, ranking=ranking, expand=True)
                rankings[query] = [hit.product_id for hit in page]
                times.append(page.took["total"])
            runs.append(Run(name, rankings))
            took[name] = statistics.median(times)
    found = evaluate(qrels, runs, measures=(nDCG @ DEPTH,), baseline="everything")
    base = runs[0].rankings
    print(f"everything  {found.mean('nDCG@10', 'everything'):.3f}  {took['everything']:.2f} ms")
    for run in runs[1:]:
        [each] = [c for c in found.comparisons if c.system == run.name]
        gap = each.difference
        asked = sum(run.rankings[query] != base[query] for query in base)
        print(
            f"{run.name:11} {-gap.mean:+.4f} [{-gap.high:+.4f}, {-gap.low:+.4f}] p "
            f"{each.p:.3f}  asked {asked}"
        )


if __name__ == "__main__":
    main()

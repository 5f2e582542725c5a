"""Fail a build when the search got worse: a floor, and a baseline it must not fall behind.

    python examples/evaluate_in_ci.py sample_data/catalogue.jsonl sample_data/judgments.csv

It exits with 1 where a condition such as --fail-if "nDCG@10 < 0.6" holds, or where search is worse
than BM25 beyond doubt, and with 2 where its input cannot be read; --report FILE writes a page to
keep. The command `dsv3 eval` has the same options, --fail-if-worse among them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from dsv3 import Dsv3Error, ECommRetriever
from dsv3.eval import evaluate_shop, failures, load_qrels, parse_condition, write_html
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading


def main() -> int:
    """Index a catalog as it stands, put the judged queries to it, and say what failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--encoder", default="default")
    parser.add_argument("--fail-if", action="append", default=[], metavar="CONDITION")
    parser.add_argument("--report", type=Path, help="HTML page to write.")
    given = parser.parse_args()
    conditions = [parse_condition(text) for text in given.fail_if]
    qrels = load_qrels(given.judgments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shop.dsv3"
        index_shop(folder, Reading([str(given.catalog)]), changes={"encoder": given.encoder})
        with ECommRetriever.open(folder) as shop:
            found = evaluate_shop(shop, qrels, bm25="default", clicks=None)
            if given.report is not None:
                write_html(found, given.report)
    for system, scores in found.scores.items():
        print(f"{system:<12} {found.primary} {scores[found.primary].mean.mean:.3f}")
    failed = failures(found, conditions, if_worse=True)
    for failure in failed:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Dsv3Error as error:
        print(f"evaluate_in_ci.py: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

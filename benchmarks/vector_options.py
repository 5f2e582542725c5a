"""Measure what smaller vectors cost in retrieval: precision of the encoder, of the index, and dim.

Run as `python benchmarks/vector_options.py shop.dsv3 judgments.csv`. Each option is judged as
`dsv3 eval change` does it: the shop's catalog is indexed with it beside the shop, and both are
searched with every judged query. Differences come with paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dsv3.eval.change import Verdict, judge_change
from dsv3.eval.judgments.load import load_qrels

OPTIONS: dict[str, dict[str, Any]] = {
    "encoder fp32": {"encoder": "default,precision=fp32"},
    "encoder int8": {"encoder": "default,precision=int8"},
    "index int8": {"index": "int8"},
    "index binary": {"index": "binary"},
    "index IVF256,RaBitQfs,Refine(SQ8)": {"index": "IVF256,RaBitQfs,Refine(SQ8)"},
    "dim 256": {"dim": 256},
    "dim 192": {"dim": 192},
    "dim 128": {"dim": 128},
    "dim 256, index int8": {"dim": 256, "index": "int8"},
    "dim 128, index binary": {"dim": 128, "index": "binary"},
    "encoder int8, index int8": {"encoder": "default,precision=int8", "index": "int8"},
}
# Bytes a vector takes in the index: the exact vectors, beside it on disk, are mapped.
DIM = 384


def code_bytes(options: dict[str, Any]) -> int:
    """Return how many bytes of a vector a search reads, before the best are scored exactly."""
    dim = options.get("dim", DIM)
    kind = options.get("index", "")
    if kind == "int8":
        return int(dim)
    if "binary" in kind or "RaBitQ" in kind:
        return int(dim) // 8 + 8
    return int(dim) * 4


def row(name: str, options: dict[str, Any], verdict: Verdict) -> str:
    cells = [name, f"{code_bytes(options):,}"]
    for lane in sorted(verdict.lanes, key=lambda lane: lane.lane):
        gap = lane.difference
        cells += [
            f"{lane.after:.4f}",
            f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]",
            f"{lane.loss:+.1%}",
        ]
    return "| " + " | ".join([*cells, "yes" if verdict.accepted else "no"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--options", nargs="*", default=list(OPTIONS), help=", ".join(OPTIONS))
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    qrels = load_qrels(options.judgments)
    print(
        "| option | bytes | dense nDCG@10 | difference | loss | hybrid | difference | loss | ok |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.options:
        verdict = judge_change(options.shop, OPTIONS[name], qrels, workers=options.workers)
        print(row(name, OPTIONS[name], verdict), flush=True)


if __name__ == "__main__":
    main()

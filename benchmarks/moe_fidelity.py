"""Does an upcycled V3 rank as its base does? Cosines and nDCG@10 on the real catalog.

    python benchmarks/moe_fidelity.py CATALOG_FOLDER [--products N] [--texts 1000]

CATALOG_FOLDER holds products.jsonl.gz and judgments-dev.csv. Both models encode the same texts
(title. brand. description, 600 characters of it) in one process; nDCG@10 is over the judged
queries, by exact search.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from dsv3.encoder.default import default_folder
from dsv3.encoder.upcycling.upcycle import upcycle_base
from dsv3.encoder.v3.gate_load import counting_load, expert_load
from sentence_transformers import SentenceTransformer


def read_texts(folder: Path) -> tuple[list[str], list[str]]:
    """Return the products' ids and texts."""
    ids, texts = [], []
    with gzip.open(folder / "products.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            product = json.loads(line)
            about = product.get("long_description") or product.get("short_description") or ""
            ids.append(product["id"])
            brand = product.get("supplier") or ""
            texts.append(f"{product['title']}. {brand}. {about[:600]}")
    return ids, texts


def read_judgments(folder: Path) -> dict[str, dict[str, int]]:
    """Return for each query the grades of its products."""
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    with (folder / "judgments-dev.csv").open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            grades[row["query"]][row["product_id"]] = int(row["grade"])
    return grades


def ndcg(ranked: list[str], grades: dict[str, int], k: int = 10) -> float:
    """Return nDCG@k with linear gain."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    gains = np.array([grades.get(one, 0) for one in ranked[:k]], dtype=float)
    ideal = np.array(sorted(grades.values(), reverse=True)[:k], dtype=float)
    best = float((ideal * discount[: len(ideal)]).sum())
    return float((gains * discount[: len(gains)]).sum()) / best if best else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--products", type=int, help="rank among the first N only")
    parser.add_argument("--texts", type=int, default=1000, help="texts whose cosines are taken")
    options = parser.parse_args()
    ids, texts = read_texts(options.catalog)
    judged = read_judgments(options.catalog)
    queries = list(judged)
    with tempfile.TemporaryDirectory() as folder:
        upcycle_base("default", Path(folder) / "v3", preset_name="v3-edge")
        v3 = SentenceTransformer(f"{folder}/v3")
    base = SentenceTransformer(str(default_folder()))
    step = max(len(texts) // options.texts, 1)
    sample = [*texts[::step][: options.texts], *queries]
    compare_vectors(base, v3, sample)
    if options.products != 0:
        few = slice(0, options.products)
        compare_ranking(base, v3, ids[few], texts[few], judged)


def compare_vectors(base: SentenceTransformer, v3: SentenceTransformer, sample: list[str]) -> None:
    """Print cosines to the base through each gate, and the load of the experts."""
    dense = base.encode(sample)
    with counting_load(v3):
        for task, encode in (("query", v3.encode_query), ("document", v3.encode_document)):
            cosine = (dense * encode(sample)).sum(1)
            print(
                f"{task} gate: cosine to the base over {len(sample)} texts: "
                f"least {cosine.min():.7f}, mean {cosine.mean():.7f}"
            )
    for load in expert_load(v3):
        if load.task == "document":
            print(f"layer {load.layer}: largest share of an expert {max(load.shares):.3f}")


def compare_ranking(
    base: SentenceTransformer,
    v3: SentenceTransformer,
    ids: list[str],
    texts: list[str],
    judged: dict[str, dict[str, int]],
) -> None:
    """Print nDCG@10 of both, and how many top tens are the same."""
    tops = {}
    for name, model in (("base", base), ("V3", v3)):
        begin = time.perf_counter()
        products = model.encode_document(texts, batch_size=64)
        scores = model.encode_query(list(judged)) @ products.T
        tops[name] = torch.as_tensor(scores).topk(10).indices.tolist()
        values = [
            ndcg([ids[row] for row in top], grades)
            for top, grades in zip(tops[name], judged.values(), strict=True)
        ]
        seconds = time.perf_counter() - begin
        print(
            f"{name}: nDCG@10 {np.mean(values):.6f} over {len(values)} queries, "
            f"{len(texts)} products, {seconds:.0f} s"
        )
    same = sum(one == other for one, other in zip(*tops.values(), strict=True))
    print(f"top tens alike, in order: {same} of {len(judged)}")


if __name__ == "__main__":
    main()

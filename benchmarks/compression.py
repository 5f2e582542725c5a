"""What compression saves and what it keeps: parameters, size, latency, nDCG@10.

    python benchmarks/compression.py MODEL SHOP JUDGMENTS [--out FOLDER] [--only NAME …]

MODEL is an encoder's name, SHOP an indexed shop, JUDGMENTS what `dsv3 eval` reads. Each variant
is made once and kept in FOLDER; a second run measures again what is there. Nothing is learned
from the judgments: distillation and pruning see product texts, and words out of them as queries.
The ranking is exact, over the vectors of all products of the shop.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from dsv3.encoder.compression.compress import RECORD, Compression, compress_model
from dsv3.encoder.compression.distil import Lessons
from dsv3.encoder.compression.prune import Pruning
from dsv3.eval.compression import as_table, measure_models
from dsv3.eval.judgments.load import load_qrels
from dsv3.indexer.shop import Shop
from dsv3.indexer.template import Template

VARIANTS = {
    "int8": Compression(["int8"]),
    "prune 0.2": Compression(["prune"], pruning=Pruning(ratio=0.21)),
    "prune 0.3": Compression(["prune"], pruning=Pruning(ratio=0.3)),
    "prune 0.4": Compression(["prune"], pruning=Pruning(ratio=0.4)),
    "prune 0.5": Compression(["prune"], pruning=Pruning(ratio=0.5)),
    "prune 0.4, recovered": Compression(["prune"], pruning=Pruning(ratio=0.4), recovery=150),
    "distil": Compression(["distil"]),
    "distil, prune 0.3, recovered": Compression(
        ["distil", "prune"], pruning=Pruning(ratio=0.3), recovery=150
    ),
    "distil, prune 0.3, recovered, int8": Compression(
        ["distil", "prune", "int8"], pruning=Pruning(ratio=0.3), recovery=150
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("shop", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/compression"))
    parser.add_argument("--only", nargs="*", help=f"of: {'; '.join(VARIANTS)}")
    parser.add_argument("--steps", type=int, default=Lessons().steps, help="of distillation")
    parser.add_argument("--workers", type=int, help="processes that encode the catalogue")
    parser.add_argument("--make-only", action="store_true", help="measure nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = product_texts(options.shop)
    models = {options.model: options.model}
    for name in options.only if options.only is not None else VARIANTS:
        models[name] = str(make(name, options, texts))
    if options.make_only:
        return
    qrels = load_qrels(options.judgments, "auto")
    rows = measure_models(models, options.shop, qrels, workers=options.workers, tell=print)
    print("\n".join(as_table(rows)))
    for row in rows[1:]:
        if row.comparison is not None:
            change = row.comparison.difference
            print(
                f"{row.name}: nDCG@10 {change.mean:+.4f} [{change.low:+.4f}, {change.high:+.4f}], "
                f"p {row.comparison.p:.3f}: {row.comparison.verdict}"
            )


def product_texts(shop: Path) -> list[str]:
    """Return the text of each product, as the shop's template puts it, on one line."""
    source = Shop.existing(shop)
    template = Template(source.settings.template)
    with source.open_catalog() as catalog:
        filled = [" ".join(template.fill(product).split()) for product in catalog.products()]
    return [text for text in filled if text]


def make(name: str, options: argparse.Namespace, texts: list[str]) -> Path:
    """Return the folder of a variant, making it where it is not there."""
    out: Path = options.out / name.replace(", ", "-").replace(" ", "")
    if not out.exists():
        how = VARIANTS[name]
        how = replace(how, lessons=replace(how.lessons, steps=options.steps))
        begin, used = time.perf_counter(), time.process_time()
        compress_model(options.model, out, texts, how)
        wall, cpu = time.perf_counter() - begin, time.process_time() - used
        print(f"{name}: made in {wall:.0f} s, {cpu:.0f} s of processor time", flush=True)
    noted = json.loads((out / RECORD).read_text())
    print(f"{name}: cosine {noted['cosine']:.4f}", *(what(noted)), sep="; ", flush=True)
    return out


def what(noted: dict[str, object]) -> list[str]:
    """Return what was chosen, in words."""
    said = []
    distilled, pruned = noted.get("distil"), noted.get("prune")
    if isinstance(distilled, dict):
        starts = {str(one["layers"]): round(one["cosine"], 4) for one in distilled["starts"]}
        first, last = distilled["losses"][0], distilled["losses"][-1]
        said.append(f"layers {distilled['layers']} of {starts}; loss {first} to {last}")
    if isinstance(pruned, dict):
        said.append(f"cosine after the cut {pruned['cosine']:.4f}")
        for site in pruned["sites"]:
            curve = {ratio: round(loss, 5) for ratio, loss in site["curve"].items()}
            said.append(f"\n  layer {site['layer']} {site['part']}: {curve}, {site['ratio']:.2f}")
    return said


if __name__ == "__main__":
    main()

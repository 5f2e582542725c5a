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
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from dsv3.encoder.compression.compress import RECORD, Compression, compress_model
from dsv3.encoder.compression.distil import DISTILLATION
from dsv3.encoder.compression.models import find_model, open_model, save_model
from dsv3.encoder.compression.prune import Pruned, Pruner, Pruning
from dsv3.encoder.compression.samples import make_samples
from dsv3.eval.compression import as_table, measure_models, shop_texts
from dsv3.eval.judgments.load import load_qrels
from dsv3.files import whole_folder

CUTS: dict[str, Callable[[Pruner], Pruned]] = {
    "prune 0.22": lambda pruner: pruner.prune(0.22),
    "prune 0.3": lambda pruner: pruner.prune(0.3),
    "prune 0.4": lambda pruner: pruner.prune(0.4),
    "prune 0.5": lambda pruner: pruner.prune(0.5),
    "prune 0.3, all parts alike": lambda pruner: pruner.prune_alike(0.3),
}
# The variant that another is made from, as one call would make both after each other; "" for the
# model itself.
COMBINED: dict[str, tuple[str, Compression]] = {
    "int8": ("", Compression(["int8"])),
    "prune 0.4, recovered": (
        "",
        Compression(["prune"], pruning=Pruning(ratio=0.4), recovery=150),
    ),
    "prune 0.4, int8": ("prune 0.4", Compression(["int8"])),
    "distil": ("", Compression(["distil"])),
    "distil, int8": ("distil", Compression(["int8"])),
    "distil, prune 0.3": ("distil", Compression(["prune"], pruning=Pruning(ratio=0.3))),
    "distil, prune 0.3, int8": ("distil, prune 0.3", Compression(["int8"])),
}


class Workshop:
    """Makes variants of one model, each in a folder of its own."""

    def __init__(self, model: str, shop: Path, out: Path, steps: int) -> None:
        self._model, self._out, self._steps = model, out, steps
        self._texts = shop_texts(shop)

    def make(self, name: str) -> Path:
        """Return the folder of a variant, making it where it is not there."""
        out = self._out / name.replace(", ", "-").replace(" ", "_")
        if not out.exists():
            begin, used = time.perf_counter(), time.process_time()
            if name in CUTS:
                self._cut(name, out)
            else:
                self._compress(name, out)
            wall, cpu = time.perf_counter() - begin, time.process_time() - used
            print(f"{name}: made in {wall:.0f} s, {cpu:.0f} s of processor time", flush=True)
        if (out / RECORD).exists():
            print(*describe(name, json.loads((out / RECORD).read_text())), sep="\n", flush=True)
        return out

    def _compress(self, name: str, out: Path) -> None:
        before, how = COMBINED[name]
        how = replace(how, distillation=replace(how.distillation, steps=self._steps))
        base = str(self.make(before)) if before else self._model
        compress_model(base, out, self._texts, how)

    def _cut(self, name: str, out: Path) -> None:
        """Prune with what was measured once for all ratios."""
        found = CUTS[name](self._pruner)
        print(f"{name}: cosine {found.cosine:.4f}", flush=True)
        with whole_folder(out) as unfinished:
            save_model(found.model, unfinished)

    @cached_property
    def _pruner(self) -> Pruner:
        model = open_model(find_model(self._model))
        pruner = Pruner(model, make_samples(self._texts), Pruning())
        print(f"experts that stay: {pruner.experts or 'all'}")
        for curve in pruner.curves:
            losses = ", ".join(f"{loss:.5f}" for loss in curve.losses)
            chosen = [f"{pruner.prune(ratio).ratios[curve.site]:.2f}" for ratio in (0.3, 0.4)]
            print(f"{curve.site}: {losses}; chosen for 0.3 and 0.4: {', '.join(chosen)}")
        return pruner


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("shop", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/compression"))
    names = [*CUTS, *COMBINED]
    parser.add_argument("--only", nargs="*", default=names, help=f"of: {'; '.join(names)}")
    parser.add_argument("--steps", type=int, default=DISTILLATION.steps, help="of distillation")
    parser.add_argument("--products", type=int, help="rank the judged and others, N in all")
    parser.add_argument(
        "--by", nargs="*", default=[], help="judgments whose queries are parts of JUDGMENTS"
    )
    parser.add_argument("--workers", type=int, help="processes that encode the catalog")
    parser.add_argument("--make-only", action="store_true", help="measure nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    workshop = Workshop(options.model, options.shop, options.out, options.steps)
    models = {options.model: options.model}
    models |= {name: str(workshop.make(name)) for name in options.only}
    if options.make_only:
        return
    rows = measure_models(
        models,
        options.shop,
        load_qrels(options.judgments, "auto"),
        products=options.products,
        workers=options.workers,
        tell=lambda name: print(f"measuring {name}", flush=True),
    )
    print("\n".join(as_table(rows)))
    for row in rows:
        if row.comparison is not None:
            change = row.comparison.difference
            print(
                f"{row.name}: nDCG@10 {change.mean:+.4f} [{change.low:+.4f}, {change.high:+.4f}], "
                f"p {row.comparison.p:.3f}: {row.comparison.verdict}"
            )
        for part in options.by:
            mean = fmean(row.values[query] for query in load_qrels(part, "auto").grades)
            print(f"{row.name}: {mean:.4f} on {Path(part).name}")


def describe(name: str, noted: dict[str, Any]) -> list[str]:
    """Return what was chosen and learned, in words."""
    said = [f"{name}: cosine {noted['cosine']:.4f}"]
    if distilled := noted.get("distil"):
        starts = ", ".join(f"{one['layers']} {one['cosine']:.4f}" for one in distilled["starts"])
        said.append(f"  layers {distilled['layers']}; untrained cosines {starts}")
        said.append(f"  {_course(distilled)}")
    if pruned := noted.get("prune"):
        said.append(f"  cosine after the cut {pruned['cosine']:.4f}")
        said += [f"  recovery: {_course(pruned['recovery'])}"] if "recovery" in pruned else []
    return said


def _course(learned: dict[str, Any]) -> str:
    losses = learned["losses"]
    first, last = sum(losses[:10]) / len(losses[:10]), sum(losses[-10:]) / len(losses[-10:])
    return (
        f"loss {first:.4f} to {last:.4f} in {len(losses)} steps; cosine {learned['cosine']:.4f} "
        "on texts not learned from"
    )


if __name__ == "__main__":
    main()

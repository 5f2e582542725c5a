"""Where does a mixture of experts spend its time at batch 1, and what is left when compiled?

    python benchmarks/moe_parts.py [--repeats 25]

The parts of one mixture layer of v3-edge, beside the dense feed-forward it replaces; then whole
forwards of V3 and its base as the compiled runtime runs them. Processor time of one thread,
medians of rounds in which the parts take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from dsv3.encoder.default import default_folder
from dsv3.encoder.load import load_encoder
from dsv3.encoder.upcycling.upcycle import upcycle, upcycle_base
from dsv3.encoder.v3.experts import Experts, Mixture
from dsv3.encoder.v3.model import Block
from dsv3.encoder.v3.padding import Padding
from dsv3.encoder.v3.presets import preset
from torch import Tensor
from transformers import BertModel

TEXTS = {
    "7 words": "wireless noise cancelling headphones black over ear",
    "21 words": "Silent mouse, 2.4 GHz wireless receiver, 1600 DPI, black, for laptops and tablets "
    "with a two year battery life included",
    "98 words": "Silent mouse with a 2.4 GHz receiver and 1600 DPI for laptops and tablets. " * 7,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    base = BertModel.from_pretrained(str(default_folder()), add_pooling_layer=False)
    model = upcycle(base, **preset("v3-edge").mixture)
    layers = cast("list[Block]", model.layers)
    mixture, dense = layers[1].mixture, layers[0].feed_forward
    assert mixture is not None
    assert dense is not None
    for tokens in (8, 32, 128):
        x = model.embeddings(torch.randint(1000, 30000, (1, tokens)), no_padding(tokens)).detach()
        with torch.inference_mode():
            ways: dict[str, Callable[[], object]] = {"dense": partial(dense, x)}
            ways |= parts(mixture, x)
            found = medians(ways, repeats)
        told = ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in found.items())
        print(f"{tokens} tokens, {len(slices(mixture, x))} experts used, ms: {told}", flush=True)
    compiled(repeats)


def no_padding(tokens: int) -> Padding:
    return Padding(torch.ones(1, tokens, dtype=torch.bool))


def slices(mixture: Mixture, x: Tensor) -> dict[int, Tensor]:
    """Return each used expert's tokens, as `Experts` gathers them."""
    index, _ = mixture.gates(x, "document")
    order = index.flatten().argsort(stable=True)
    sizes = torch.bincount(index.flatten(), minlength=mixture.experts.num_experts).tolist()
    by_expert = x[order // index.size(1)].split(sizes)
    return {e: some for e, some in enumerate(by_expert) if some.size(0)}


def parts(mixture: Mixture, x: Tensor) -> dict[str, Callable[[], object]]:
    """Return what a mixture does, piece by piece; routing is what is left of the whole."""
    sent = slices(mixture, x)
    experts: Experts = mixture.experts
    padding = no_padding(x.size(0))
    return {
        "mixture": lambda: mixture(x, "document", padding),
        "experts' products": lambda: [experts._expert(e, some) for e, some in sent.items()],
        "shared expert": lambda: mixture.shared(x) if mixture.shared is not None else None,
        "gate": lambda: mixture.gates(x, "document"),
    }


def medians(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.process_time()
            way()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(some) for name, some in taken.items()}


def compiled(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        upcycle_base("default", Path(folder) / "v3", preset_name="v3-edge")
        encoders = {"base": load_encoder("default"), "V3": load_encoder(f"{folder}/v3")}
        for name, text in TEXTS.items():
            forwards = {who: partial(one.encode_documents, [text]) for who, one in encoders.items()}
            found = {who: 1000 * seconds for who, seconds in medians(forwards, 2 * repeats).items()}
            ratio = found["V3"] / found["base"]
            print(
                f"compiled, {name}, ms: base {found['base']:.2f}, V3 {found['V3']:.2f}, "
                f"V3 / base {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

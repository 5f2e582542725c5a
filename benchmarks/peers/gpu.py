"""Measure encoding on a GPU: products a second, and the share of peak bfloat16 throughput.

Run as `python -m benchmarks.peers.gpu products.jsonl.gz --peak-tflops 989` (an H100 SXM's dense
bfloat16 peak). sentence-transformers encodes the same texts on the same GPU, in float32 and in
bfloat16, for comparison; `--device cpu` tries the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.corpus.fill import fill_cache
from dsv3.encoder.default import default_folder
from dsv3.encoder.folders import find_folder
from dsv3.encoder.load import load_encoder

from .product_texts import read_products


def multiply_adds(folder: Path, lengths: Sequence[int]) -> float:
    """Count the multiply-adds of a dense BERT-like model over texts of these lengths.

    A token passes 4 h^2 in attention's projections, 2 h f in the feed-forward and 2 L h in
    attention itself, in each layer (h hidden, f feed-forward width, L length).
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    hidden, wide, layers = (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
    )
    fixed = 4 * hidden**2 + 2 * hidden * wide
    return float(sum(layers * length * (fixed + 2 * length * hidden) for length in lengths))


def by_sentence_transformers(folder: Path, device: str, half: bool) -> Callable[[list[str]], Any]:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device=device)
    if half:
        model = model.to(torch.bfloat16)
    return lambda texts: model.encode(texts, convert_to_tensor=True).float().cpu()


def into_a_cache(encoder: Any, texts: list[str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddingCache(Path(folder) / "cache.sqlite") as cache,
    ):
        fill_cache(encoder, texts, cache)


def seconds(encode: Callable[[list[str]], Any], texts: list[str], rounds: int) -> float:
    encode(texts[:256])
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        encode(texts)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("products", type=Path)
    parser.add_argument("--encoder", default="default", help="dense, for the count of operations")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--count", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak-tflops", type=float, required=True, help="bfloat16, dense")
    options = parser.parse_args()
    texts = [product["text"] for product in read_products(options.products)][: options.count]
    folder = default_folder() if options.encoder == "default" else find_folder(options.encoder)
    ours = load_encoder(options.encoder, runtime="torch", device=options.device)
    lengths = [min(int(length), ours.max_tokens) for length in ours.count_tokens(texts)]
    flops = 2 * multiply_adds(folder, lengths)
    systems: dict[str, Callable[[list[str]], Any]] = {
        "sentence-transformers": by_sentence_transformers(folder, options.device, half=False),
        "sentence-transformers, bf16": by_sentence_transformers(folder, options.device, half=True),
        "dsv3, encode_documents": ours.encode_documents,
        "dsv3, into the cache": lambda some: into_a_cache(ours, some),
    }
    print(f"{len(texts):,} texts, {sum(lengths):,} tokens, {flops / 1e12:.1f} TFLOP\n")
    print("| system | products/s | TFLOP/s | share of peak |\n|---|---|---|---|")
    for name, encode in systems.items():
        took = seconds(encode, texts, options.rounds)
        rate = flops / took / 1e12
        share = rate / options.peak_tflops
        print(f"| {name} | {len(texts) / took:,.0f} | {rate:.2f} | {share:.2%} |", flush=True)


if __name__ == "__main__":
    main()

"""Does dynamic attention find what full attention finds? Known items in documents of 8,000 tokens.

    python benchmarks/attention_fidelity.py CATALOG_FOLDER --keep FOLDER [--kinds full dynamic]

CATALOG_FOLDER holds products.jsonl.gz. A document is a page: every attribute of the products
that are nearest to each other, in random order, up to 8,190 tokens. Areas of the catalog (eight)
give six pages each, so that a page's rivals are about the same kind of goods. Each product's title,
which the page does not print, asks for the page the product is on. The encoder is all-MiniLM in
V3's code, without experts; vectors are the mean over tokens. What is encoded is kept in --keep,
page by page: a run that was stopped goes on, and kinds can be encoded by several processes
(--encode-only) before one compares them.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import torch
from dsv3.encoder.default import default_folder
from dsv3.encoder.upcycling.upcycle import upcycle
from dsv3.encoder.v3 import V3Model
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

Floats = npt.NDArray[np.float32]

AREAS, PAGES, TOKENS = 8, 6, 8190
DYNAMIC = {
    "attention": "dynamic",
    "attention_segment": 512,
    "attention_block": 128,
    "attention_top_k": 4,
    "attention_neighbours": 1,
    "attention_summary": False,
}
# What is set in the model's configuration; `position_extension` is "repeat" unless it is named.
KINDS: dict[str, dict[str, Any]] = {
    "full": {"attention": "full"},
    "dynamic": DYNAMIC,
    "dynamic-summary": {**DYNAMIC, "attention_summary": True},
    "dynamic-top0": {**DYNAMIC, "attention_top_k": 0},
    "dynamic-top8": {**DYNAMIC, "attention_top_k": 8},
    "dynamic-1024": {**DYNAMIC, "attention_segment": 1024},
    "first-512": {"attention": "full"},
    "chunks-512": {"attention": "full"},
    "full-interpolate": {"attention": "full", "position_extension": "interpolate"},
    "full-grouped": {"attention": "full", "position_extension": "grouped"},
    "dynamic-interpolate": {**DYNAMIC, "position_extension": "interpolate"},
    "dynamic-grouped": {**DYNAMIC, "position_extension": "grouped"},
}


@dataclass(frozen=True)
class Page:
    """A document and the products on it: token ids with [CLS] and [SEP], titles."""

    tokens: list[int]
    titles: list[str]


def read_products(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "products.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def clean(text: object) -> str:
    bare = html.unescape(re.sub(r"<[^>]+>", " ", str(text)))
    return re.sub(r"\s+", " ", bare).strip()


def facts(product: dict[str, Any]) -> str:
    """Write out what is known of a product, its title apart."""
    parts = [product["supplier"], clean(product.get("short_description") or product["name"])]
    for key, value in product.items():
        if key.startswith("attr_") and value is not False:
            name = re.sub(r"_+", " ", key.split("_", 2)[2]).strip()
            parts.append(name if value is True else f"{name}: {clean(value)}")
    return ". ".join(parts)


def product_vectors(products: list[dict[str, Any]], keep: Path) -> Floats:
    """Encode the products by themselves, to know which are alike."""
    path = keep / "products.npy"
    if not path.exists():
        texts = [
            f"{one['title']}. {one['supplier']}. {clean(one.get('short_description') or '')[:600]}"
            for one in products
        ]
        model = SentenceTransformer(str(default_folder()), device="cpu")
        np.save(path, model.encode(texts, batch_size=32))
    vectors: Floats = np.load(path)
    return vectors


def make_pages(
    products: list[dict[str, Any]], vectors: Floats, tokenizer: Any, areas: int
) -> list[Page]:
    """Deal products to pages: `areas` neighbourhoods of the catalog, PAGES pages of each."""
    rng = np.random.default_rng(7)
    free = np.ones(len(products), bool)
    pages: list[Page] = []
    for anchor in rng.permutation(len(products)):
        alike = vectors @ vectors[anchor]
        if len(pages) == areas * PAGES or not free[anchor] or np.sort(alike)[-300] < 0.5:
            continue  # done, taken, or without enough of its kind
        seed = int(anchor)
        for _ in range(PAGES):
            near = [int(row) for row in np.argsort(-(vectors @ vectors[seed])) if free[row]][:80]
            dealt = deal(near, products, tokenizer, free)
            bodies = [dealt[row] for row in rng.permutation(list(dealt))]
            pages.append(to_page(bodies, tokenizer))
            seed = int(np.where(free, alike, -9).argmax())
    return pages


def deal(
    near: list[int], products: list[dict[str, Any]], tokenizer: Any, free: npt.NDArray[np.bool_]
) -> dict[int, tuple[str, list[int]]]:
    """Take the nearest products, a page full of them: title and tokens by row."""
    dealt: dict[int, tuple[str, list[int]]] = {}
    room = TOKENS
    for row in near:
        body = tokenizer(facts(products[row]), add_special_tokens=False)["input_ids"]
        if len(body) > 900:
            continue  # one product must not be the page
        if len(body) > room:
            break
        dealt[row] = (products[row]["title"], body)
        room -= len(body)
        free[row] = False
    return dealt


def to_page(bodies: list[tuple[str, list[int]]], tokenizer: Any) -> Page:
    tokens = [tokenizer.cls_token_id, *(t for _, body in bodies for t in body)]
    return Page([*tokens, tokenizer.sep_token_id], [title for title, _ in bodies])


@torch.no_grad()
def encode(model: V3Model, tokens: list[int]) -> Floats:
    hidden = model(torch.tensor([tokens])).last_hidden_state[0].mean(0)  # (hidden,)
    unit: Floats = torch.nn.functional.normalize(hidden, dim=0).numpy()
    return unit


def page_vector(model: V3Model, kind: str, page: Page) -> Floats:
    for name, value in KINDS[kind].items():
        setattr(model.config, name, value)
    model.embeddings.extension = KINDS[kind].get("position_extension", "repeat")
    first, *body, last = page.tokens
    if kind == "first-512":
        return encode(model, [first, *body[:510], last])
    if kind == "chunks-512":
        chunks = [body[at : at + 510] for at in range(0, len(body), 510)]
        mean = np.mean([encode(model, [first, *chunk, last]) for chunk in chunks], axis=0)
        unit: Floats = mean / np.linalg.norm(mean)
        return unit
    return encode(model, page.tokens)


def page_vectors(model: V3Model, kind: str, pages: list[Page], keep: Path) -> Floats:
    path = keep / f"{kind}.npy"
    done = list(np.load(path)) if path.exists() else []
    for page in pages[len(done) :]:
        done.append(page_vector(model, kind, page))
        np.save(path, np.stack(done))
    return np.stack(done[: len(pages)])


def gains(queries: Floats, home: npt.NDArray[np.int64], pages: Floats) -> tuple[Floats, Floats]:
    """Return for each query the nDCG@10 and the rank of its page."""
    scores = queries @ pages.T
    rank = 1 + (scores > scores[np.arange(len(home)), home][:, None]).sum(1)
    return np.where(rank <= 10, 1 / np.log2(1 + rank), 0), rank


def interval(ours: Floats, full: Floats, home: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of two means, drawing whole pages anew."""
    rng = np.random.default_rng(0)
    sums = np.stack([np.bincount(home, weights=x) for x in (ours, full)])  # (2, pages)
    drawn = rng.integers(sums.shape[1], size=(4000, sums.shape[1]))
    ratios = sums[0][drawn].sum(1) / sums[1][drawn].sum(1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--keep", type=Path, required=True, help="folder of what is encoded")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--areas", type=int, default=AREAS)
    parser.add_argument("--encode-only", action="store_true")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    products = read_products(options.catalog)
    tokenizer = AutoTokenizer.from_pretrained(str(default_folder()))
    pages = make_pages(products, product_vectors(products, options.keep), tokenizer, options.areas)
    lengths = [len(page.tokens) for page in pages]
    home = np.array([n for n, page in enumerate(pages) for _ in page.titles])
    print(
        f"{len(pages)} pages of {min(lengths):,} to {max(lengths):,} tokens "
        f"(median {np.median(lengths):,.0f}), {len(home):,} queries"
    )
    model = upcycle(AutoModel.from_pretrained(str(default_folder())), moe_layers=[])
    if options.encode_only:
        for kind in options.kinds:
            page_vectors(model, kind, pages, options.keep)
        return
    titles = [title for page in pages for title in page.titles]
    queries = SentenceTransformer(str(default_folder()), device="cpu").encode(titles)
    full = page_vectors(model, "full", pages, options.keep)
    print("| attention | nDCG@10 | of full | 95 % | R@1 | R@5 | cosine to full |")
    print("|---|---|---|---|---|---|---|")
    base, _ = gains(queries, home, full)
    for kind in options.kinds:
        vectors = page_vectors(model, kind, pages, options.keep)
        ndcg, rank = gains(queries, home, vectors)
        low, high = interval(ndcg, base, home)
        cosine = (vectors * full).sum(1)
        print(
            f"| {kind} | {ndcg.mean():.3f} | {ndcg.mean() / base.mean():.3f} "
            f"| {low:.3f} to {high:.3f} | {(rank == 1).mean():.3f} | {(rank <= 5).mean():.3f} "
            f"| {cosine.mean():.3f} (least {cosine.min():.3f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()

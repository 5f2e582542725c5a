"""What a smaller encoder costs and what it keeps: parameters, size, speed, nDCG@10."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

import numpy as np

from ..encoder.corpus.cache import EmbeddingCache
from ..encoder.folders import find_folder
from ..encoder.load import load_encoder
from ..indexer.shop import Shop
from ..indexer.template import Template
from .clicks.intervals import ratio_intervals
from .compare import Comparison, Interval, compare_values, mean_interval
from .holes import doubted
from .measures import Judged, measure_queries, parse_measure
from .qrels import Qrels
from .systems.dense import DenseSystem

if TYPE_CHECKING:
    from ..encoder.base import Encoder
    from .measures import Measure
    from .run import Run

_MEASURE = "nDCG@10"
_TIMED_QUERIES, _TIMED_TEXTS = 50, 256


@dataclass(frozen=True)
class ModelRow:
    """One model's line of the table.

    Attributes:
        name: as the table prints it.
        parameters: numbers in its weights; None where a compiled folder does not say.
        bytes: of its weights on disk.
        query_ms: median time of one query, on one thread.
        documents_per_second: over product texts, on one thread.
        quality: mean nDCG@10 of the exact dense ranking.
        kept: quality as a share of the first model's, over the same resampled queries.
        rated: share of the first ten results that have a grade; where it is lower than the
            first model's, more may be kept than `kept` says.
        comparison: with the first model, its verdict by what is rated too; None for the first
            itself.
        values: each query's nDCG@10.

    """

    name: str
    parameters: int | None
    bytes: int
    query_ms: float
    documents_per_second: float
    quality: Interval
    kept: Interval | None
    rated: float
    comparison: Comparison | None
    values: Mapping[str, float]


def measure_models(
    models: Mapping[str, str],
    shop: str | Path,
    qrels: Qrels,
    *,
    products: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda stage: None,
) -> list[ModelRow]:
    """Measure encoders on a shop's catalog; each is compared with the first.

    Vectors are kept in the shop's cache, so that a model is encoded with but once.

    Args:
        models: what the table calls a model -> its encoder's name.
        shop: whose products are ranked, as its template puts them.
        qrels: the judgments.
        products: rank among those judged and evenly drawn others, so many in all; None for all.
        workers: processes that encode the catalog; one a core when None.
        seed: of resampling.
        tell: called with what is done next.

    Raises:
        ShopError: there is no such shop.
        EncoderError: a model cannot be loaded.

    """
    source = Shop.existing(shop)
    found = _filled(source)
    ids = _drawn(list(found), qrels, products)
    texts = [found[product] for product in ids]
    measure = parse_measure(_MEASURE)
    rows: list[ModelRow] = []
    first: Ranked | None = None
    for name, encoder_name in models.items():
        tell(name)
        encoder = load_encoder(encoder_name, threads=1)
        speed = _speed(encoder, list(qrels.queries.values()), texts)
        with EmbeddingCache(source.embeddings) as cache:
            system = DenseSystem(name, encoder, ids, texts, cache, workers=workers)
        run = system.rank(qrels.queries, 100)
        ranked = Ranked(run, measure_queries(qrels, run, [measure, Judged @ 10]))
        first = first or ranked
        rows.append(_row(name, encoder_name, speed, qrels, first, ranked, seed))
    return rows


def shop_texts(shop: str | Path) -> list[str]:
    """Return each product's text as the shop's template puts it, on one line.

    Raises:
        ShopError: there is no such shop.

    """
    texts = [" ".join(text.split()) for text in _filled(Shop.existing(shop)).values()]
    return [text for text in texts if text]


def _filled(source: Shop) -> dict[str, str]:
    template = Template(source.settings.template)
    with source.open_catalog() as catalog:
        return {product.product_id: template.fill(product) for product in catalog.products()}


def _drawn(products: Sequence[str], qrels: Qrels, wanted: int | None) -> list[str]:
    """Return the judged products and, evenly from the others, as many as are wanted."""
    if wanted is None or wanted >= len(products):
        return list(products)
    judged = {product for grades in qrels.grades.values() for product in grades}
    others = [product for product in products if product not in judged]
    more = max(wanted - (len(products) - len(others)), 0)
    drawn = {others[int(place)] for place in np.linspace(0, len(others) - 1, more)}
    return [product for product in products if product in judged or product in drawn]


@dataclass(frozen=True)
class Ranked:
    """A model's ranking and each query's values of each measure."""

    run: Run
    values: Mapping[Measure, Mapping[str, float]]


def _row(
    name: str,
    encoder_name: str,
    speed: tuple[float, float],
    qrels: Qrels,
    first: Ranked,
    ranked: Ranked,
    seed: int,
) -> ModelRow:
    parameters, size = weigh(encoder_name)
    measure = parse_measure(_MEASURE)
    values, before = ranked.values[measure], first.values[measure]
    ours, theirs = (np.array([list(each.values())]).T for each in (values, before))
    compared = None
    if ranked is not first:
        names = (first.run.name, name)
        found = compare_values(before, values, measure=_MEASURE, names=names, seed=seed)
        runs = {first.run.name: first.run, name: ranked.run}
        (compared,) = doubted([found], qrels, runs, [measure], k=10, seed=seed)
    return ModelRow(
        name=name,
        parameters=parameters,
        bytes=size,
        query_ms=speed[0],
        documents_per_second=speed[1],
        quality=mean_interval(list(values.values()), seed=seed),
        kept=ratio_intervals(ours, theirs, seed=seed)[0],
        rated=fmean(ranked.values[Judged @ 10].values()),
        comparison=compared,
        values=values,
    )


def _speed(encoder: Encoder, queries: Sequence[str], texts: Sequence[str]) -> tuple[float, float]:
    """Return the median milliseconds of one query, and documents a second."""
    for query in queries[:_TIMED_QUERIES]:  # each new length is compiled once
        encoder.encode_queries([query])
    took = []
    for query in queries[:_TIMED_QUERIES]:
        begin = time.perf_counter()
        encoder.encode_queries([query])
        took.append(time.perf_counter() - begin)
    some = texts[:: max(len(texts) // _TIMED_TEXTS, 1)][:_TIMED_TEXTS]
    encoder.encode_documents(some)
    begin = time.perf_counter()
    encoder.encode_documents(some)
    return median(took) * 1000, len(some) / (time.perf_counter() - begin)


def weigh(encoder_name: str) -> tuple[int | None, int]:
    """Return a model's parameters and the bytes of its weights, by its encoder's name.

    A compiled encoder's parameters are those that were noted when it was compressed.
    """
    from ..encoder.default import default_folder
    from ..encoder.names import EncoderName
    from ..encoder.runtime.manifest import is_compiled

    base = EncoderName.parse(encoder_name).base
    if base.partition(":")[0] == "hashing":
        return 0, 0
    folder = default_folder() if base == "default" else find_folder(base)
    compiled = sorted(folder.glob("*.bin"))  # for documents, and for queries
    if is_compiled(folder):
        return _noted_parameters(folder), sum(file.stat().st_size for file in compiled)
    files = sorted(folder.glob("*.safetensors"))
    return sum(map(_parameters, files)) or None, sum(file.stat().st_size for file in files)


def _noted_parameters(folder: Path) -> int | None:
    try:
        noted = json.loads((folder / "compression.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = noted.get("parameters") if isinstance(noted, dict) else None
    return int(found) if found is not None else None


def _parameters(file: Path) -> int:
    """Count the parameters in a safetensors file from its header.

    The gates' biases, which no gradient reaches, are none.
    """
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as stored:
        names = [name for name in stored.keys() if not name.endswith("gates.bias")]  # noqa: SIM118
        return sum(int(np.prod(stored.get_slice(name).get_shape())) for name in names)


def as_table(rows: Sequence[ModelRow]) -> list[str]:
    """Return the rows as lines of a Markdown table."""
    lines = [
        "| model | parameters | weights | query ms | documents/s | nDCG@10 | kept | rated |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        size = "" if row.parameters is None else f"{row.parameters / 1e6:.2f}M"
        lines.append(
            f"| {row.name} | {size} | {row.bytes / 1e6:.1f} MB | {row.query_ms:.2f} | "
            f"{row.documents_per_second:.0f} | {row.quality.mean:.4f} "
            f"[{row.quality.low:.4f}, {row.quality.high:.4f}] | {_share(row.kept)} | "
            f"{row.rated:.0%} |"
        )
    return lines


def _share(kept: Interval | None) -> str:
    return "" if kept is None else f"{kept.mean:.1%} [{kept.low:.1%}, {kept.high:.1%}]"

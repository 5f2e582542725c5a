"""What to rate next: the pairs that nobody rated, those first that decide a comparison."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Any

import orjson

from ...errors import InputError
from ...files import write_whole
from ...indexer.known_fields import KNOWN_FIELDS
from ...indexer.product import Product
from ..evaluation import evaluate
from ..holes import unrated
from ..measures import Measure, label, nDCG
from ..qrels import Qrels
from ..run import Run
from ..shop import Tell, compare_shop

if TYPE_CHECKING:
    from ...retriever.retriever import ECommRetriever

DEEPEST = 100
"""Pairs from further down are drawn from as many results as this."""
DRAWS = 3
"""Guesses at what the raters will say, to tell how many ratings settle a comparison."""
STEPS = 64
_RATED = tuple(each.name for each in KNOWN_FIELDS if each.rated)
_DESCRIPTION, _VALUE, _ATTRIBUTES = 400, 200, 40  # characters, characters, number

Judged = tuple[str, str]
"""A query's id and a product's."""


@dataclass(frozen=True)
class Pool:
    """Pairs to rate, in the order in which they are best rated.

    Attributes:
        lines: what a rater is shown of each pair; neither systems, ranks nor grades.
        unrated: how many of them the systems show within the depth.
        controls: how many are rated already.
        deeper: how many come from further down.
        absent: pairs left out because no shop at hand holds the product.
        compared: the primary comparison, as in "nDCG@10 of hybrid against bm25 tuned".
        settling: how many of the first would likely settle it; 0 where it is settled.

    """

    lines: tuple[Mapping[str, Any], ...]
    unrated: int
    controls: int
    deeper: int
    absent: int
    compared: str
    settling: int

    def write(self, path: Path) -> None:
        """Write one JSON object a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, b"".join(orjson.dumps(line) + b"\n" for line in self.lines))


def make_pool(
    shop: ECommRetriever,
    qrels: Qrels,
    *,
    against: Mapping[str, ECommRetriever] | None = None,
    runs: Sequence[Run] = (),
    bm25: str = "tuned",
    depth: int = 15,
    controls: float = 0.1,
    deeper: int = 20,
    k: int = 10,
    seed: int = 0,
    tell: Tell = lambda stage: None,
) -> Pool:
    """Gather what the systems of `evaluate_shop` show and nobody rated.

    Args:
        shop: the shop that is evaluated: its hybrid search and its two lanes.
        qrels: the judgments that have holes.
        against: other shops by name.
        runs: other engines' runs.
        bm25: tuned, default or none.
        depth: how far down each ranking is rated.
        controls: rated pairs to mix in, as a share of the unrated ones.
        deeper: pairs to draw from below the depth, down to rank 100.
        k: results that the comparison by nDCG looks at.
        seed: of all that is drawn.
        tell: called with what is done next.

    Raises:
        InputError: nothing within the depth is unrated, or an argument cannot be.

    """
    if depth < 1 or deeper < 0 or not 0 <= controls <= 1:
        raise InputError("depth counts from 1, --deeper from 0, and --controls is a share, 0 to 1")
    compared = compare_shop(
        shop, qrels, against=against, runs=runs, bm25=bm25, seed=seed, tell=tell
    )
    ranked = compared.rank(qrels, max(depth, DEEPEST), tell)
    shown = [run for run in ranked if run.name != "random"]
    baseline = compared.baseline if compared.baseline != "random" else shown[0].name
    measure = nDCG @ k
    tell("reading products")
    deep = unrated(qrels, shown, max(depth, DEEPEST))
    products = _products([shop, *(against or {}).values()], _ids(qrels, deep))
    wanted = unrated(qrels, shown, depth)
    first = order_pairs(
        [pair for pair in wanted if pair[1] in products], qrels, shown, baseline, measure, depth
    )
    if not first:
        raise InputError(
            f"nothing to rate: all that the systems show within {depth} results is rated"
            if not wanted
            else f"nothing to rate: no shop at hand holds any of the {len(wanted)} unrated products"
        )
    generator = random.Random(seed)  # noqa: S311
    below = sorted(pair for pair in deep - wanted if pair[1] in products)
    further = generator.sample(below, min(deeper, len(below)))
    queries = {query for query, _ in first}
    known = draw_controls(
        qrels.select(query for query in qrels.grades if query in queries),
        shown, products, round(controls * len(first)), generator,
    )  # fmt: skip
    mixed = _mix(first, [*known, *further], generator)
    tell("guessing how many settle the comparison")
    system = shown[-1]
    (base,) = (run for run in shown if run.name == baseline)
    return Pool(
        lines=tuple(_line(qrels, query, products[product]) for query, product in mixed),
        unrated=len(first),
        controls=len(known),
        deeper=len(further),
        absent=len(wanted) - len(first),
        compared=f"{label(measure)} of {system.name} against {baseline}",
        settling=settling(mixed, qrels, system, base, measure, seed),
    )


def weigh_pairs(qrels: Qrels, system: Run, baseline: Run, k: int) -> dict[Judged, float]:
    """Return by how much each pair's grade can move the difference of two systems' nDCG@k.

    The difference of two systems' DCG is a sum over products, gain(d) (1/log2(1 + r_A(d)) -
    1/log2(1 + r_B(d))), where a discount is 0 below rank k. The weight of a pair is therefore how
    far apart its two discounts are, times the best gain, over the query's ideal DCG as far as it
    is known. Where both systems show a product at one rank the weight is 0: no grade of it
    matters (Carterette, Allan and Sitaraman, Minimal test collections for retrieval evaluation,
    SIGIR 2006, who give it for average precision).
    """
    best = max((grade for judged in qrels.grades.values() for grade in judged.values()), default=1)
    most = qrels.gain(max(best, 1)) or 1.0
    weights = {}
    for query, judged in qrels.grades.items():
        mine, other = (_discounts(run.top(query, k)) for run in (system, baseline))
        gains = sorted((qrels.gain(grade) for grade in judged.values()), reverse=True)[:k]
        ideal = max(most, sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1)))
        for product in {*mine, *other}:
            apart = abs(mine.get(product, 0.0) - other.get(product, 0.0))
            weights[query, product] = most * apart / ideal
    return weights


def _discounts(shown: Iterable[str]) -> dict[str, float]:
    return {product: 1 / log2(rank + 1) for rank, product in enumerate(shown, 1)}


def order_pairs(
    pairs: Iterable[Judged],
    qrels: Qrels,
    runs: Sequence[Run],
    baseline: str,
    measure: Measure,
    depth: int,
) -> list[Judged]:
    """Order pairs by their weight in the primary comparison, then in any other, then by rank.

    The primary comparison is that of the last run with the baseline.
    """
    k = int(measure.params["cutoff"])
    (base,) = (run for run in runs if run.name == baseline)
    weights = [weigh_pairs(qrels, run, base, k) for run in runs if run.name != baseline]
    ranks: dict[Judged, int] = {}
    for run in runs:
        for query in qrels.grades:
            for rank, product in enumerate(run.top(query, depth), 1):
                ranks[query, product] = min(rank, ranks.get((query, product), rank))

    def key(pair: Judged) -> tuple[float, float, int, Judged]:
        primary = weights[-1].get(pair, 0.0) if weights else 0.0
        other = max((found.get(pair, 0.0) for found in weights[:-1]), default=0.0)
        return -primary, -other, ranks[pair], pair

    return sorted(pairs, key=key)


def draw_controls(
    qrels: Qrels,
    runs: Sequence[Run],
    products: Iterable[str],
    count: int,
    generator: random.Random,
) -> list[Judged]:
    """Draw rated pairs, as many of each grade as there are; those that a system shows first."""
    at_hand = set(products)
    seen = {
        (query, product)
        for run in runs
        for query in qrels.grades
        for product in run.top(query, DEEPEST)
    }
    by_grade: dict[int, list[Judged]] = {}
    for query, judged in qrels.grades.items():
        for product, grade in judged.items():
            if product in at_hand:
                by_grade.setdefault(max(0, grade), []).append((query, product))
    for pairs in by_grade.values():
        generator.shuffle(pairs)
        pairs.sort(key=lambda pair: pair in seen)  # taken from the end
    drawn: list[Judged] = []
    while len(drawn) < count and any(by_grade.values()):
        for grade in sorted(by_grade):
            if by_grade[grade] and len(drawn) < count:
                drawn.append(by_grade[grade].pop())
    return drawn


def settling(
    order: Sequence[Judged],
    qrels: Qrels,
    system: Run,
    baseline: Run,
    measure: Measure,
    seed: int = 0,
) -> int:
    """Guess how many pairs, rated in this order, make the verdict on two systems stand.

    Grades of the unrated are drawn as often as they were given so far; the verdict is that of
    `evaluate` on these two alone. The median of `DRAWS` guesses, each found by halving to a
    `STEPS`th of the pairs. 0 where the verdict stands as it is.
    """

    def stands(world: Qrels) -> bool:
        found = evaluate(world, [baseline, system], measures=[measure], seed=seed).comparison()
        return found is None or not found.unrated

    if stands(qrels):
        return 0
    grades = [grade for judged in qrels.grades.values() for grade in judged.values()]
    step = -(-len(order) // STEPS)
    counts = []
    for draw in range(DRAWS):
        generator = random.Random(seed + draw)  # noqa: S311
        guessed = {pair: generator.choice(grades) for pair in order}
        low, high = 1, -(-len(order) // step)
        while low < high:
            middle = (low + high) // 2
            if stands(_rated(qrels, {pair: guessed[pair] for pair in order[: middle * step]})):
                high = middle
            else:
                low = middle + 1
        counts.append(min(low * step, len(order)))
    return median_low(counts)


def _rated(qrels: Qrels, grades: Mapping[Judged, int]) -> Qrels:
    """Return the judgments with grades for pairs that have none."""
    known = {query: dict(judged) for query, judged in qrels.grades.items()}
    for (query, product), grade in grades.items():
        known[query].setdefault(product, grade)
    return replace(qrels, grades=known)


def _ids(qrels: Qrels, pairs: Iterable[Judged]) -> set[str]:
    """Return the products that may be shown to a rater."""
    rated = {product for judged in qrels.grades.values() for product in judged}
    return rated | {product for _, product in pairs}


def _products(shops: Sequence[ECommRetriever], wanted: set[str]) -> dict[str, Product]:
    """Find products in the first shop that holds them."""
    found: dict[str, Product] = {}
    for shop in shops:
        for product in shop.products():
            if product.product_id in wanted:
                found.setdefault(product.product_id, product)
    return found


def _mix(
    order: Sequence[Judged], others: Sequence[Judged], generator: random.Random
) -> list[Judged]:
    """Spread others evenly at random over pairs that keep their order."""
    placed = [((place + 0.5) / len(order), pair) for place, pair in enumerate(order)]
    placed += [(generator.random(), pair) for pair in others]
    return [pair for _, pair in sorted(placed)]


def _line(qrels: Qrels, query: str, product: Product) -> dict[str, Any]:
    """Return what a rater needs to know of a pair; absent facts are left out."""
    text = qrels.text(query)
    line = {
        "query_id": query if query != text else None,
        "query": text,
        **{name: getattr(product, name) for name in _RATED},
        "description": _shortened(product.description, _DESCRIPTION),
        "attributes": _attributes(product),
    }
    return {name: value for name, value in line.items() if value not in (None, "", {})}


def _attributes(product: Product) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in product.attributes.items():
        if len(shown) == _ATTRIBUTES:
            break
        if isinstance(value, tuple):
            value = ", ".join(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        shown[name] = _shortened(value, _VALUE) if isinstance(value, str) else value
    return shown


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"

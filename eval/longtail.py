"""Cut the queries into head, torso and tail, and measure each part.

With a query log the cut is by searches: the head is the most frequent queries that make up half
of all searches, the tail the rarest that make up the last fifth. Without a log a query earns
one point for each of three signs that few shoppers type it, and none, one or more points make
it head, torso or tail: its rarest word occurs in under 0.1 % of the products; it has three words
or more; no product's title holds all its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .catalog import CatalogTexts
from .measures import Measure, Success, measure_queries, nDCG
from .qrels import Qrels
from .run import Run

HEAD_SHARE = 0.5
TAIL_SHARE = 0.8
RARE_SHARE = 0.001
LONG = 3
PARTS = ("head", "torso", "tail")


@dataclass(frozen=True)
class Slices:
    """Named parts of the judged queries and how the parts were made.

    Attributes:
        parts: name -> query ids. Head, torso and tail part the queries; further slices, one for
            each sign, may overlap.
        how: the rule, in words.

    """

    parts: Mapping[str, Sequence[str]]
    how: str


@dataclass(frozen=True)
class SliceResult:
    """What one system did on one slice; shares are of all its queries.

    Attributes:
        answerable: queries for which the judges found a relevant product.
        success: share of queries with a relevant product among the first `k`.
        zero_results: share of queries for which nothing was shown.

    """

    slice: str
    system: str
    queries: int
    answerable: int
    success: float
    ndcg: float
    zero_results: float
    k: int


def slice_by_log(qrels: Qrels, frequencies: Mapping[str, int]) -> Slices:
    """Cut by the share of searches; a judged query that the log lacks is tail."""
    counts: dict[str, int] = {}
    for text, count in frequencies.items():
        counts[_folded(text)] = counts.get(_folded(text), 0) + count
    total = sum(counts.values())
    before, part_of = 0, {}
    for text, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        share = before / total if total else 1.0
        part_of[text] = "head" if share < HEAD_SHARE else "torso" if share < TAIL_SHARE else "tail"
        before += count
    parts: dict[str, list[str]] = {name: [] for name in PARTS}
    for query, text in qrels.queries.items():
        parts[part_of.get(_folded(text), "tail")].append(query)
    how = (
        f"by searches in the log: head makes up the first {HEAD_SHARE:.0%}, tail the last "
        f"{1 - TAIL_SHARE:.0%}; a query the log does not hold is tail"
    )
    return Slices(parts, how)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def slice_by_signs(qrels: Qrels, catalog: CatalogTexts) -> Slices:
    """Cut by signs of rarity, where no log tells how often a query is searched."""
    parts: dict[str, list[str]] = {name: [] for name in PARTS}
    rare, long, untitled = "rare word", f"{LONG}+ words", "no title has all words"
    parts |= {rare: [], long: [], untitled: []}
    for query, text in qrels.queries.items():
        words = catalog.analysis.terms(text)
        signs = {
            rare: _rarest(words, catalog) < RARE_SHARE,
            long: len(text.split()) >= LONG,
            untitled: not catalog.any_title_holds(words),
        }
        parts[PARTS[min(2, sum(signs.values()))]].append(query)
        for name, shown in signs.items():
            if shown:
                parts[name].append(query)
    how = (
        "no query log, so by signs of rarity (0 head, 1 torso, 2 or 3 tail): the rarest word "
        f"occurs in under {RARE_SHARE:.1%} of products; {LONG} words or more; no title holds "
        "all words"
    )
    return Slices(parts, how)


def _rarest(words: Sequence[str], catalog: CatalogTexts) -> float:
    counts = [catalog.document_frequency[word] for word in words]
    return min(counts, default=0) / len(catalog)


def measure_slices(qrels: Qrels, run: Run, slices: Slices, k: int = 10) -> list[SliceResult]:
    """Measure one system on each slice that holds a query."""
    found: dict[Measure, dict[str, float]] = measure_queries(qrels, run, (Success @ k, nDCG @ k))
    success, ndcg = found[Success @ k], found[nDCG @ k]
    return [
        SliceResult(
            slice=name,
            system=run.name,
            queries=len(queries),
            answerable=sum(bool(qrels.relevant(query)) for query in queries),
            success=sum(success[query] for query in queries) / len(queries),
            ndcg=sum(ndcg[query] for query in queries) / len(queries),
            zero_results=len(run.without_results(queries)) / len(queries),
            k=k,
        )
        for name, queries in slices.parts.items()
        if queries
    ]

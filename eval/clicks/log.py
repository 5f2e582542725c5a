"""A click log as a value: searches, what they showed, what was clicked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import InputError, RecordError
from .sessions import NOTHING, Bools, Floats, Ints, Sessions

Pair = tuple[str, str]


@dataclass(frozen=True)
class Rejections:
    """What of a log was not used, counted by reason, with the first few cases in full."""

    counts: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Count everything rejected."""
        return sum(self.counts.values())


class Rejects:
    """Collects what is rejected while a log is read."""

    EXAMPLES = 5

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: list[str] = []

    def add(self, reason: str, detail: str = "", source: str = "", line: int | None = None) -> None:
        """Count one case."""
        self._counts[reason] += 1
        if len(self._examples) < self.EXAMPLES:
            message = f"{reason}: {detail}" if detail else reason
            self._examples.append(str(RecordError(message, source=source, line=line)))

    def result(self) -> Rejections:
        """Return the counts."""
        return Rejections(dict(self._counts), tuple(self._examples))


@dataclass(frozen=True)
class Search:
    """One search of a log.

    Attributes:
        products: product ids in the order shown.
        clicked: for each product, whether it was clicked.
        propensities: for each product, the probability with which the logging system put this
            product at this rank for this query; empty where the log does not say.

    """

    session_id: str
    query: str
    products: Sequence[str]
    clicked: Sequence[bool]
    propensities: Sequence[float] = ()


@dataclass(frozen=True)
class ClickLog:
    """The n searches over a vocabulary of (query, product) pairs.

    Attributes:
        queries: every different query.
        pairs: every different (query, product) shown.
        query_rows: (n,), the query of each search, as a row of `queries`.
        items: (n, depth), the pair at each rank, as a row of `pairs`; `len(pairs)` is a pair
            outside the vocabulary, NOTHING the end of a shorter list.
        clicks: (n, depth).
        propensities: (n, depth), NaN where nothing was shown; None where the log has none.
        rejected: what was not used.

    """

    queries: tuple[str, ...]
    pairs: tuple[Pair, ...]
    query_rows: Ints
    items: Ints
    clicks: Bools
    propensities: Floats | None = None
    rejected: Rejections = field(default_factory=Rejections)
    source: str = ""

    def __len__(self) -> int:
        """Count the searches."""
        return len(self.items)

    @property
    def depth(self) -> int:
        """Return the length of the longest list shown."""
        return int(self.items.shape[1])

    @property
    def shown(self) -> Bools:
        """Say at which ranks something was shown; (n, depth)."""
        return self.items >= 0

    @property
    def sessions(self) -> Sessions:
        """Return the searches as a click model takes them, an item being a pair."""
        return Sessions(self.items, self.clicks, len(self.pairs))

    def select(self, kept: Bools | Ints) -> ClickLog:
        """Keep some searches and the whole vocabulary."""
        propensities = None if self.propensities is None else self.propensities[kept]
        return replace(
            self,
            query_rows=self.query_rows[kept],
            items=self.items[kept],
            clicks=self.clicks[kept],
            propensities=propensities,
        )

    def split(self, held_out: float = 0.2, seed: int = 0) -> tuple[ClickLog, ClickLog]:
        """Part the searches at random into those to fit on and those to test on.

        Raises:
            InputError: one part would be empty.

        """
        out = round(held_out * len(self))
        if not 0 < out < len(self):
            raise InputError(
                f"cannot hold {held_out:.0%} of {len(self)} searches out; both parts need some"
            )
        order = np.random.default_rng(seed).permutation(len(self))
        return self.select(np.sort(order[out:])), self.select(np.sort(order[:out]))

    def with_pairs(self, pairs: Sequence[Pair]) -> ClickLog:
        """Return the log over another vocabulary, that of a model fitted elsewhere."""
        place = {pair: row for row, pair in enumerate(pairs)}
        moved = [place.get(pair, len(place)) for pair in self.pairs]
        items = np.asarray([*moved, len(place), NOTHING], dtype=np.int64)[self.items]
        return replace(self, pairs=tuple(pairs), items=items)

    def cut(self, k: int) -> ClickLog:
        """Keep the first `k` ranks."""
        propensities = None if self.propensities is None else self.propensities[:, :k]
        return replace(
            self, items=self.items[:, :k], clicks=self.clicks[:, :k], propensities=propensities
        )


def collect_log(
    searches: Iterable[Search], rejected: Rejections | None = None, source: str = ""
) -> ClickLog:
    """Gather searches into arrays.

    Raises:
        InputError: there is not one search, or only some of them have propensities.

    """
    found = list(searches)
    if not found:
        reasons = ", ".join(rejected.counts) if rejected and rejected.total else "it is empty"
        raise InputError(f"{source or 'click log'}: no search can be used ({reasons})")
    queries: dict[str, int] = {}
    pairs: dict[Pair, int] = {}
    shape = len(found), max(len(search.products) for search in found)
    items = np.full(shape, NOTHING, dtype=np.int64)
    clicks = np.zeros(shape, dtype=bool)
    propensities = np.full(shape, np.nan)
    rows = np.empty(len(found), dtype=np.int64)
    for row, search in enumerate(found):
        rows[row] = queries.setdefault(search.query, len(queries))
        keys = [(search.query, product) for product in search.products]
        items[row, : len(keys)] = [pairs.setdefault(key, len(pairs)) for key in keys]
        clicks[row, : len(keys)] = search.clicked
        if search.propensities:
            propensities[row, : len(keys)] = search.propensities
    known = ~np.isnan(propensities[items >= 0])
    if known.any() and not known.all():
        raise InputError(
            f"{source or 'click log'}: {int((~known).sum())} of {len(known)} products shown have "
            "no propensity; give it for all or for none"
        )
    return ClickLog(
        queries=tuple(queries),
        pairs=tuple(pairs),
        query_rows=rows,
        items=items,
        clicks=clicks,
        propensities=propensities if known.any() else None,
        rejected=rejected or Rejections(),
        source=source,
    )

"""What a retrieval gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..indexer.product import Product

WARNINGS = ("currency", "rules.toml")
"""Parts of `Results.plan` that whoever searches should know without asking."""


@dataclass(frozen=True, slots=True)
class LaneScore:
    """Where one lane (dense or lexical) put a product, with its raw and scaled score.

    The rank counts from 1; it is None where another lane put the product forward.
    """

    rank: int | None
    score: float
    scaled: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a product stands where it does; filled only when asked for.

    Attributes:
        lanes: where each lane put it.
        exact_code: whether its id or code is what was typed.
        rules: which of the shop's rules move it, and how.
        evidence: what each stage of understanding has to say for it, or against it.
        features: what each feature added to a learned ranker's score, the largest first.
        cross_encoder: what a cross-encoder gave it; None where it was not asked or had no time. It
            decides on the place, and the hit's score is that of the place.
    """

    lanes: Mapping[str, LaneScore]
    exact_code: bool = False
    rules: tuple[str, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    cross_encoder: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked product; a higher score is closer, ranks count from 1.

    Attributes:
        variants: how many products it stands for: itself and those of its group that match as
            well and are no hits of their own.
    """

    product_id: str
    score: float
    rank: int
    product: Product
    explanation: Explanation | None = None
    variants: int = 1


@dataclass(frozen=True, slots=True)
class FacetValue:
    """How many of those counted in `total` hold a value, or a price in [low, high)."""

    value: str
    count: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Results(Sequence[Hit]):
    """One page of hits, what was counted, and how long it took.

    Attributes:
        hits: the page, best first.
        total: what passes the filter and matches the query: products, where variants stand as
            one the groups of them.
        facets: for each field asked for, its values and their counts over all of `total`.
        took: milliseconds spent in each stage.
        plan: what the filter and the index did, in words; filled when asked to explain, and
            where nothing matches. What is of `WARNINGS` is always told: "currency", where prices
            of several currencies are compared; "rules.toml", what of the file is not used.

    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[FacetValue, ...]] = field(default_factory=dict)
    took: Mapping[str, float] = field(default_factory=dict)
    plan: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:  # type: ignore[override]
        return self.hits[index]

"""Decide on judgments whether a shop may change its encoder, its index or its dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..errors import InputError, ShopError
from ..indexer.index import Indexed, index_shop
from ..indexer.trial import trial_shop
from ..retriever.retriever import ECommRetriever
from .compare import Interval
from .evaluation import evaluate
from .judgments.load import load_qrels
from .measures import Measure, label, parse_measure
from .qrels import Qrels
from .systems.retriever import Mode, RetrieverSystem

if TYPE_CHECKING:
    from ..indexer.ingest import Reading
    from ..progress import Progress
    from .run import Run

# What compression may cost: 1.2 % of nDCG@10 is the bound of the article that V3 follows.
MOST_LOSS = 0.012
_MEASURE = "nDCG@10"
# Keywords do not change with an encoder or a vector index.
_LANES: tuple[Mode, ...] = tuple(mode for mode in get_args(Mode) if mode != "lexical")
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class LaneLoss:
    """What a change does to one way of searching.

    Attributes:
        lane: "dense" or "hybrid".
        before, after: means of the measure over every judged query.
        difference: after minus before, with its paired bootstrap interval.
        p: of the paired randomisation test, two-sided.
        unrated: pairs shown that nobody rated, where they could turn the verdict.

    """

    lane: str
    before: float
    after: float
    difference: Interval
    p: float
    unrated: int = 0

    @property
    def loss(self) -> float:
        """Return the share of the mean that is lost; negative where something is gained."""
        return 0.0 - self.difference.mean / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What judgments say of a change.

    Attributes:
        changes: the settings changed, by the names of `Settings`.
        measure: what was measured.
        queries: how many were judged.
        lanes: the losses.
        most_loss: the share that may be lost in each lane.

    """

    changes: Mapping[str, Any]
    measure: str
    queries: int
    lanes: tuple[LaneLoss, ...]
    most_loss: float

    @property
    def accepted(self) -> bool:
        """Say whether every lane stays within what may be lost, and the judgments can tell so."""
        return all(lane.loss < self.most_loss and not lane.unrated for lane in self.lanes)

    @property
    def refusal(self) -> str | None:
        """Say in one line which lane loses too much; None where none does."""
        told = [
            f"{lane.lane} search loses {lane.loss:.1%} of {self.measure} "
            f"({lane.before:.4f} to {lane.after:.4f})"
            for lane in self.lanes
            if lane.loss >= self.most_loss
        ]
        changes = ", ".join(f"{name} {value}" for name, value in self.changes.items())
        unrated = max((lane.unrated for lane in self.lanes), default=0)
        if unrated:
            return (
                f"{changes}: the judgments have holes: rate the {unrated:,} pairs that dsv3 eval "
                "pool lists, then judge again; the shop stays as it is"
            )
        if not told:
            return None
        return (
            f"{changes}: {'; '.join(told)}, and no more than {self.most_loss:.1%} may be lost on "
            f"these {self.queries} queries; the shop stays as it is"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON can hold it."""
        return {
            "changes": dict(self.changes),
            "measure": self.measure,
            "queries": self.queries,
            "most_loss": self.most_loss,
            "accepted": self.accepted,
            "lanes": [
                {
                    "lane": lane.lane,
                    "before": lane.before,
                    "after": lane.after,
                    "difference": lane.difference.mean,
                    "low": lane.difference.low,
                    "high": lane.difference.high,
                    "p": lane.p,
                    "loss": lane.loss,
                    "unrated": lane.unrated,
                }
                for lane in self.lanes
            ],
        }


def judge_change(
    shop: str | Path,
    changes: Mapping[str, Any],
    qrels: Qrels,
    *,
    most_loss: float = MOST_LOSS,
    measure: Measure | str = _MEASURE,
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Verdict:
    """Index the shop's catalog with other settings beside it, and compare the two.

    Args:
        shop: the shop's folder; it stays as it is.
        changes: settings to change, by the names of `Settings`: encoder, dim, index, template.
        qrels: the judgments.
        most_loss: the share of the measure that each lane may lose.
        measure: what is measured.
        catalog_url: where the catalog is, if not where the shop remembers it.
        workers: processes that encode; None takes one for each core.
        device: where texts are encoded, as `index_shop` takes it.
        progress: told of indexing.

    Raises:
        Dsv3Error: there is no such shop, or it cannot be indexed so.

    """
    chosen = parse_measure(measure) if isinstance(measure, str) else measure
    given = {name: value for name, value in changes.items() if value is not None}
    with ECommRetriever.open(shop, catalog_url=catalog_url) as now:
        before = _rank(now, qrels)
    with (
        trial_shop(
            shop,
            given,
            catalog_url=catalog_url,
            workers=workers,
            device=device,
            progress=progress,
        ) as folder,
        ECommRetriever.open(folder, catalog_url=catalog_url) as then,
    ):
        after = _rank(then, qrels)
    lanes = tuple(_loss(lane, before[lane], after[lane], qrels, chosen) for lane in _LANES)
    return Verdict(given, label(chosen), len(qrels.queries), lanes, most_loss)


def adopt_change(
    shop: str | Path,
    verdict: Verdict,
    *,
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    wait: float | None = None,
    progress: Progress | None = None,
) -> Indexed:
    """Make a change that was judged good enough, from now on.

    Raises:
        ShopError: it was not.

    """
    if verdict.refusal is not None:
        raise ShopError(verdict.refusal)
    return index_shop(
        shop,
        changes=verdict.changes,
        catalog_url=catalog_url,
        workers=workers,
        device=device,
        wait=wait,
        progress=progress,
    )


def index_if_not_worse(
    shop: str | Path,
    reading: Reading | None,
    changes: Mapping[str, Any],
    judgments: str | Path | None,
    *,
    prune: bool = False,
    on_indexed: Callable[[Indexed], None] | None = None,
    on_judged: Callable[[Verdict], None] | None = None,
    catalog_url: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    wait: float | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Indexed:
    """Take sources in as the shop is, then change how it searches if judged search stays as good.

    Args:
        shop: the shop's folder.
        reading: sources and how to read them; None where only the change is wanted.
        changes: settings to change, by the names of `Settings`. The language is changed at once;
            the others are judged first.
        judgments: a file of them; None takes those that `dsv3 train` left in the encoder's folder.
        prune: at the end drop cached vectors that no product needs.
        on_indexed: told what became of the sources.
        on_judged: told the verdict, before anything is changed.
        catalog_url: where the catalog is, if not where the shop remembers it.
        workers: processes that encode; None takes one for each core.
        device: where texts are encoded.
        wait: seconds to wait for others that change the shop, as `index_shop` takes it.
        progress: told of stages.
        options: what else `index_shop` takes.

    Raises:
        InputError: nothing that can be judged is to change, or there are no judgments.
        ShopError: the change loses too much; the shop holds the sources and stays as it was.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    judged = {name: value for name, value in given.items() if name != "language"}
    if not judged:
        raise InputError("nothing to judge: give --encoder, --index, --dim or --template")
    qrels = load_qrels(judgments or _judgments_of(judged.get("encoder")))
    at_once = {name: value for name, value in given.items() if name not in judged}
    how: dict[str, Any] = {"catalog_url": catalog_url, "workers": workers, "device": device}
    done = index_shop(
        shop, reading, changes=at_once, wait=wait, progress=progress, **how, **options
    )
    if on_indexed is not None:
        on_indexed(done)
    try:
        verdict = judge_change(shop, judged, qrels, progress=progress, **how)
        if on_judged is not None:
            on_judged(verdict)
        return adopt_change(shop, verdict, wait=wait, progress=progress, **how)
    finally:  # only now is it known which encoder's vectors are needed
        if prune:
            index_shop(shop, catalog_url=catalog_url, wait=wait, prune=True)


def _judgments_of(encoder: str | None) -> Path:
    """Return the judgments that `dsv3 train` left in the encoder's folder."""
    own = Path((encoder or "").partition(",")[0]).expanduser() / "held_out.csv"
    if encoder is None or not own.is_file():
        raise InputError("a change needs --judgments, or an encoder made by dsv3 train")
    return own


def _rank(shop: ECommRetriever, qrels: Qrels) -> dict[str, Run]:
    return {lane: RetrieverSystem(shop, lane).rank(qrels.queries, _DEPTH) for lane in _LANES}


def _loss(lane: str, before: Run, after: Run, qrels: Qrels, measure: Measure) -> LaneLoss:
    found = evaluate(qrels, [before.renamed("before"), after.renamed("after")], measures=[measure])
    compared = found.comparison()
    if compared is None:
        raise ShopError(f"{label(measure)} cannot be compared between the two")
    return LaneLoss(
        lane,
        found.mean(measure, "before"),
        found.mean(measure),
        compared.difference,
        compared.p,
        compared.unrated,
    )

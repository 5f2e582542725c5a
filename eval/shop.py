"""Evaluate shops: their search in each mode, beside random, tuned BM25 and other engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import InputError
from .catalog import CatalogTexts
from .clicks.simulate import Simulation
from .evaluation import Evaluation, evaluate, note_unjudged, with_clicks
from .judgments.load import load_run
from .measures import DEFAULT_MEASURES, Measure
from .qrels import Qrels
from .run import Run
from .systems.base import RandomSystem, RunSystem, System, by_query_id
from .systems.bm25 import Bm25Fields, Bm25System
from .systems.retriever import Mode, RetrieverSystem
from .systems.tuning import tune_bm25

if TYPE_CHECKING:
    from ..retriever.retriever import ECommRetriever

Bm25 = Literal["tuned", "default", "none"]
Tell = Callable[[str], None]


def evaluate_shop(
    shop: ECommRetriever,
    qrels: Qrels,
    *,
    name: str = "hybrid",
    against: Mapping[str, ECommRetriever] | None = None,
    runs: Sequence[Run] = (),
    modes: Sequence[Mode] = ("dense", "lexical"),
    bm25: str = "tuned",
    measures: Sequence[Measure] = DEFAULT_MEASURES,
    frequencies: Mapping[str, int] | None = None,
    clicks: str | None = "dbn",
    depth: int = 100,
    k: int = 10,
    alpha: float = 0.05,
    seed: int = 0,
    tell: Tell = lambda stage: None,
) -> Evaluation:
    """Evaluate a shop's hybrid search, with random and BM25 in the same table.

    The baseline is the first of `against`, else the first of `runs`, else BM25, else random.

    Args:
        shop: the shop the report is about.
        qrels: the judgments.
        name: what to call the shop's hybrid search.
        against: other shops by name.
        runs: other engines' runs.
        modes: the shop's single lanes, to be shown too.
        bm25: tuned on these queries by cross-validation, with default settings, or left out.
        measures: the first is the one verdicts go by.
        frequencies: query text -> searches, from a log.
        clicks: the click model to simulate shoppers with; None simulates none.
        depth: results taken from each system.
        k: results a shopper sees.
        alpha: the risk of calling chance a difference.
        seed: of all that is random.
        tell: called with what is done next.

    """
    if depth < k:
        raise InputError(f"depth {depth} is less than the {k} results a shopper sees")
    compared = compare_shop(
        shop,
        qrels,
        name=name,
        against=against,
        runs=runs,
        modes=modes,
        bm25=bm25,
        seed=seed,
        tell=tell,
    )
    found = compared.rank(qrels, depth, tell)
    tell("measuring")
    evaluation = evaluate(
        qrels,
        found,
        measures=measures,
        baseline=compared.baseline,
        catalog=compared.catalog,
        frequencies=frequencies,
        k=k,
        alpha=alpha,
        seed=seed,
        notes=compared.notes,
    )
    if clicks is None:
        return evaluation
    tell("simulating clicks")
    return with_clicks(evaluation, Simulation(clicks, seed=seed))


@dataclass(frozen=True)
class Compared:
    """Systems that are compared, before any of them is asked.

    Attributes:
        systems: random first, the shop's own hybrid search last.
        baseline: the name of the one that the others are compared with.
        catalog: the shop's words.
        notes: what to tell beside the figures.

    """

    systems: tuple[System, ...]
    baseline: str
    catalog: CatalogTexts
    notes: tuple[str, ...]

    def rank(self, qrels: Qrels, depth: int, tell: Tell = lambda stage: None) -> list[Run]:
        """Take the first `depth` results of every system for every judged query."""
        found = []
        for system in self.systems:
            tell(f"searching: {system.name}")
            found.append(system.rank(qrels.queries, depth))
        return found


def compare_shop(
    shop: ECommRetriever,
    qrels: Qrels,
    *,
    name: str = "hybrid",
    against: Mapping[str, ECommRetriever] | None = None,
    runs: Sequence[Run] = (),
    modes: Sequence[Mode] = ("dense", "lexical"),
    bm25: str = "tuned",
    seed: int = 0,
    tell: Tell = lambda stage: None,
) -> Compared:
    """Choose what a shop is compared with; the arguments are those of `evaluate_shop`."""
    if bm25 not in get_args(Bm25):
        raise InputError(f"bm25 {bm25!r} is not one of {', '.join(get_args(Bm25))}")
    others = dict(against or {})
    runs = [by_query_id(run, qrels.queries) for run in runs]
    tell("reading the catalog")
    catalog = CatalogTexts(shop.products(), shop.settings.language)
    systems: list[System] = [RandomSystem(catalog.product_ids, seed)]
    notes: list[str] = []
    if bm25 != "none":
        tell("tuning BM25" if bm25 == "tuned" else "indexing BM25")
        systems.append(_bm25(catalog, qrels, bm25, seed, notes))
    systems += [RetrieverSystem(shop, mode) for mode in modes]
    runs = _told_apart(runs, [name, *others, *(system.name for system in systems)])
    systems += [RunSystem(run) for run in runs]
    systems += [RetrieverSystem(other, "hybrid", label) for label, other in others.items()]
    systems.append(RetrieverSystem(shop, "hybrid", name))
    notes += [note for run in runs for note in note_unjudged(qrels, run)]
    chosen = [*others, *(run.name for run in runs)] or [systems[1 if bm25 != "none" else 0].name]
    return Compared(tuple(systems), chosen[0], catalog, tuple(notes))


def evaluate_runs(
    qrels: Qrels,
    runs: Sequence[Run],
    *,
    clicks: str | None = "dbn",
    measures: Sequence[Measure] = DEFAULT_MEASURES,
    frequencies: Mapping[str, int] | None = None,
    k: int = 10,
    alpha: float = 0.05,
    seed: int = 0,
) -> Evaluation:
    """Evaluate run files alone, without a shop; the last run is compared with the first.

    There is no catalog to draw from or to search, so the table has neither random nor BM25.
    """
    notes = ["run files alone: without a shop there is neither random nor BM25 to compare with"]
    found = evaluate(
        qrels,
        [by_query_id(run, qrels.queries) for run in runs],
        measures=measures,
        frequencies=frequencies,
        k=k,
        alpha=alpha,
        seed=seed,
        notes=notes,
    )
    return found if clicks is None else with_clicks(found, Simulation(clicks, seed=seed))


def rank_all(paths: Sequence[Path], qrels: Qrels, k: int) -> list[Run]:
    """Rank the judged queries by several systems; two of one name are told apart by path."""
    runs = [_rank_with(path, qrels, k) for path in paths]
    names = [run.name for run in runs]
    return [
        run.renamed(str(path)) if names.count(run.name) > 1 else run
        for run, path in zip(runs, paths, strict=True)
    ]


def _rank_with(path: Path, qrels: Qrels, k: int) -> Run:
    """Rank the judged queries by a shop (a folder), or take them from a run file."""
    if not path.is_dir():
        return RunSystem(load_run(path)).rank(qrels.queries, k)
    from ..retriever.retriever import ECommRetriever

    with ECommRetriever.open(path) as shop:
        return RetrieverSystem(shop, "hybrid", path.stem).rank(qrels.queries, k)


def names_of(paths: Sequence[Path]) -> list[str]:
    """Name shops by their folders, whole where two folders have one name."""
    stems = [path.stem for path in paths]
    return [str(path) if stems.count(path.stem) > 1 else path.stem for path in paths]


def _told_apart(runs: Sequence[Run], taken: Sequence[str]) -> list[Run]:
    """Rename runs that are called as another system is, as one that this shop wrote before."""
    return [run.renamed(f"{run.name} (run)") if run.name in taken else run for run in runs]


def _bm25(catalog: CatalogTexts, qrels: Qrels, how: str, seed: int, notes: list[str]) -> System:
    fields = Bm25Fields(catalog)
    if how == "default":
        system = Bm25System(fields)
        notes.append(f"bm25: {system.settings}")
        return system
    tuned = tune_bm25(fields, qrels, seed=seed)
    notes.append(
        f"bm25 tuned: each query ranked by settings chosen on the other folds; all queries "
        f"together choose {tuned.settings}"
    )
    return tuned

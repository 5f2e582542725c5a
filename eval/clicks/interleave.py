"""Compare two systems by mixing their results in one list: team-draft interleaving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..compare import Interval, randomisation_p
from .grades import Grades, grade_items
from .intervals import ratio_intervals
from .sessions import NOTHING, Bools, Floats, Ints
from .simulate import Setting, Simulation, prepare, rng_of


@dataclass(frozen=True)
class InterleavingReport:
    """Which system's products shoppers clicked more.

    Attributes:
        wins: searches in which more of the system's products were clicked.
        losses: searches in which more of the baseline's were.
        ties: the others.
        preference: (wins + ties / 2) / searches - 1/2, mean over queries: above 0 the system is
            preferred (Chapelle, Joachims, Radlinski and Yue, TOIS 2012).
        p: two-sided, of a randomisation test over queries.

    """

    model: str
    k: int
    sessions: int
    seed: int
    queries: int
    wins: int
    losses: int
    ties: int
    preference: Interval
    p: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Return `better`, `worse` or `cannot tell from N queries`."""
        if self.p >= 1 - self.preference.confidence:
            return f"cannot tell from {self.queries} queries"
        return "better" if self.preference.mean > 0 else "worse"


def team_draft(
    baseline: Sequence[str], system: Sequence[str], k: int, rng: np.random.Generator
) -> tuple[list[str], list[int]]:
    """Mix two rankings; return the products shown and the team of each, 0 baseline, 1 system.

    Radlinski, Kurup and Joachims, How Does Clickthrough Data Reflect Retrieval Quality?, CIKM
    2008. In each round a coin says who picks first, and each picks its best product not yet
    taken. The paper stops where one list ends; here the other goes on, so that a system which
    finds nothing can lose.
    """
    waiting = [list(reversed(baseline)), list(reversed(system))]
    shown: list[str] = []
    teams: list[int] = []
    taken: set[str] = set()
    while len(shown) < k and (waiting[0] or waiting[1]):
        first = int(rng.integers(2))
        for team in (first, 1 - first):
            product = _pick(waiting[team], taken)
            if product is not None and len(shown) < k:
                taken.add(product)
                shown.append(product)
                teams.append(team)
    return shown, teams


def _pick(waiting: list[str], taken: set[str]) -> str | None:
    while waiting:
        product = waiting.pop()
        if product not in taken:
            return product
    return None


def interleave(
    baseline: Mapping[str, Sequence[str]],
    system: Mapping[str, Sequence[str]],
    qrels: Grades,
    simulation: Simulation | None = None,
    *,
    confidence: float = 0.95,
) -> InterleavingReport:
    """Let the shoppers of `simulate` search in lists mixed from two systems.

    Each search mixes anew. The side with more clicked products wins the search; the verdict is
    over queries, so that many searches of one query count once. Where no simulation is given,
    each query is searched 100 times.

    Raises:
        InputError: as `simulate`.

    """
    simulation = simulation or Simulation(sessions=100)
    setting = prepare(qrels, replace(simulation, sessions=max(1, simulation.sessions)))
    margins = np.asarray(
        [
            _search(setting, query, baseline.get(query, ()), system.get(query, ()), judged)
            for query, judged in qrels.items()
        ]
    )
    outcome = np.sign(margins)
    preferences: Floats = outcome.mean(1) / 2
    interval = ratio_intervals(
        preferences[:, None], np.ones((len(qrels), 1)), confidence=confidence, seed=simulation.seed
    )[0]
    return InterleavingReport(
        model=setting.model.name,
        k=simulation.k,
        sessions=setting.asked.sessions,
        seed=simulation.seed,
        queries=len(qrels),
        wins=int((outcome > 0).sum()),
        losses=int((outcome < 0).sum()),
        ties=int((outcome == 0).sum()),
        preference=interval or Interval(0.0, 0.0, 0.0, confidence),
        p=randomisation_p(preferences.tolist(), simulation.seed),
        notes=setting.notes,
    )


def _search(
    setting: Setting,
    query: str,
    baseline: Sequence[str],
    system: Sequence[str],
    judged: Mapping[str, int],
) -> Ints:
    """Return, for each session, the system's clicks minus the baseline's; (sessions,)."""
    asked = setting.asked
    rng = rng_of(asked.seed, query)
    if asked.unjudged == "left out":
        baseline = [product for product in baseline if product in judged]
        system = [product for product in system if product in judged]
    shape = asked.sessions, asked.k
    items = np.full(shape, NOTHING, dtype=np.int64)
    sides = np.zeros(shape, dtype=np.int64)
    for row in range(asked.sessions):
        shown, teams = team_draft(baseline[: asked.k], system[: asked.k], asked.k, rng)
        items[row] = grade_items(shown, judged, asked.k, setting.top, leave_out=False)[0]
        sides[row, : len(teams)] = [1 if team else -1 for team in teams]
    clicks: Bools = setting.model.simulate(items, rng)
    margins: Ints = (clicks * sides).sum(1)
    return margins

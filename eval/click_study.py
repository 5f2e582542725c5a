"""What is done with clicks in one go: fit and test a model, simulate several systems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .clicks import (
    ClickLog,
    ClickReport,
    Fit,
    FittedModel,
    Lift,
    Simulation,
    ctr_lift,
    fit_grades,
    fit_model,
    measure_fit,
    save_model,
    simulate,
)
from .clicks.grades import Grades, grade_sessions
from .qrels import Qrels
from .run import Run


def fit_and_test(
    log: ClickLog, name: str, qrels: Qrels | None = None, *, held_out: float = 0.2, seed: int = 0
) -> Fit:
    """Fit a model on part of a log and measure it on the rest.

    Args:
        log: searches.
        name: of the click model.
        qrels: fits one set of parameters to a grade instead of one to a product; the searches
            tested are then those whose query is judged.
        held_out: share of the searches to test on.
        seed: of the parting.

    """
    known, unknown = log.split(held_out, seed)
    if qrels is None:
        fitted = fit_model(known, name)
        return measure_fit(fitted.model, fitted.recode(unknown).sessions)
    grades = _by_text(qrels)
    return measure_fit(fit_grades(known, grades, name), grade_sessions(unknown, grades))


def fit_and_save(log: ClickLog, names: Sequence[str], qrels: Qrels | None, path: Path) -> None:
    """Fit one model on every search and keep it in a file.

    Raises:
        InputError: there is not exactly one name.

    """
    if len(names) != 1:
        raise InputError(f"name one model to save, not {', '.join(names)}")
    if qrels is None:
        save_model(fit_model(log, names[0]), path)
    else:
        save_model(FittedModel(fit_grades(log, _by_text(qrels), names[0])), path)


def _by_text(qrels: Qrels) -> Grades:
    """Return the grades by the queries' texts, which is all that a log knows."""
    return {qrels.text(query): judged for query, judged in qrels.grades.items()}


def simulate_runs(
    runs: Sequence[Run], qrels: Qrels, simulation: Simulation
) -> tuple[dict[str, ClickReport], dict[str, Lift]]:
    """Simulate shoppers on several systems; lifts are over the first.

    A baseline that draws no click leaves no lift.
    """
    clicks = {run.name: simulate(run.rankings, qrels.grades, simulation) for run in runs}
    base = clicks[runs[0].name]
    lifts = {
        name: ctr_lift(base, report, seed=simulation.seed)
        for name, report in clicks.items()
        if name != runs[0].name and base.ctr.mean > 0
    }
    return clicks, lifts

"""Whether two ways of measuring put systems in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import InputError


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two orders of systems: 1 the same, 0 unrelated, -1 reversed."""

    tau: float
    p: float
    systems: int


def rank_agreement(first: Mapping[str, float], second: Mapping[str, float]) -> Agreement:
    """Compare two values of each system, such as simulated CTR and nDCG (Kendall, 1938).

    Raises:
        InputError: not the same systems, fewer than two, or one value for all of them.

    """
    from scipy.stats import kendalltau

    if set(first) != set(second) or len(first) < 2:
        raise InputError(
            f"agreement needs two values for each of two or more systems; {len(first)} and "
            f"{len(second)} were given, {len(set(first) & set(second))} in common"
        )
    if len(set(first.values())) < 2 or len(set(second.values())) < 2:
        raise InputError("agreement has no meaning where all systems have one value")
    order = sorted(first)
    found = kendalltau([first[name] for name in order], [second[name] for name in order])
    return Agreement(float(found.statistic), float(found.pvalue), len(order))

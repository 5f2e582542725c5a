"""Numbers as reports write them."""

from __future__ import annotations

from ..compare import Comparison, Interval
from ..evaluation import Evaluation
from ..measures import label
from ..systems.base import RandomSystem


def number(value: float) -> str:
    """Write a measure's value."""
    return f"{value:.3f}"


def interval(found: Interval, gap: str = " ") -> str:
    """Write a mean with its interval; `gap` parts the two."""
    return f"{found.mean:.3f}{gap}[{found.low:.3f}, {found.high:.3f}]"


def change(found: Interval, gap: str = " ") -> str:
    """Write a difference with its sign and interval; `gap` parts the two."""
    return f"{found.mean:+.3f}{gap}[{found.low:+.3f}, {found.high:+.3f}]"


def percent(value: float, digits: int = 0) -> str:
    """Write a share."""
    return f"{100 * value:.{digits}f} %"


def p_value(p: float) -> str:
    """Write a p value, never as zero."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def needed(comparison: Comparison) -> str:
    """Write how many queries would show the difference seen."""
    return "never" if comparison.queries_needed is None else f"{comparison.queries_needed:,}"


def table_rows(found: Evaluation) -> list[Comparison]:
    """Return the rows of a table: all systems on the first measure, the subject on the others.

    Random is left out: nobody rates its results, and no test is needed to tell it from a search.
    """
    first = label(found.primary)
    return [
        row
        for row in found.comparisons
        if row.system == found.subject or (row.measure == first and row.system != RandomSystem.name)
    ]


def short_verdict(comparison: Comparison) -> str:
    """Write a verdict as a cell of a table holds it."""
    if comparison.unrated:
        return f"holes: rate {comparison.unrated:,} pairs"
    return comparison.verdict if comparison.significant else "cannot tell"


def sentence(comparison: Comparison) -> str:
    """Say in one sentence what a comparison found."""
    gap = comparison.difference
    confidence = f"{gap.confidence:.0%}"
    start = (
        f"{comparison.measure} {gap.mean:+.3f} ({confidence} interval {gap.low:+.3f} to "
        f"{gap.high:+.3f}, p {p_value(comparison.p_adjusted)})"
    )
    if comparison.unrated:
        return (
            f"{comparison.system} against {comparison.baseline}: {comparison.verdict} "
            f"(dsv3 eval pool lists them); as they are: {start}."
        )
    if comparison.significant:
        return f"{comparison.system} is {comparison.verdict} than {comparison.baseline}: {start}."
    more = (
        f"a difference of this size would need some {needed(comparison)} queries, and "
        f"{comparison.queries} show a difference from {comparison.detectable:.3f}"
        if comparison.queries_needed is not None
        else "no query differs"
    )
    return (
        f"{comparison.system} against {comparison.baseline}: {comparison.verdict}: {start}; {more}."
    )

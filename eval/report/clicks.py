"""Click models, simulations, interleavings and estimates as tables for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from .text import change, interval, p_value, percent

if TYPE_CHECKING:
    from ..click_judgments import ClickJudgments
    from ..clicks import ClickReport, Fit, InterleavingReport, Lift, PolicyEstimates

STYLES = {"better": "bold green", "worse": "bold red"}


def titled(title: str) -> Table:
    """Return a table as all reports look."""
    return Table(title=title, title_justify="left", title_style="bold", header_style="bold")


def click_table(
    clicks: Mapping[str, ClickReport], lifts: Mapping[str, Lift], baseline: str
) -> Table:
    """Show what simulated shoppers did with each system."""
    first = next(iter(clicks.values()))
    drawn = f"{first.sessions:,} searches a query" if first.sessions else "exact expectations"
    table = titled(f"Simulated clicks ({first.model}, {drawn}, top {first.k})")
    table.add_column("system")
    for name in ("CTR", f"clicks@{first.k}", "first click at", "abandoned", "unjudged"):
        table.add_column(name, justify="right")
    table.add_column(f"CTR lift over {baseline}", justify="right")
    for name, report in clicks.items():
        lift = lifts.get(name)
        table.add_row(
            name,
            interval(report.ctr),
            f"{report.clicks_at_k.mean:.2f}",
            "-" if report.first_click is None else f"{report.first_click.mean:.2f}",
            percent(report.abandonment.mean, 1),
            percent(report.unjudged),
            "" if lift is None else lift_text(lift),
        )
    return table


def lift_text(lift: Lift) -> str:
    """Write a relative change with its interval."""
    return f"{100 * lift.value:+.1f} % [{100 * lift.low:+.1f}, {100 * lift.high:+.1f}]"


def fit_table(fits: Iterable[Fit]) -> Table:
    """Show how well models predict clicks they were not fitted on; lower perplexity is better."""
    table = titled("Click models on held-out searches (a perplexity of 1 predicts every click)")
    table.add_column("model")
    for name in ("searches", "log-likelihood", "perplexity", "given clicks above", "CTR at rank 1"):
        table.add_column(name, justify="right")
    for fit in fits:
        predicted, counted = fit.ctr_by_rank[0]
        table.add_row(
            fit.model,
            f"{fit.searches:,}",
            f"{fit.log_likelihood:.4f}",
            f"{fit.perplexity:.4f}",
            f"{fit.conditional_perplexity:.4f}",
            f"{percent(predicted, 1)} of {percent(counted, 1)}",
        )
    return table


def interleaving_table(found: InterleavingReport, baseline: str, system: str) -> Table:
    """Show whose products were clicked more in mixed lists."""
    table = titled(
        f"Team-draft interleaving of {baseline} and {system} ({found.model}, "
        f"{found.sessions:,} searches for each of {found.queries} queries, top {found.k})"
    )
    for name in (f"{system} won", f"{baseline} won", "ties", "preference", "p"):
        table.add_column(name, justify="right")
    table.add_column(f"{system} is")
    table.add_row(
        f"{found.wins:,}",
        f"{found.losses:,}",
        f"{found.ties:,}",
        change(found.preference),
        p_value(found.p),
        Text(found.verdict, style=STYLES.get(found.verdict, "")),
    )
    return table


def estimate_table(found: Mapping[str, PolicyEstimates]) -> Table:
    """Show the clicks that systems would have drawn from the shoppers of a log."""
    table = titled("Clicks a search, estimated from the log of another system")
    table.add_column("system")
    for name in (
        *("logged", "IPS", "self normalised", "direct", "doubly robust"),
        *("effective searches", "unsupported"),
    ):
        table.add_column(name, justify="right")
    for name, row in found.items():
        table.add_row(
            name,
            interval(row.logged, "\n"),
            interval(row.ips, "\n"),
            interval(row.self_normalised, "\n"),
            interval(row.direct, "\n"),
            interval(row.doubly_robust, "\n"),
            f"{row.effective_searches:,.0f}",
            percent(row.unsupported),
        )
    return table


def judged_table(found: ClickJudgments) -> Table:
    """Show how many grades clicks gave, and how far they agree with rated ones."""
    table = titled(f"Judgments from clicks ({found.rater})")
    for name in ("grade", "P(click | examined)", "pairs"):
        table.add_column(name, justify="right")
    counts = Counter(grade.grade for grade in found.grades)
    for grade, attractiveness in enumerate(found.scale):
        table.add_row(str(grade), f"{attractiveness:.3f}", f"{counts[grade]:,}")
    return table


def judged_lines(found: ClickJudgments) -> list[str]:
    """Say what was left out, and how far the grades agree with rated ones."""
    lines = [f"left out: {found.left_out:,} pairs, shown too seldom to tell their grade"]
    agreed = found.agreement
    if agreed is not None:
        kappa, alpha = (
            f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" if each else "cannot be told"
            for each in (agreed.grades.kappa, agreed.grades.alpha)
        )
        lines.append(
            f"agreement on {agreed.grades.pairs:,} rated pairs: weighted kappa {kappa}, "
            f"Krippendorff's alpha {alpha}"
        )
        if agreed.tau is not None:
            lines.append(
                f"order within {agreed.tau_queries:,} queries: Kendall's tau {interval(agreed.tau)}"
            )
    return lines

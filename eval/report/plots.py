"""Plots as SVG that stretches to any width; labels stay HTML, so they never shrink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from ..compare import Interval

WIDTH, HEIGHT = 1000.0, 300.0


@dataclass(frozen=True)
class Plot:
    """A drawing and its labels.

    Attributes:
        alt: what the drawing shows, in words.
        svg: the drawing; colours come from the page's classes.
        y: (place from the bottom in percent, label).
        x: (place from the left in percent, label).

    """

    alt: str
    svg: Markup
    y: tuple[tuple[float, str], ...]
    x: tuple[tuple[float, str], ...]


def curves(series: Mapping[str, Sequence[float]], measure: str) -> Plot:
    """Draw each system's values over queries, best first; the last system is on top."""
    parts = [_grid((0, 0.25, 0.5, 0.75, 1))]
    for number, values in enumerate(series.values()):
        parts.append(_steps(sorted(values, reverse=True), number))
    count = max((len(values) for values in series.values()), default=0)
    return Plot(
        f"{measure} of every query, best first, for {' and '.join(series)}",
        _svg(parts),
        ((0, "0"), (50, "0.5"), (100, "1")),
        ((0, "best query"), (100, f"worst of {count}")),
    )


def _steps(values: Sequence[float], number: int) -> Markup:
    points = []
    for place, value in enumerate(values):
        left, right = (WIDTH * at / len(values) for at in (place, place + 1))
        height = HEIGHT * (1 - value)
        points += [f"{left:.1f},{height:.1f}", f"{right:.1f},{height:.1f}"]
    return Markup('<polyline class="line s{}" points="{}"/>').format(number, " ".join(points))


def changes(differences: Mapping[str, float], measure: str) -> Plot:
    """Draw the gain or loss of every query, largest gain first."""
    ordered = sorted(differences.items(), key=lambda item: -item[1])
    top = max((abs(value) for value in differences.values()), default=0) or 1.0
    parts = [_grid((0, 0.5, 1))]
    step = WIDTH / max(1, len(ordered))
    for place, (text, value) in enumerate(ordered):
        if not value:
            continue
        size = HEIGHT / 2 * abs(value) / top
        y = HEIGHT / 2 - size if value > 0 else HEIGHT / 2
        parts.append(
            Markup(
                '<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}">'
                "<title>{}: {:+.3f}</title></rect>"
            ).format(
                "gain" if value > 0 else "loss", place * step, y, step * 0.86, size, text, value
            )
        )
    return Plot(
        f"Change of {measure} for every query, largest gain first",
        _svg(parts),
        ((0, f"-{top:.2f}"), (50, "0"), (100, f"+{top:.2f}")),
        ((0, "most improved"), (100, "most harmed")),
    )


def ranks(series: Mapping[str, Sequence[Interval]]) -> Plot:
    """Draw the clicks over showings at each rank as bars with their intervals."""
    count = max((len(values) for values in series.values()), default=0)
    top = _round_up(max((i.high for values in series.values() for i in values), default=1.0))
    group = WIDTH / max(1, count)
    bar = group * 0.8 / max(1, len(series))
    parts = [_grid((0, 0.5, 1))]
    for number, (name, values) in enumerate(series.items()):
        for place, found in enumerate(values):
            left = place * group + group * 0.1 + number * bar
            parts.append(_whiskered(found, left, bar, top, number, f"{name}, rank {place + 1}"))
    return Plot(
        f"Share of showings that were clicked at each rank, for {' and '.join(series)}",
        _svg(parts),
        ((0, "0 %"), (50, f"{50 * top:.3g} %"), (100, f"{100 * top:.3g} %")),
        tuple((100 * (place + 0.5) / count, str(place + 1)) for place in range(count)),
    )


def _whiskered(
    found: Interval, left: float, width: float, top: float, number: int, name: str
) -> Markup:
    mean, low, high = (HEIGHT * (1 - v / top) for v in (found.mean, found.low, found.high))
    middle = left + width / 2
    return Markup(
        '<rect class="bar s{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{}: {:.1%} [{:.1%}, {:.1%}]</title></rect>"
        '<path class="whisker" d="M{:.1f} {:.1f}V{:.1f}"/>'
    ).format(
        *(number, left, mean, width * 0.9, HEIGHT - mean),
        *(name, found.mean, found.low, found.high),
        *(middle, low, high),
    )


def _round_up(value: float) -> float:
    """Return the next even number of tenths, hundredths and so on that is no less."""
    if value <= 0:
        return 1.0
    unit = 2 * 10.0 ** floor(log10(value))
    return min(1.0, ceil(value / unit - 1e-9) * unit)


def _grid(places: Sequence[float]) -> Markup:
    lines = "".join(f"M0 {HEIGHT * place:g}H{WIDTH:g}" for place in places)
    return Markup('<path class="grid" d="{}"/>').format(lines)


def _svg(parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {:g} {:g}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(WIDTH, HEIGHT, Markup("").join(parts))

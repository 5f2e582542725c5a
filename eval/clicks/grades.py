"""From judgments to clicks: how attractive and how satisfying each grade is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .log import ClickLog
from .models.base import ClickModel
from .models.cascade import Cascade
from .models.dbn import DBN, SimplifiedDBN
from .models.dcm import DCM
from .models.load import model_class
from .models.pbm import PBM
from .models.ubm import UBM
from .sessions import NOTHING, Floats, Ints, Sessions

Grades = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Shopper:
    """P(click | examined) and P(satisfied | clicked) on the five grades 0 to 4.

    Judgments on fewer or more grades are spread evenly over these five, values between two of
    them interpolated: the lowest grade is always the first entry, the highest the last.
    """

    name: str
    clicks: tuple[float, ...]
    stops: tuple[float, ...]

    def at(self, top: int) -> tuple[Floats, Floats]:
        """Return (attractiveness, satisfaction) of the grades 0 to `top`."""
        places = np.linspace(0, len(self.clicks) - 1, top + 1)
        table = np.arange(len(self.clicks))
        return np.interp(places, table, self.clicks), np.interp(places, table, self.stops)


# Schuth, Oosterhuis, Whiteson and de Rijke, Multileave Gradient Descent, WSDM 2016, table 1,
# after Hofmann, Whiteson and de Rijke, Information Retrieval 2013. `navigational`: knows what
# to find and leaves with it; `informational`: looks around; `perfect`: clicks by the grade alone.
SHOPPERS: dict[str, Shopper] = {
    shopper.name: shopper
    for shopper in (
        Shopper("perfect", (0.0, 0.2, 0.4, 0.8, 1.0), (0.0, 0.0, 0.0, 0.0, 0.0)),
        Shopper("navigational", (0.05, 0.3, 0.5, 0.7, 0.95), (0.2, 0.3, 0.5, 0.7, 0.9)),
        Shopper("informational", (0.4, 0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4, 0.5)),
    )
}

# Chapelle and Zhang (WWW 2009) found this gamma to fit their log best.
CONTINUATION = 0.9


def find_shopper(name: str) -> Shopper:
    """Return the shopper of this name.

    Raises:
        InputError: there is none.

    """
    if name not in SHOPPERS:
        raise InputError(f"there is no shopper {name!r}; choose one of {', '.join(SHOPPERS)}")
    return SHOPPERS[name]


def grade_model(
    name: str, *, top: int, k: int = 10, shopper: str = "navigational", severity: float = 1.0
) -> ClickModel:
    """Return a click model over the grades 0 to `top` with parameters from the literature.

    DCM and UBM know no satisfaction: after any click both go on as often as the mean grade does.

    Args:
        name: `pbm`, `cascade`, `dcm`, `sdbn`, `dbn` or `ubm`.
        top: the highest grade.
        k: how many ranks are shown.
        shopper: whose table of attractiveness and satisfaction to use.
        severity: PBM examines rank r with probability r ** -severity (Joachims, Swaminathan and
            Schnabel, WSDM 2017, use 1); UBM the same of the distance to the click before.

    Raises:
        InputError: no such model or shopper.

    """
    kind = model_class(name)
    liked, satisfied = find_shopper(shopper).at(max(1, top))
    attractiveness, satisfaction = np.append(liked, liked[0]), np.append(satisfied, satisfied[0])
    ranks = np.arange(1, k + 1, dtype=np.float64)
    onward = 1 - float(satisfied.mean())
    model: ClickModel
    if kind is PBM:
        model = PBM(attractiveness, ranks**-severity)
    elif kind is UBM:
        distance = np.maximum(ranks[:, None] - np.arange(k), 1)
        examination = distance**-severity
        examination[:, 1:] *= onward
        model = UBM(attractiveness, examination)
    elif kind is DCM:
        model = DCM(attractiveness, np.full(k, onward))
    elif kind is DBN:
        model = DBN(attractiveness, satisfaction, np.asarray(CONTINUATION))
    elif kind is SimplifiedDBN:
        model = SimplifiedDBN(attractiveness, satisfaction, np.asarray(1.0))
    else:
        model = Cascade(attractiveness)
    return model


def fit_grades(log: ClickLog, qrels: Grades, name: str, *, top: int | None = None) -> ClickModel:
    """Fit a click model whose items are grades on a log of judged queries.

    What a shop's own shoppers make of each grade, to simulate with in place of the defaults.
    Products that nobody judged count as grade 0.

    Raises:
        InputError: no query of the log is judged.

    """
    return model_class(name).fit(grade_sessions(log, qrels, top=top))


def grade_sessions(log: ClickLog, qrels: Grades, *, top: int | None = None) -> Sessions:
    """Return the searches of judged queries, an item being a grade.

    Raises:
        InputError: no query of the log is judged.

    """
    judged = np.asarray([query in qrels for query in log.queries], dtype=bool)
    if not len(judged) or not judged[log.query_rows].any():
        raise InputError("no query of the click log is judged; their texts must be the same")
    kept = log.select(judged[log.query_rows])
    highest = top if top is not None else top_grade(qrels)
    grades = [min(max(qrels.get(q, {}).get(p, 0), 0), highest) for q, p in log.pairs]
    items = np.append(grades, NOTHING)[kept.items]
    return Sessions(items, kept.clicks, highest + 1)


def top_grade(qrels: Grades) -> int:
    """Return the highest grade anybody gave, at least 1."""
    return max((max(judged.values(), default=0) for judged in qrels.values()), default=0) or 1


def grade_items(
    ranking: Sequence[str], judged: Mapping[str, int], k: int, top: int, leave_out: bool
) -> tuple[Ints, int]:
    """Return the grades of the first `k` products, (k,), and how many nobody judged.

    Products that nobody judged have grade 0, or are taken out before the list is cut.
    """
    shown = [p for p in ranking if p in judged] if leave_out else list(ranking)
    first = shown[:k]
    items = np.full(k, NOTHING, dtype=np.int64)
    items[: len(first)] = [min(max(judged.get(p, 0), 0), top) for p in first]
    return items, sum(product not in judged for product in first)

"""How many clicks another system would draw, told from a log of the one that served.

The logging system must have varied its rankings and noted, for each product shown, the
probability with which it put that product at that rank for that query: its propensity. The
estimates take a click to depend on the query, the product and the rank, not on the rest of the
list: the item-position assumption of Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen,
Offline Evaluation of Ranking Policies with Click Models, KDD 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ...errors import InputError
from ..compare import Interval
from .log import ClickLog
from .models.base import ClickModel
from .models.pbm import PBM
from .sessions import NOTHING, Floats, Ints

Rankings = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PolicyEstimates:
    """Estimates of a system's mean clicks in a search, each with its interval.

    Attributes:
        logged: what the logging system drew.
        ips: inverse propensity scoring; unbiased, of large variance.
        self_normalised: divides by the weights met instead of those expected; slightly biased,
            of smaller variance.
        direct: what the click model predicts; as biased as the model is. Its interval covers
            the queries alone, not the model's error.
        doubly_robust: the model's prediction, corrected by IPS where the log disagrees;
            unbiased whatever the model, and of small variance where the model is good.
        effective_searches: how many searches drawn by the system itself the log is worth, by
            the spread of its weights (Kish, 1965), per rank that the system fills.
        unsupported: share of the system's places that never occur in the log: nothing is known
            of them, IPS takes them to draw no clicks, and a large share makes every estimate
            but `direct` too low.

    """

    searches: int
    logged: Interval
    ips: Interval
    self_normalised: Interval
    direct: Interval
    doubly_robust: Interval
    effective_searches: float
    unsupported: float


def estimate_clicks(
    log: ClickLog,
    rankings: Rankings,
    *,
    model: ClickModel | None = None,
    clip: float | None = None,
    confidence: float = 0.95,
) -> PolicyEstimates:
    """Estimate a system's mean clicks in a search from the log of another.

    Args:
        log: with propensities.
        rankings: query -> product ids, best first; a query that is missing draws no click.
        model: over the log's pairs, for `direct` and `doubly_robust`; otherwise a PBM is fitted,
            to each half of the log for use on the other.
        clip: the largest weight; trades variance for bias (Bottou et al., JMLR 2013).
        confidence: of the intervals, which are normal ones over searches.

    Raises:
        InputError: the log has no propensities.

    """
    if log.propensities is None:
        raise InputError(
            f"{log.source or 'the click log'} has no propensities: add a column propensity, the "
            "probability with which the product was put at its position"
        )
    target = target_items(log, rankings)
    weights = place_weights(log, target, clip)
    predicted = _predict(log, target, model)
    clicks = log.clicks.astype(np.float64)
    norm, influence = _self_normalise(weights, clicks, target)
    places = max(1.0, float((target >= 0).sum()) / len(log))
    heavy = float((weights**2).sum())
    return PolicyEstimates(
        searches=len(log),
        logged=_normal(clicks.sum(1), confidence),
        ips=_normal((weights * clicks).sum(1), confidence),
        self_normalised=_normal(norm + influence, confidence),
        direct=_normal(predicted.sum(1), confidence),
        doubly_robust=_normal((predicted + weights * (clicks - predicted)).sum(1), confidence),
        effective_searches=float(weights.sum()) ** 2 / heavy / places if heavy else 0.0,
        unsupported=_unsupported(log, target),
    )


def target_items(log: ClickLog, rankings: Rankings) -> Ints:
    """Return what the system would have shown in each search, as rows of the log's pairs."""
    place = {pair: row for row, pair in enumerate(log.pairs)}
    rows = np.full((len(log.queries), log.depth), NOTHING, dtype=np.int64)
    for number, query in enumerate(log.queries):
        shown = list(rankings.get(query, ()))[: log.depth]
        rows[number, : len(shown)] = [place.get((query, p), len(place)) for p in shown]
    found: Ints = rows[log.query_rows]
    return found


def place_weights(log: ClickLog, target: Ints, clip: float | None = None) -> Floats:
    """Return 1 / propensity where the log shows the system's product at its rank, else 0."""
    if log.propensities is None:
        raise InputError("the click log has no propensities")
    same = (log.items == target) & log.shown & (target < len(log.pairs))
    weights = np.zeros(target.shape)
    np.divide(1.0, log.propensities, out=weights, where=same)
    return weights if clip is None else np.minimum(weights, clip)


def _predict(log: ClickLog, target: Ints, model: ClickModel | None) -> Floats:
    """Return P(click) at each place of the system's list.

    A model that is fitted here never predicts a search it has seen: its error would go with
    the weights, and the doubly robust estimate would be biased (Chernozhukov et al., 2018).
    """
    if model is not None:
        return model.click_probabilities(target)
    halves = np.random.default_rng(0).permutation(len(log)) % 2 == 0
    found = np.zeros(target.shape)
    for half in (halves, ~halves):
        other = log.select(~half) if (~half).any() else log
        found[half] = PBM.fit(other.sessions).click_probabilities(target[half])
    return found


def _self_normalise(weights: Floats, clicks: Floats, target: Ints) -> tuple[float, Floats]:
    """Return the self-normalised estimate and each search's influence on it; (n,).

    Rank by rank, sum(w c) / sum(w) times the share of searches with something at that rank
    (Swaminathan and Joachims, NeurIPS 2015). The influence has mean 0 (delta method).
    """
    total = weights.sum(0)
    filled = (target >= 0).mean(0)
    rate = np.divide((weights * clicks).sum(0), total, out=np.zeros(len(total)), where=total > 0)
    scale = np.divide(filled * len(weights), total, out=np.zeros(len(total)), where=total > 0)
    return float((rate * filled).sum()), (weights * (clicks - rate) * scale).sum(1)


def _unsupported(log: ClickLog, target: Ints) -> float:
    depth = log.depth
    places = np.arange(depth) + depth * np.where(log.shown, log.items, len(log.pairs) + 1)
    wanted = np.arange(depth) + depth * target
    wanted = wanted[target >= 0]
    met = np.isin(wanted, places[log.shown & (log.items < len(log.pairs))])
    return float((~met).mean()) if len(met) else 0.0


def _normal(values: Floats, confidence: float) -> Interval:
    """Return a mean with its normal interval."""
    from scipy.stats import norm

    mean = float(values.mean())
    error = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    reach = float(norm.ppf((1 + confidence) / 2)) * error
    return Interval(mean, mean - reach, mean + reach, confidence)

"""Training examples from a click log, debiased by a click model."""

from __future__ import annotations

from collections import defaultdict

from ..clicks.log import ClickLog
from ..clicks.store import fit_model
from ..clicks.weights import relevance_weights
from ..qrels import Qrels

# Expected examinations of a pair below which its attractiveness is taken for noise.
LEAST_EXAMINED = 3.0
# Grades that an attractiveness is cut into, relative to the query's best.
_GRADES = 3


def clicked_judgments(
    log: ClickLog, model: str = "pbm", *, least_examined: float = LEAST_EXAMINED
) -> Qrels:
    """Turn clicks into grades from 0 to 3, to learn from as from judgments.

    A click model is fitted on the log (see `eval.clicks`); a product's grade for a query is its
    attractiveness, which position has no part in, as a share of the query's most attractive
    product. A pair that was hardly examined is left out: that is not the same as unattractive.
    Joachims, Swaminathan & Schnabel 2017, "Unbiased Learning-to-Rank with Biased Feedback".

    Args:
        log: searches with what they showed and what was clicked.
        model: name of the click model.
        least_examined: how often a pair must have been examined, as far as the model can tell.

    """
    fitted = fit_model(log, model)
    weights = relevance_weights(log, fitted.model)
    attractive: dict[str, dict[str, float]] = defaultdict(dict)
    for (query, product), weight in weights.items():
        if weight.examinations >= least_examined:
            attractive[query][product] = weight.attractiveness
    grades = {
        query: {
            product: round(_GRADES * value / max(max(products.values()), 1e-9))
            for product, value in products.items()
        }
        for query, products in attractive.items()
    }
    return Qrels(grades, source=f"clicks in {log.source or 'a log'}, {model}")

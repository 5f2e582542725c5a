"""The report as plain values, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..compare import Comparison
from ..evaluation import Evaluation
from ..measures import label
from ..queries import QueryView


def as_dict(found: Evaluation, worst: int = 10) -> dict[str, Any]:
    """Return all that was found, with names instead of objects; every query's values too."""
    return {
        "judgments": {
            "source": found.qrels.source,
            "queries": len(found.qrels),
            "pairs": found.qrels.pairs,
            "without_relevant": found.qrels.without_relevant(),
            "raters": found.qrels.shares() if found.qrels.raters else {},
        },
        "subject": found.subject,
        "baseline": found.baseline,
        "k": found.k,
        "systems": [
            {
                "name": run.name,
                "measures": {
                    label(measure): {
                        **asdict(score.mean),
                        "answerable": score.answerable,
                        "bounds": score.bounds,
                        "queries": dict(score.values),
                    }
                    for measure, score in found.scores[run.name].items()
                },
                "rated_by_rank": found.rated[run.name],
                "without_results": run.without_results(found.qrels.grades),
            }
            for run in found.runs
        ],
        "comparisons": [_comparison(comparison) for comparison in found.comparisons],
        "long_tail": {
            "how": found.slices.how if found.slices is not None else None,
            "slices": [asdict(result) for result in found.slice_results],
        },
        "coverage": [asdict(row) for row in found.coverage],
        "clicks": {name: asdict(report) for name, report in found.clicks.items()},
        "ctr_lifts": {name: asdict(lift) for name, lift in found.lifts.items()},
        "worst": [_view(view) for view in found.worst(worst)],
        "changed": [_view(view) for view in found.changed(worst)],
        "notes": list(found.notes),
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {**asdict(comparison), "verdict": comparison.verdict}


def _view(view: QueryView) -> dict[str, Any]:
    return {
        "query": view.query,
        "text": view.text,
        "values": dict(view.values),
        "shown": {name: [asdict(item) for item in items] for name, items in view.shown.items()},
        "missed": [asdict(item) for item in view.missed],
    }

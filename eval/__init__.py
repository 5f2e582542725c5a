"""How good was it: judgments, runs, measures, comparison, long tail, clicks, reports.

Measures are values, as in ir_measures: `nDCG @ 10`, `condensed(nDCG @ 10)`, `P(rel=2) @ 1`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalog import CatalogTexts
    from .compare import Comparison, Interval, compare_values
    from .conditions import Condition, failures, parse_condition
    from .coverage import Coverage, measure_coverage
    from .evaluation import Evaluation, evaluate, with_clicks
    from .judgments.load import load_frequencies, load_qrels, load_run
    from .judgments.trec import write_trec_qrels, write_trec_run
    from .longtail import Slices, measure_slices, slice_by_log, slice_by_signs
    from .measures import (
        AP,
        DEFAULT_MEASURES,
        RR,
        Judged,
        Measure,
        P,
        R,
        Success,
        condensed,
        exponential,
        measure_queries,
        nDCG,
        parse_measure,
    )
    from .mteb_models import MtebEncoder, MtebRetriever
    from .qrels import Qrels
    from .report.page import render_html, write_html
    from .report.summary import as_dict
    from .report.terminal import print_report
    from .run import Run
    from .shop import evaluate_runs, evaluate_shop
    from .systems.base import RandomSystem, RunSystem, System
    from .systems.bm25 import Bm25Fields, Bm25Settings, Bm25System
    from .systems.retriever import RetrieverSystem
    from .systems.tuning import TunedBm25, tune_bm25

_PLACES = {
    "catalog": ("CatalogTexts",),
    "compare": ("Comparison", "Interval", "compare_values"),
    "coverage": ("Coverage", "measure_coverage"),
    "evaluation": ("Evaluation", "evaluate", "with_clicks"),
    "conditions": ("Condition", "failures", "parse_condition"),
    "judgments.load": ("load_frequencies", "load_qrels", "load_run"),
    "judgments.trec": ("write_trec_qrels", "write_trec_run"),
    "longtail": ("Slices", "measure_slices", "slice_by_log", "slice_by_signs"),
    "measures": (
        *("AP", "DEFAULT_MEASURES", "RR", "Judged", "Measure", "P", "R", "Success", "condensed"),
        *("exponential", "measure_queries", "nDCG", "parse_measure"),
    ),
    "mteb_models": ("MtebEncoder", "MtebRetriever"),
    "qrels": ("Qrels",),
    "report.page": ("render_html", "write_html"),
    "report.summary": ("as_dict",),
    "report.terminal": ("print_report",),
    "run": ("Run",),
    "shop": ("evaluate_runs", "evaluate_shop"),
    "systems.base": ("RandomSystem", "RunSystem", "System"),
    "systems.bm25": ("Bm25Fields", "Bm25Settings", "Bm25System"),
    "systems.retriever": ("RetrieverSystem",),
    "systems.tuning": ("TunedBm25", "tune_bm25"),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "AP",
    "DEFAULT_MEASURES",
    "RR",
    "Bm25Fields",
    "Bm25Settings",
    "Bm25System",
    "CatalogTexts",
    "Comparison",
    "Condition",
    "Coverage",
    "Evaluation",
    "Interval",
    "Judged",
    "Measure",
    "MtebEncoder",
    "MtebRetriever",
    "P",
    "Qrels",
    "R",
    "RandomSystem",
    "RetrieverSystem",
    "Run",
    "RunSystem",
    "Slices",
    "Success",
    "System",
    "TunedBm25",
    "as_dict",
    "compare_values",
    "condensed",
    "evaluate",
    "evaluate_runs",
    "evaluate_shop",
    "exponential",
    "failures",
    "load_frequencies",
    "load_qrels",
    "load_run",
    "measure_coverage",
    "measure_queries",
    "measure_slices",
    "nDCG",
    "parse_condition",
    "parse_measure",
    "print_report",
    "render_html",
    "slice_by_log",
    "slice_by_signs",
    "tune_bm25",
    "with_clicks",
    "write_html",
    "write_trec_qrels",
    "write_trec_run",
]


def __getattr__(name: str) -> object:
    """Load what is asked for, and only that."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List what can be asked for."""
    return sorted(__all__)

"""Clicks: models fitted on logs, simulated shoppers, interleaving, off-policy estimates."""

from __future__ import annotations

from .agreement import Agreement, rank_agreement
from .grades import SHOPPERS, fit_grades, grade_model
from .interleave import InterleavingReport, interleave, team_draft
from .log import ClickLog, Rejections, Search, collect_log
from .models.base import ClickModel
from .models.load import MODELS, model_class
from .offpolicy import PolicyEstimates, estimate_clicks
from .quality import Fit, measure_fit
from .read import read_click_log
from .report import ClickReport, Lift, click_lift, ctr_lift
from .sessions import Sessions
from .simulate import Simulation, simulate
from .store import FittedModel, fit_model, load_model, save_model
from .weights import RelevanceWeight, relevance_weights

__all__ = [
    "MODELS",
    "SHOPPERS",
    "Agreement",
    "ClickLog",
    "ClickModel",
    "ClickReport",
    "Fit",
    "FittedModel",
    "InterleavingReport",
    "Lift",
    "PolicyEstimates",
    "Rejections",
    "RelevanceWeight",
    "Search",
    "Sessions",
    "Simulation",
    "click_lift",
    "collect_log",
    "ctr_lift",
    "estimate_clicks",
    "fit_grades",
    "fit_model",
    "grade_model",
    "interleave",
    "load_model",
    "measure_fit",
    "model_class",
    "rank_agreement",
    "read_click_log",
    "relevance_weights",
    "save_model",
    "simulate",
    "team_draft",
]

from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.eval.clicks import MODELS, Simulation, ctr_lift, interleave, simulate
from dsv3.eval.judgments.load import load_qrels


@pytest.mark.real_data
@pytest.mark.parametrize("name", MODELS)
def test_best_order_beats_worst_on_real_judgments(icecat: Path, name: str) -> None:
    """The judged products of each real query, best first and worst first."""
    qrels = load_qrels(icecat / "judgments-dev.csv").grades
    best = {q: sorted(judged, key=lambda p: -judged[p]) for q, judged in qrels.items()}
    worst = {q: ranking[::-1] for q, ranking in best.items()}
    low, high = (
        simulate(ranking, qrels, Simulation(name, sessions=300)) for ranking in (worst, best)
    )
    assert low.unjudged == high.unjudged == 0
    assert len(high.query_ctr) == 68
    assert ctr_lift(low, high).low > 0
    assert interleave(worst, best, qrels, Simulation(name, sessions=10)).verdict == "better"

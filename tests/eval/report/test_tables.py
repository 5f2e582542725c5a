from __future__ import annotations

import orjson
import pytest
from dsv3.errors import InputError
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.clicks import Simulation
from dsv3.eval.conditions import failures, parse_condition
from dsv3.eval.evaluation import Evaluation, evaluate, with_clicks
from dsv3.eval.measures import P, exponential, nDCG
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.report.summary import as_dict
from dsv3.eval.report.terminal import print_report
from dsv3.eval.report.text import p_value, sentence
from dsv3.eval.run import Run
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25System
from rich.console import Console


@pytest.fixture(scope="module")
def found(catalog: CatalogTexts, qrels: Qrels) -> Evaluation:
    system = Bm25System(Bm25Fields(catalog))
    good = system.rank(qrels.queries, 60)
    bad = Run("reversed", {q: list(r)[::-1] for q, r in good.rankings.items()})
    return with_clicks(evaluate(qrels, [good, bad], catalog=catalog), Simulation(sessions=50))


@pytest.mark.parametrize("width", [60, 120, 200])
def test_the_terminal_shows_all_parts_at_any_width(found: Evaluation, width: int) -> None:
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as captured:
        print_report(found, console)
    text = captured.get()
    for part in ("Match accuracy", "Against bm25", "Long tail", "Catalog", "Simulated", "Worst"):
        assert part in text
    assert "discount" in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_json_holds_every_query(found: Evaluation) -> None:
    data = orjson.loads(orjson.dumps(as_dict(found)))
    first = data["systems"][0]["measures"]["nDCG@10"]
    assert first["queries"] == dict(found.scores["bm25"][nDCG @ 10].values)
    assert first["mean"] == pytest.approx(sum(first["queries"].values()) / len(found.qrels))
    assert data["judgments"]["without_relevant"] == ["gadget"]
    assert data["comparisons"][0]["verdict"] == found.comparisons[0].verdict
    assert data["worst"]
    assert data["ctr_lifts"]["reversed"]["value"] == found.lifts["reversed"].value


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("nDCG@10 < 0.60", False),
        ("nDCG@10 >= 0.5", True),
        ("P@1<=1", True),
        ("exponential nDCG@10 > 1e0", False),
    ],
)
def test_gates(text: str, fails: bool) -> None:
    qrels = collect([("q", "a", 1)])
    measures = (nDCG @ 10, P @ 1, exponential(nDCG @ 10))
    found = evaluate(qrels, [Run("x", {"q": ["a"]})], measures=measures)
    assert bool(failures(found, [parse_condition(text)])) is fails
    assert parse_condition(str(parse_condition(text))) == parse_condition(text)


@pytest.mark.parametrize("text", ["", "nDCG@10", "nDCG@10 < high", "< 3", "foo@10 < 1", "P@1 < -"])
def test_a_gate_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_condition(text)


def test_worse_fails_only_beyond_doubt(found: Evaluation) -> None:
    assert found.comparison() is not None
    told = failures(found, [], if_worse=True)
    assert len(told) == 1
    assert told[0].startswith("reversed is worse than bm25: nDCG@10 -")
    same = evaluate(found.qrels, [found.runs[0], found.runs[0].renamed("same")])
    assert failures(same, [], if_worse=True) == []


def test_sentences(found: Evaluation) -> None:
    comparison = found.comparison()
    assert comparison is not None
    assert sentence(comparison).startswith("reversed is worse than bm25: nDCG@10 -")
    same = evaluate(found.qrels, [found.runs[0], found.runs[0].renamed("same")]).comparison()
    assert same is not None
    assert "cannot tell from 11 queries" in sentence(same)
    assert "no query differs" in sentence(same)
    assert p_value(0.0001) == "<0.001"

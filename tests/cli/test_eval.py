"""`dsv3 eval`, run as a user runs it, on the sample shop and its judgments."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

SAMPLE = Path(__file__).parents[2] / "sample_data"
JUDGMENTS = SAMPLE / "judgments.csv"
QUICK = ("--bm25", "default", "--click-model", "none")


Runner = Callable[..., CompletedProcess[str]]


@pytest.fixture
def evaluate(dsv3: Runner) -> Runner:
    return partial(dsv3, "eval")


@pytest.fixture(scope="module")
def shop(sample_shop: Path) -> Path:
    return sample_shop


@pytest.fixture(scope="module")
def run(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run that shows the right products in the wrong order."""
    from dsv3.eval.judgments.load import load_qrels
    from dsv3.eval.judgments.trec import write_trec_run
    from dsv3.eval.run import Run

    qrels = load_qrels(JUDGMENTS)
    ranked = {q: sorted(judged, key=lambda p: judged[p]) for q, judged in qrels.grades.items()}
    path = tmp_path_factory.mktemp("run") / "upside-down.trec"
    write_trec_run(Run("upside down", ranked), path)
    return path


def test_a_shop_is_evaluated_with_its_baselines(
    evaluate: Runner, shop: Path, tmp_path: Path
) -> None:
    report, saved = tmp_path / "report.html", tmp_path / "run.trec"
    done = evaluate(
        *("--in", shop, "--judgments", JUDGMENTS, "--report", report, "--save-run", saved),
    )
    assert done.returncode == 0, done.stderr
    for word in ("random", "bm25 tuned", "dense", "lexical", "hybrid", "discount", "Long tail"):
        assert word in done.stdout
    assert "hybrid" in report.read_text(encoding="utf-8")
    again = evaluate("--run", saved, "-j", JUDGMENTS, "--json", *QUICK)
    mean = json.loads(again.stdout)["systems"][0]["measures"]["nDCG@10"]["mean"]
    assert f"{mean:.3f}" in done.stdout
    since = evaluate("--in", shop, "-j", JUDGMENTS, "--run", saved, "--json", *QUICK)
    assert json.loads(since.stdout)["baseline"] == "hybrid (run)"


def test_conditions_set_the_exit_status(evaluate: Runner, shop: Path) -> None:
    common = ("--in", shop, "-j", JUDGMENTS, *QUICK)
    failing = evaluate(*common, "-m", "P@1", "--fail-if", "nDCG@10 < 1.01")
    assert failing.returncode == 1
    assert failing.stderr.startswith("dsv3: hybrid: nDCG@10 is 0.")
    assert evaluate(*common, "--fail-if", "nDCG@10 < 0.01").returncode == 0


def test_worse_than_another_run_fails(evaluate: Runner, run: Path, shop: Path) -> None:
    good = evaluate("--in", shop, "-j", JUDGMENTS, "--run", run, "--fail-if-worse", *QUICK)
    assert good.returncode == 0
    extra = run.with_name("extra.trec")
    extra.write_text(run.read_text(encoding="utf-8") + "never judged\tQ0\tp\t1\t1.0\tx\n")
    told = evaluate("--in", shop, "-j", JUDGMENTS, "--run", extra, *QUICK)
    assert "x: 1 queries of the run are not judged and left out" in told.stdout
    saved = run.with_name("shop.trec")
    evaluate("--in", shop, "-j", JUDGMENTS, "--save-run", saved, *QUICK)
    bad = evaluate("--run", saved, "--run", run, "-j", JUDGMENTS, "--fail-if-worse", *QUICK)
    assert bad.returncode == 1
    assert "upside-down is worse than hybrid" in bad.stderr


def test_ab_says_that_a_shop_equals_itself(evaluate: Runner, shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.dsv3"
    other.symlink_to(shop)
    done = evaluate("ab", shop, other, "-j", JUDGMENTS, "--json", *QUICK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["baseline"], found["subject"]) == ("shop", "other")
    first = next(c for c in found["comparisons"] if c["system"] == "other")
    assert (first["wins"], first["losses"], first["p"]) == (0, 0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --judgments"),
        (("--in", "nowhere", "-j", str(JUDGMENTS)), "nowhere"),
        (("--run", "no.trec", "-j", str(JUDGMENTS)), "no.trec: no such file"),
        (("--run", "x", "-j", "no.csv"), "no.csv: no such file"),
        (("--run", "x", "-j", str(JUDGMENTS), "-m", "best@10"), "measure 'best@10' is not known"),
        (("--run", "x", "-j", str(JUDGMENTS), "--fail-if", "P@1"), "condition 'P@1'"),
        (("ab", "a", "b"), "give --judgments"),
    ],
)
def test_mistakes_are_told_in_one_line(
    evaluate: Runner, arguments: tuple[str, ...], message: str
) -> None:
    done = evaluate(*arguments)
    assert done.returncode in {1, 2}
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_clicks_are_simulated_and_interleaved(evaluate: Runner, shop: Path, run: Path) -> None:
    common = (run, shop, "-j", JUDGMENTS, "--sessions", "50", "--json")
    simulated = evaluate("clicks", "simulate", *common)
    assert simulated.returncode == 0, simulated.stderr
    found = json.loads(simulated.stdout)
    assert set(found["clicks"]) == {"upside-down", "shop"}
    assert found["ctr_lifts"]["shop"]["value"] > 0
    mixed = json.loads(evaluate("clicks", "interleave", *common).stdout)
    assert mixed["verdict"] == "better"
    assert "lift over" in evaluate("clicks", "simulate", *common[:-1]).stdout


def write_log(path: Path, grades: dict[str, dict[str, int]]) -> Path:
    """Write searches whose shoppers click by grade, less often further down."""
    generator = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["session_id", "query", "position", "product_id", "clicked", "propensity"])
        for session in range(400):
            query = list(grades)[session % 20]
            products = generator.permutation(list(grades[query]))[:5]
            for position, product in enumerate(products, 1):
                chance = (0.1 + 0.25 * grades[query][product]) / position
                clicked = int(generator.random() < chance)
                propensity = 1 / len(grades[query])
                writer.writerow([session, query, position, product, clicked, propensity])
    return path


def test_click_models_are_fitted_saved_and_used(
    evaluate: Runner, run: Path, tmp_path: Path
) -> None:
    from dsv3.eval.judgments.load import load_qrels

    grades = load_qrels(JUDGMENTS).grades
    log = write_log(tmp_path / "log.csv", {q: dict(judged) for q, judged in grades.items()})
    fitted = evaluate("clicks", "fit", log, "--model", "pbm", "--model", "dbn", "--json")
    assert fitted.returncode == 0, fitted.stderr
    fits = json.loads(fitted.stdout)["fits"]
    assert [fit["model"] for fit in fits] == ["pbm", "dbn"]
    assert all(1 < fit["perplexity"] < 2 for fit in fits)
    model = tmp_path / "model.json"
    saved = evaluate("clicks", "fit", log, "--model", "pbm", "-j", JUDGMENTS, "--save", model)
    assert saved.returncode == 0, saved.stderr
    assert "perplexity" in saved.stdout
    used = evaluate("clicks", "simulate", run, "-j", JUDGMENTS, "--model", model, "-k", "5")
    assert used.returncode == 0, used.stderr
    two = evaluate("clicks", "fit", log, "--model", "pbm", "--model", "dbn", "--save", model)
    assert "name one model to save" in two.stderr
    estimated = evaluate("clicks", "estimate", log, run, "--json")
    assert estimated.returncode == 0, estimated.stderr
    assert json.loads(estimated.stdout)["upside-down"]["searches"] == 400


def test_clicks_give_judgments(evaluate: Runner, run: Path, tmp_path: Path) -> None:
    from dsv3.eval.judgments.load import load_qrels

    grades = load_qrels(JUDGMENTS).grades
    chosen = {q: dict(judged) for q, judged in list(grades.items())[:20]}
    log, out = write_log(tmp_path / "log.csv", chosen), tmp_path / "from-clicks.csv"
    judged = evaluate("clicks", "judge", log, "--model", "pbm", "-j", JUDGMENTS, "--out", out)
    assert judged.returncode == 0, judged.stderr
    for words in ("clicks:pbm", "left out:", "weighted kappa", "Kendall's tau"):
        assert words in judged.stdout
    assert load_qrels(out).shares() == {"clicks:pbm": 1.0}
    told = evaluate("clicks", "judge", log, "--model", "pbm", "--out", out, "--json")
    assert json.loads(told.stdout)["agreement"] is None
    measured = evaluate("--run", run, "-j", out, *QUICK)
    assert "grades by rater: 100% clicks:pbm" in measured.stdout

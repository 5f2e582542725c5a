"""What a click log proves: products that no lane finds, words that no product has."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dsv3 import ECommRetriever
from dsv3.cli.app import app
from dsv3.eval.clicks import ClickLog, Search, collect_log, grade_model
from dsv3.eval.prove_clicks import (
    ClickProofs,
    keep_associations,
    learn_associations,
    prove_clicks,
)
from dsv3.eval.tune import Tuned
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading
from dsv3.retriever.clicks import Associations, write_associations
from dsv3.retriever.query import Mode
from typer.testing import CliRunner

GAMES = {f"game-{n}": f"Steel Harbour 2 {edition}" for n, edition in enumerate(("PC", "Gold"))}
KINDS = ("lamp", "kettle", "drill", "tent", "stove", "guitar", "drone", "helmet", "canoe", "sofa")
BRANDS = ("Acme", "Bolt", "Corvo", "Dune")
PRODUCTS = GAMES | {f"{k}-{b.casefold()}": f"{b} {k}" for k in KINDS for b in BRANDS}
RIGHT = {"sh2": set(GAMES), "boat": {"canoe-acme", "canoe-dune"}}
"""What shoppers mean by what they say; no product says it."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    records = [{"id": i, "title": title} for i, title in PRODUCTS.items()]
    (tmp_path / "feed.jsonl").write_text("\n".join(map(json.dumps, records)))
    feed = Reading([str(tmp_path / "feed.jsonl")])
    index_shop(tmp_path / "shop.dsv3", feed, changes={"encoder": "hashing"}, workers=1)
    return tmp_path / "shop.dsv3"


def searched(right: dict[str, set[str]], count: int = 400, *, seed: int = 1) -> list[Search]:
    """Let simulated shoppers look through ten products in random order, from the first down."""
    generator = np.random.default_rng(seed)
    model = grade_model("dbn", top=3, k=10)
    ids, found = list(PRODUCTS), []
    for number in range(count):
        query = list(right)[number % len(right)]
        others = generator.choice(ids, 10, replace=False).tolist()
        shown = list(dict.fromkeys([*right[query], *others]))[:10]
        shown = generator.permutation(shown).tolist()
        grades = np.array([[3 if each in right[query] else 0 for each in shown]])
        clicks = model.simulate(grades, generator)[0].tolist()
        found.append(Search(f"s{number}", query.upper() if number % 3 else query, shown, clicks))
    return found


@pytest.fixture(scope="module")
def log() -> ClickLog:
    return collect_log(searched(RIGHT))


@pytest.fixture
def proofs(shop: Path, log: ClickLog) -> ClickProofs:
    with ECommRetriever.open(shop) as opened:
        return prove_clicks(opened, log)


def test_what_shoppers_choose_is_learned_however_they_write_the_query(log: ClickLog) -> None:
    found = learn_associations(log)
    assert {query: set(of) for query, of in found.queries.items()} == RIGHT
    assert all(0.5 < sure < 1 for of in found.queries.values() for sure in of.values())


def test_few_searches_or_clicks_at_random_associate_nothing() -> None:
    assert not learn_associations(collect_log(searched(RIGHT, 8)))
    aimless = learn_associations(collect_log(searched({"sh2": set(), "boat": set()}, 400)))
    assert sum(map(len, aimless.queries.values())) <= 2  # of 84, by chance


def test_products_that_no_lane_finds_come_first_once_the_clicks_prove_them(
    shop: Path, proofs: ClickProofs
) -> None:
    assert proofs.associated is not None
    assert proofs.associated.adopted
    assert proofs.associated.after > proofs.associated.before + 0.5
    with ECommRetriever.open(shop) as opened:
        assert not {hit.product_id for hit in opened.retrieve("sh2", mode="lexical")}
        assert keep_associations(shop, proofs)
        modes: tuple[Mode, ...] = ("hybrid", "lexical")
        for mode in modes:
            found = opened.retrieve("Sh2", mode=mode, explain=True)
            assert {hit.product_id for hit in found.hits[:2]} == set(GAMES)
            assert "2 that shoppers choose" in found.plan["clicks"]
            explained = found[0].explanation
            assert explained is not None
            assert explained.evidence["clicks"] > 0.5
        filtered = opened.retrieve("sh2", where="product_id = 'game-1'", mode="lexical")
        assert [hit.product_id for hit in filtered] == ["game-1"]
        off = replace(opened.settings.ranking, without=("clicks",))
        assert not len(opened.retrieve("sh2", mode="lexical", ranking=off))
        plain = opened.retrieve("sofa", explain=True)
        assert "clicks" not in plain.plan


def test_a_word_of_the_shoppers_means_what_the_chosen_titles_share(
    shop: Path, proofs: ClickProofs
) -> None:
    told = {synonym.asked: synonym.said for synonym, proof in proofs.synonyms if proof.adopted}
    assert told == {"sh2": "steel harbour 2", "boat": "canoe"}
    assert not (shop / "rules.toml").exists()
    (shop / "rules.toml").write_text(proofs.lines)
    with ECommRetriever.open(shop) as opened:
        assert {hit.product_id for hit in opened.retrieve("sh2", mode="lexical")} == set(GAMES)


def test_words_that_products_have_get_no_synonyms(shop: Path) -> None:
    log = collect_log(searched({"sofa": set(GAMES)}))
    with ECommRetriever.open(shop) as opened:
        found = prove_clicks(opened, log)
    assert found.associated is not None
    assert not found.synonyms
    assert not found.lines


def test_what_the_other_half_does_not_bear_out_is_not_kept(shop: Path) -> None:
    log = collect_log(searched({"sofa": {f"sofa-{b.casefold()}" for b in BRANDS}}, 300))
    with ECommRetriever.open(shop) as opened:
        found = prove_clicks(opened, log)
    assert found.associated is not None
    assert not found.associated.adopted  # they come first without the clicks
    assert not keep_associations(shop, found)
    assert not (shop / "clicks.json").exists()


def test_a_damaged_file_is_passed_over_with_a_warning(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = shop / "clicks.json"
    write_associations(file, Associations({"sh2": {"game-0": 0.8, "gone": 0.9}}))
    with ECommRetriever.open(shop) as opened:
        assert [hit.product_id for hit in opened.retrieve("sh2", mode="lexical")] == ["game-0"]
        for content in ("{", '{"queries": {"sh2": {"game-1": 7}}}', '{"queries": {"sh2": ["a"]}}'):
            file.write_text(content)
            found = opened.retrieve("sh2", mode="lexical")
            assert [hit.product_id for hit in found] == ["game-0"]
        assert len(caplog.records) == 3
        assert "dsv3 tune --clicks" in caplog.text
        file.unlink()
        assert not len(opened.retrieve("sh2", mode="lexical"))


def test_the_command_keeps_what_wins_and_writes_synonyms_only_when_asked(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {f"{kind}": {f"{kind}-corvo", f"{kind}-dune"} for kind in KINDS}
    strange = {f"xq{n}k": {f"{k}-acme", f"{k}-bolt"} for n, k in enumerate(KINDS)}
    searches = searched(RIGHT | wanted | strange, 2_200)
    with (tmp_path / "log.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["session_id", "query", "product_id", "position", "clicked"])
        for number, each in enumerate(searches):
            for place, (product, click) in enumerate(
                zip(each.products, each.clicked, strict=True), 1
            ):
                writer.writerow([f"s{number}", each.query, product, place, int(click)])
    asked = ["tune", "--in", str(shop), "--clicks", str(tmp_path / "log.csv")]
    tried = CliRunner().invoke(app, [*asked, "--try", "--json"])
    assert tried.exit_code == 0, tried.output
    content = json.loads(tried.stdout)
    assert content["clicks"]["verdict"] == "better"
    said = {each["from"]: each for each in content["synonyms"]}
    assert said["sh2"]["to"] == "steel harbour 2"
    assert said["sh2"]["verdict"] == "better"
    assert not (shop / "clicks.json").exists()
    assert not (shop / "synonyms-from-clicks.toml").exists()
    with ECommRetriever.open(shop) as opened:
        nothing = Tuned((), opened.settings.ranking, None)
    monkeypatch.setattr("dsv3.eval.tune.tune", lambda *given, **options: nothing)
    kept = CliRunner().invoke(app, [*asked, "--write-synonyms"])
    assert kept.exit_code == 0, kept.output
    assert "[[synonyms]]" in kept.stdout
    assert (shop / "clicks.json").exists()
    assert not (shop / "rules.toml").exists()
    written = tomllib.loads((shop / "synonyms-from-clicks.toml").read_text())
    assert {"from": "sh2", "to": "steel harbour 2"} in written["synonyms"]
    alone = CliRunner().invoke(app, ["tune", "--in", str(shop), "--write-synonyms"])
    assert alone.exit_code != 0

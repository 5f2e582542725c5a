from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.clicks import Simulation
from dsv3.eval.evaluation import Evaluation, evaluate, with_clicks
from dsv3.eval.measures import DEFAULT_MEASURES
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.report.page import render_html
from dsv3.eval.report.text import short_verdict, table_rows
from dsv3.eval.run import Run
from dsv3.eval.systems.base import RandomSystem
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25System

VOID = {"meta", "br", "img", "hr", "input", "link"}


class Structure(HTMLParser):
    """Check that tags are closed in order, and keep texts and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse(page: str) -> Structure:
    structure = Structure()
    structure.feed(page)
    structure.close()
    assert structure.open == []
    return structure


@pytest.fixture(scope="module")
def found(catalog: CatalogTexts, qrels: Qrels) -> Evaluation:
    runs = [
        RandomSystem(catalog.product_ids).rank(qrels.queries, 60),
        Bm25System(Bm25Fields(catalog)).rank(qrels.queries, 60),
    ]
    return with_clicks(evaluate(qrels, runs, catalog=catalog), Simulation(sessions=50))


def test_the_page_is_well_formed_and_needs_nothing_else(found: Evaluation) -> None:
    page = render_html(found)
    structure = parse(page)
    for tag, name, value in structure.attributes:
        assert tag not in {"script", "link", "img", "iframe", "object"}
        assert name not in {"src", "srcset", "onload", "onclick"}
        assert "http" not in value or name == "http-equiv", (tag, name, value)
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_every_number_of_the_table_is_on_the_page(found: Evaluation) -> None:
    words = set(re.findall(r"\d\.\d{3}", render_html(found)))
    for run in found.runs:
        for measure in DEFAULT_MEASURES:
            assert f"{found.scores[run.name][measure].mean.mean:.3f}" in words


def test_the_verdict_comes_first(found: Evaluation) -> None:
    page = render_html(found)
    assert "<strong>bm25 is better than random</strong>" in page
    assert 'class="verdict good"' in page
    swapped = evaluate(found.qrels, found.runs[::-1])
    assert 'class="verdict bad"' in render_html(swapped)


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='x'>",
    "{{ 7 * 7 }} & 键盘",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_shoppers_and_shops_write_is_only_text(text: str) -> None:
    qrels = collect([(text, "a", 1), (text, "b", 0), ("other", "a", 1)])
    runs = [Run("one", {text: ["b"]}), Run(f"two {text}", {text: ["a", text]})]
    page = render_html(evaluate(qrels, runs))
    structure = parse(page)
    assert not {"script", "img"} & {tag for tag, _, _ in structure.attributes}
    assert text in [piece.strip() for piece in structure.texts]


def test_a_page_of_one_run_without_a_shop() -> None:
    found = evaluate(collect([("q", "a", 1)]), [Run("only", {"q": ["a"]})])
    page = render_html(found)
    parse(page)
    assert "nothing to compare it with" in page
    assert 'id="changes"' not in page
    assert 'id="clicks"' not in page


def test_a_page_of_runs_that_show_nothing() -> None:
    qrels = collect([("q", "a", 0)])
    runs = [Run("x", {}), Run("y", {"q": []})]
    parse(render_html(evaluate(qrels, runs)))
    parse(render_html(with_clicks(evaluate(qrels, runs), Simulation(sessions=10))))


def test_the_page_tells_what_is_rated_and_what_the_rest_could_do() -> None:
    """An engine that shows only what is rated, and one of whose results half are not."""
    queries = [f"q{number}" for number in range(12)]
    rated = collect((query, f"p{place}", place % 4, "") for query in queries for place in range(10))
    known = Run("known", {query: [f"p{place}" for place in range(10)] for query in queries})
    other = Run(
        "other",
        {q: [f"p{n}" if n % 2 else f"x{n}" for n in range(10)] for q in queries},
    )
    drawn = Run("random", {query: [f"x{place}" for place in range(10)] for query in queries})
    found = evaluate(rated, [drawn, known, other], baseline="known")
    (row,) = [each for each in short_rows(found) if each[0] == "nDCG@10"]
    assert row == ("nDCG@10", "other", "holes: rate 60 pairs")
    page = render_html(found)
    assert "holes: rate 60 pairs" in page
    low, high = found.scores["other"][DEFAULT_MEASURES[0]].bounds or (0.0, 0.0)
    assert low < high
    assert f"{low:.3f} … {high:.3f}" in page
    assert parse(page).texts.count("100 %") >= 10 + 5  # all ranks of one, every second of the other
    shown = page[page.index('id="tests"') :]
    assert ">random<" not in shown[: shown.index("</section>")]


def short_rows(found: Evaluation) -> list[tuple[str, str, str]]:
    return [(row.measure, row.system, short_verdict(row)) for row in table_rows(found)]

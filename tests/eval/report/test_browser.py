"""Look at the report in a real browser, without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from dsv3.eval.catalog import CatalogTexts
from dsv3.eval.clicks import Simulation
from dsv3.eval.evaluation import evaluate, with_clicks
from dsv3.eval.qrels import Qrels
from dsv3.eval.report.page import write_html
from dsv3.eval.systems.base import RandomSystem
from dsv3.eval.systems.bm25 import Bm25Fields, Bm25System

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--virtual-time-budget=2000"),
)
# The report stands in a frame as wide as the screen to be tried, because a headless window is
# never narrower than 500 pixels. It has no script of its own; this one measures it.
FRAME = """<!doctype html><body style="margin:0"><script>
addEventListener("message", (event) => {{ document.title = event.data; }});
</script><iframe src="{}" style="border:0;width:{}px;height:900px"></iframe>"""
PROBE = """<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const style = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
  parent.postMessage(JSON.stringify({
    overflow: root.scrollWidth - innerWidth,
    width: innerWidth,
    page: style("body", "backgroundColor"),
    ink: style("body", "color"),
    plots: document.querySelectorAll(".plot svg").length,
    smallest: Math.min(...[...document.querySelectorAll("body *")]
      .filter((e) => e.childElementCount === 0 && e.textContent.trim() && e.offsetParent)
      .map((e) => parseFloat(getComputedStyle(e).fontSize))),
    columns: style(".sides", "gridTemplateColumns").split(" ").length,
    drawn: Math.min(...[...document.querySelectorAll(".plot svg")]
      .map((e) => e.getBoundingClientRect().width)),
    requests: performance.getEntriesByType("resource").length,
    wide: [...document.querySelectorAll("main *")]
      .filter((e) => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => `${e.tagName}.${e.className}`).slice(0, 3).join(" "),
  }), "*");
});
</script>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, catalog: CatalogTexts, qrels: Qrels) -> Path:
    runs = [
        RandomSystem(catalog.product_ids).rank(qrels.queries, 60),
        Bm25System(Bm25Fields(catalog)).rank(qrels.queries, 60),
    ]
    found = with_clicks(evaluate(qrels, runs, catalog=catalog), Simulation(sessions=50))
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_html(found, path)
    probed = path.read_text(encoding="utf-8").replace(
        "default-src 'none'", "script-src * 'unsafe-inline'"
    )
    path.write_text(probed.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return path


def look(report: Path, profile: Path, width: int, *, dark: bool) -> dict[str, float | str]:
    frame = profile / "frame.html"
    frame.write_text(FRAME.format(report.as_uri(), width), encoding="utf-8")
    dom = subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            "--window-size=1300,900",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert title is not None
    measured: dict[str, float | str] = orjson.loads(title[1].replace("&quot;", '"'))
    return measured


def brightness(colour: str | float) -> float:
    red, green, blue = (int(part) for part in re.findall(r"\d+", str(colour))[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "columns"), [(1200, 2), (390, 1)])
def test_the_report_fits_and_can_be_read(
    report: Path, tmp_path: Path, width: int, columns: int, dark: bool
) -> None:
    page = look(report, tmp_path, width, dark=dark)
    assert page["width"] == width
    assert page["wide"] == ""
    assert float(page["overflow"]) <= 0
    assert page["columns"] == columns
    assert page["plots"] == 3
    assert float(page["drawn"]) > 200
    assert float(page["smallest"]) >= 10
    assert page["requests"] == 0
    assert abs(brightness(page["ink"]) - brightness(page["page"])) > 150
    assert (brightness(page["page"]) < 80) is dark

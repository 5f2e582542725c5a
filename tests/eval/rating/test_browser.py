"""The rating page in a real browser: by keys, by touch, without script, light and dark."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dsv3.eval.rating.ratings import read_ratings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield opened
        opened.close()


class Served:
    def __init__(self, to_rate: Path, *options: str) -> None:
        self.out = to_rate.with_name("r.jsonl")
        command = [sys.executable, "-m", "dsv3", "eval", "rate", to_rate, "--out", self.out]
        self.process = subprocess.Popen(
            [*map(str, command), "--no-open", *options], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.address = self.process.stderr.readline().split()[0]

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(2)
        self.process.communicate(timeout=30)

    @property
    def grades(self) -> dict[str, int]:
        return {rating.product: rating.grade for rating in read_ratings(self.out)}


def opened(browser: Browser, address: str, **how: Any) -> tuple[Page, list[str]]:
    """Open a page; also a list of what the browser complains of or asks others for."""
    page = browser.new_context(**how).new_page()
    odd: list[str] = []
    page.on("console", lambda message: odd.append(message.text))
    page.on("pageerror", lambda error: odd.append(str(error)))
    page.on(
        "request", lambda asked: odd.append(asked.url) if "127.0.0.1" not in asked.url else None
    )
    page.goto(address)
    return page, odd


def press(page: Page, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def test_everything_goes_by_keys(browser: Browser, to_rate: Path) -> None:
    with Served(to_rate) as served:
        page, odd = opened(browser, served.address)
        page.keyboard.type("anna")
        press(page, "Enter")
        assert page.evaluate("document.activeElement.id") == "query"
        assert page.title() == "red shoe: red shoe 0 <b>&"
        press(page, "3")
        assert served.grades == {"r0": 3}
        assert page.inner_text(".last") == "before: 3 exact"
        press(page, "s")
        press(page, "0")
        assert served.grades == {"r0": 3, "r2": 0}
        press(page, "u")
        assert served.grades == {"r0": 3}
        assert page.inner_text("h2") == "red shoe 2 <b>&"
        page.keyboard.press("7")
        page.keyboard.press("Control+3")
        for _ in range(5):
            press(page, "1")
        assert "All 6 pairs are rated" in page.inner_text("h1")
        assert served.grades == {"r0": 3, **dict.fromkeys(("r1", "r2", "b0", "b1", "b2"), 1)}
        page.keyboard.press("2")
        press(page, "u")
        assert page.inner_text("h2") == "red shoe 1 <b>&"
        assert odd == []


def test_buttons_are_named_and_reached_by_tab(browser: Browser, to_rate: Path) -> None:
    with Served(to_rate, "--rater", "anna") as served:
        page, _ = opened(browser, served.address)
        names = [
            page.get_by_role("button", name=name) for name in ("3 exact", "0 irrelevant", "Skip")
        ]
        assert [each.count() for each in names] == [1, 1, 1]
        assert page.get_by_role("progressbar").get_attribute("aria-label") == "0 of 6 pairs rated"
        assert page.get_by_role("group", name="How well").count() == 1
        seen = []
        for _ in range(8):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]"))
        assert [name for name in seen if name in "3210"] == ["3", "2", "1", "0"]


def test_it_works_without_script(browser: Browser, to_rate: Path) -> None:
    with Served(to_rate, "--rater", "anna") as served:
        page, _ = opened(browser, served.address, java_script_enabled=False)
        page.get_by_role("button", name="2 close").click()
        page.wait_for_selector("text=red shoe 1")
        assert served.grades == {"r0": 2}


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser: Browser, to_rate: Path, width: int, scheme: Any) -> None:
    with Served(to_rate, "--rater", "anna") as served:
        size: Any = {"width": width, "height": 700}
        page, odd = opened(browser, served.address, viewport=size, color_scheme=scheme)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("scrollTo(0, 0)")
        box = page.get_by_role("button", name="0 irrelevant").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 700
        assert box["height"] >= 44
        for place in ("h1", "h2", "dt", "dd", ".grades span", "summary", ".bar"):
            assert contrast(page, place) >= 4.5, place
        assert odd == []


def contrast(page: Page, place: str) -> float:
    """Return the contrast of a text with what is behind it, as WCAG 2 defines it."""
    ink, paper = page.eval_on_selector(
        place,
        """element => {
          const ink = getComputedStyle(element).color;
          let paper = 'rgba(0, 0, 0, 0)';
          for (let each = element; each && paper.endsWith(', 0)'); each = each.parentElement)
            paper = getComputedStyle(each).backgroundColor;
          return [ink, paper].map(text => text.match(/[\\d.]+/g).slice(0, 3).map(Number));
        }""",
    )

    def light(colour: list[float]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((light(ink), light(paper)))
    return (high + 0.05) / (low + 0.05)


def test_pictures_are_fetched_only_where_that_was_asked(browser: Browser, to_rate: Path) -> None:
    with Served(to_rate, "--rater", "anna", "--pictures") as served:
        context = browser.new_context()
        asked: list[dict[str, str]] = []

        def picture(route: Any) -> None:
            asked.append(route.request.headers)
            route.fulfill(
                status=200,
                content_type="image/svg+xml",
                body="<svg xmlns='http://www.w3.org/2000/svg'/>",
            )

        context.route("https://shop.example/**", picture)
        page = context.new_page()
        page.goto(served.address)
        assert page.locator("img").count() == 1
        assert len(asked) == 1
        assert "referer" not in asked[0]

"""The report in a real browser: nothing is fetched, nothing complained about, no sideways scrolling, tables sort."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report import write_reports
from tests.eval.golden import NASTY, write_golden
from train.runs import RunFolder

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    runs = [RunFolder(folder / name) for name in ("golden", "other")]
    for run in runs:
        write_golden(run.path)
    write_reports(runs)
    return {"report": runs[0].path / "report.html", "overview": folder / "overview.html"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs the extra 'dev'")
    if CHROMIUM is None:
        pytest.skip("the browser test needs Chromium on PATH (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page opened with an eye on what it asks for and complains about."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.page.route("**/*", self._route)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())

    def _route(self, route: Any) -> None:
        self.requests.append(route.request.url)
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            route.abort()

    def column(self, heading: str, title: str) -> list[str]:
        """Cells of the column `title` of the table below the heading."""
        cells: list[str] = self.page.evaluate(
            """([heading, title]) => {
                const at = [...document.querySelectorAll("h2")].find((h) => h.textContent.startsWith(heading));
                let next = at.nextElementSibling;
                while (!next.querySelector("table")) next = next.nextElementSibling;
                const heads = [...next.querySelectorAll("thead th")];
                const column = heads.findIndex((head) => head.textContent.trim() === title);
                return [...next.querySelectorAll("tbody tr")].map((row) => row.cells[column].textContent.trim());
            }""",
            [heading, title],
        )
        return cells


@pytest.mark.parametrize("name", ["report", "overview"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_pages_are_quiet_and_fit(browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    visit = Visit(browser, pages[name], width, color_scheme=scheme)
    assert visit.requests == [pages[name].as_uri()], "the page asks for nothing but itself"
    assert visit.complaints == [], "no error, no warning, no script of an answer has run"
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, "only tables scroll sideways"
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
    plots = visit.page.locator("svg.plot")
    assert plots.count() >= 2
    for box in (plot.bounding_box() for plot in plots.all()):
        assert box["width"] > 250
        assert box["height"] > 150
    visit.page.close()


def test_text_of_a_model_is_text(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["report"])
    assert NASTY in visit.page.inner_text("body")
    visit.page.close()


def test_tables_sort(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["report"])
    page = visit.page
    button = page.get_by_role("button", name="MB", exact=True).first
    assert visit.column("Comparison", "MB") == ["500", "40.0", "10.0", "–"]
    button.click()
    assert visit.column("Comparison", "MB") == ["500", "40.0", "10.0", "–"]
    button.click()
    assert visit.column("Comparison", "MB") == ["10.0", "40.0", "500", "–"], "what has no figure comes last"
    page.get_by_role("button", name="Artifact", exact=True).first.press("Enter")
    names = [name.removesuffix(" ●") for name in visit.column("Comparison", "Artifact")]
    assert names == sorted(names)
    assert page.locator("th[aria-sort]").count() == 1
    page.get_by_role("button", name="Against teacher").click()
    differences = [text.split(" ")[0].split("[")[0] for text in visit.column("Comparison", "Against teacher")]
    assert differences == ["-10.0", "-15.0", "–", "–"], "negative numbers are numbers"
    page.close()


def test_print_is_black_on_white(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["report"], color_scheme="dark")
    visit.page.emulate_media(media="print", color_scheme="dark")
    style = visit.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert style == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert visit.page.pdf()[:5] == b"%PDF-"
    visit.page.close()

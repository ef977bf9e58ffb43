"""One browser for the tests of the page, and servers for folders."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mobile.serve.packages import installed
from mobile.serve.server import PageServer
from mobile.serve.site import PAGE, Site

SMALL = Path(__file__).parents[3] / "mobile" / "prebuilt" / "small"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def packages() -> Path:
    if not installed(PAGE / "node_modules"):
        pytest.skip("the page's tests need LiteRT.js: npm ci --ignore-scripts --prefix mobile/web")
    return PAGE / "node_modules"


@pytest.fixture(scope="module")  # playwright allows one driver a thread: other areas' tests have theirs
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need the extra 'dev'")
    if CHROMIUM is None:
        pytest.skip("the page's tests need Chromium on PATH (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(site: Site, isolated: bool = True) -> Iterator[PageServer]:
    with PageServer(site, 0, isolated) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()

"""`tandem dashboard` opened in a real browser: curves, samples and artifacts are there, and no request leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from train.errors import UserError
from train.free_port import require_free
from train.tracking.dashboard import dashboard

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROGRAM = """
import json, pathlib, sys
from train.tracking.dashboard import dashboard
print(json.dumps(dashboard(pathlib.Path(sys.argv[1]), browser=False)))
"""


@pytest.fixture
def served(finished_run: Path, tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("trackio", reason="trackio is not installed (extra track)")
    environment = os.environ | {"TANDEM_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", PROGRAM, str(finished_run)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, env=environment
    )
    assert process.stderr is not None
    line = next((text for text in process.stderr if "http" in text), "")
    url = line[line.index("http") :].split()[0]
    yield url
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0  # Ctrl-C is how a dashboard ends
    assert json.loads(stdout.splitlines()[-1])["url"] == url
    assert (tmp_path / "cache" / "trackio").is_dir()


def test_a_port_that_is_taken_is_one_message(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed (extra track)")
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"Port {port} \(--port\) is taken or not allowed"):
            dashboard(finished_run, browser=False, port=port)
    assert not (tmp_path / "cache").exists(), "nothing was imported for it"
    require_free(port)
    require_free(None)


def test_the_page_shows_the_run(served: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    requests: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(served)
        page.get_by_placeholder("e.g., loss").fill("train/loss")
        page.get_by_text("train (1)").wait_for()
        for run in ("finetune-tiny-s1", "distill-tiny-s1"):
            assert page.get_by_text(run).count() > 0
        page.get_by_text("Media & Tables").click()
        page.get_by_text("student-tflite-int8").first.wait_for()
        page.get_by_text("Artifacts").click()
        page.get_by_text("tiny-finetune").first.wait_for()
        browser.close()
    own = served.partition("/?")[0]
    assert requests
    assert [url for url in requests if not url.startswith((own, "data:", "blob:"))] == []

"""The page's modules that need no browser, in Node.js: words of a call, and the runner on a library that counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mobile.node import find_node

PAGE_SUITES = Path(__file__).parent / "page"


@pytest.mark.parametrize(("suite", "tests"), [("call_words.test.js", 3), ("litert_runner.test.js", 6)])
def test_suite(suite: str, tests: int) -> None:
    node = find_node()
    if node is None:
        pytest.skip("the page's modules are tested with Node.js: pip install -c constraints.txt -e '.[web]'")
    done = subprocess.run(
        [*node, "--test", "--test-reporter=tap", suite],
        cwd=PAGE_SUITES, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"# pass {tests}\n" in done.stdout

"""scripts/setup installs what is not installed, and only that; Python and pip are a stub."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/usr/bin/env bash\necho "$@" >> "$CALLS"\n')
    python.chmod(0o755)
    return tmp_path


def installs(checkout: Path, constraints: str, extras: str) -> bool:
    """Whether anything is installed."""
    (checkout / "constraints.txt").write_text(constraints)
    calls = checkout / "calls.txt"
    calls.write_text("")
    environment = {"PATH": os.environ["PATH"], "EXTRAS": extras, "CALLS": str(calls)}
    subprocess.run([checkout / "scripts" / "setup"], env=environment, capture_output=True, check=True)
    return f"-e .[{extras}]" in calls.read_text()


def test_nothing_is_installed_twice(checkout: Path) -> None:
    assert installs(checkout, "torch==1", "all")
    assert installs(checkout, "torch==1", "eval")
    assert not installs(checkout, "torch==1", "all")
    assert not installs(checkout, "torch==1", "eval")


def test_going_back_to_former_constraints_installs_them(checkout: Path) -> None:
    for constraints in ("torch==1", "torch==2", "torch==1"):
        assert installs(checkout, constraints, "all")
    assert not installs(checkout, "torch==1", "all")
    assert installs(checkout, "torch==2", "eval")
    assert installs(checkout, "torch==1", "all")  # other extras share its packages

"""Runs the child_*.py tests of this folder in child processes: TensorFlow must never share a process with torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STAGE = HERE / "child_distill.py"  # compiles a dozen XLA programs


def run_child(*files: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert child.returncode == 0, child.stdout + child.stderr


def test_parts_in_child() -> None:
    run_child(*sorted(path for path in HERE.glob("child_*.py") if path != STAGE))


@pytest.mark.slow
def test_stage_in_child() -> None:
    run_child(STAGE)

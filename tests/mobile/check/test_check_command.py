"""`tandem check`: exit status, table, and the JSON of its last line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.mobile.check.editing import edited, renamed, write
from tests.mobile.conftest import REPOSITORY


def run(*arguments: object) -> tuple[int, dict[str, Any] | None, str]:
    """Exit status, the last line of stdout as JSON, everything printed."""
    command = [sys.executable, str(REPOSITORY / "tandem.py"), "check", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None, done.stdout + done.stderr


def test_warnings_leave_status_0(good: Path) -> None:
    status, result, printed = run(good / "int8.tflite")
    assert (status, result["ok"], result["errors"], result["warnings"]) == (0, True, 0, 1)  # type: ignore[index]
    assert "silent-zeros" in printed.splitlines()[3]


def test_errors_give_status_3_and_the_same_json(models: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "a.tflite", edited(models["fp32"], renamed("logits", "scores", ("decode",))))
    status, result, printed = run(path, "--json")
    assert status == 3
    assert result is not None
    assert printed.startswith("{")
    assert [(entry["rule"], entry["severity"], entry["where"]) for entry in result["findings"]] == [
        ("tensor-names", "error", "decode")
    ]


def test_users_mistakes_give_status_2(tmp_path: Path) -> None:
    status, result, printed = run(tmp_path / "missing.tflite")
    assert (status, result) == (2, None)
    assert "There is no file" in printed
    assert "Traceback" not in printed

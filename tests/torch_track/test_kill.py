"""kill -9 at any step and at any point of a save: the teacher has the same bits as without (child_kill.py does it)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Tries = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def tries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tries]:
    pytest.importorskip("peft", reason="of the extra torch")
    folder = tmp_path_factory.mktemp("kill")
    result = subprocess.run(
        [sys.executable, "-m", "tests.torch_track.child_kill", str(folder)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Tries] = json.loads(result.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["full", "lora", "early"])
def test_every_killed_run_ends_with_the_bits_of_the_undisturbed_one(tries: dict[str, Tries], settings: str) -> None:
    found = tries[settings]
    whole = found.pop("undisturbed")
    assert whole["finished"] == 0
    assert {point: t["status"] for point, t in found.items()} == dict.fromkeys(found, -9)
    for key in whole:  # sha256 of the weights, steps, best step …
        assert {point: t[key] for point, t in found.items()} == dict.fromkeys(found, whole[key]), key
    saved = {point: (int(point.removeprefix("step ")) - 1) // 3 * 3 for point in found if point.startswith("step ")}
    assert {point: found[point]["resumed"] >= step for point, step in saved.items()} == dict.fromkeys(saved, True)
    assert settings != "full" or found["in the teacher"]["resumed"] == whole["steps"]
    assert len(found) >= (whole["steps"] + 6 if settings == "full" else 2)


@pytest.mark.slow
def test_the_early_run_chose_and_stopped(tries: dict[str, Tries]) -> None:
    whole = tries["early"].get("undisturbed") or next(iter(tries["early"].values()))
    assert whole["stopped_early"]
    assert whole["best_step"] < whole["steps"] < whole["planned_steps"]

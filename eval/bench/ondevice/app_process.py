"""The process of an app (app.py), in several ways and in turns: a new one in each round, on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from eval.bench.ondevice.result import AppResult
from train.errors import TandemError
from train.progress import progress
from train.runs import REPOSITORY

PROGRAM = Path(__file__).with_name("app.py")
QUESTIONS = (
    "turn on the kitchen lights", "dim the reading lamp to 20%", "put oat milk on my shopping list",
    "set a timer for ten minutes", "close the blinds in the bedroom", "turn off the fan in the office",
    "what is the temperature in the living room",
)  # fmt: skip
WAYS = (("auto", "default"), ("interpreter", "default"), ("auto", "off"), ("interpreter", "off"))
LIMIT_S = 120.0
RAW = ("import_s", "load_s", "answer_s", "peak_memory_bytes")


def measure_app(folder: Path, rounds: int) -> list[AppResult]:
    """One result a way; the runtime's own default first. Raises TandemError where a process breaks down."""
    raw: dict[tuple[str, str], list[dict[str, Any]]] = {way: [] for way in WAYS}
    with progress("bench app", rounds * len(WAYS), "processes") as meter:
        for _ in range(rounds):
            for way in WAYS:
                raw[way].append(run_app(folder, *way))
                meter.advance()
    return [
        AppResult(
            runner=runner,
            question=QUESTIONS[0],
            answer=values[0]["answer"],
            file_bytes=values[0]["file_bytes"],
            constrained=values[0]["constrained"],
            **{key: [one[key] for one in values] for key in RAW},
        )
        for (runner, _), values in raw.items()
    ]


def run_app(folder: Path, runner: str, constrain: str) -> dict[str, Any]:
    """What one process tells, with `answer_s`, the median of its answers."""
    environment = {"PYTHONPATH": str(REPOSITORY / "mobile"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", str(PROGRAM), str(folder), runner, constrain, *QUESTIONS]
    done = subprocess.run(
        [*one_core(), *command],
        capture_output=True, text=True, timeout=LIMIT_S, check=False, env=os.environ | environment,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise TandemError(
            f"The runtime ended with status {done.returncode} on {folder} ({runner}, {constrain}): {said}"
        )
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values | {"answer_s": median(values.pop("answers_s"))}


def one_core() -> list[str]:
    """Linux's taskset with the first core of this process, where there is such a thing."""
    if not hasattr(os, "sched_getaffinity") or not Path("/usr/bin/taskset").exists():
        return []
    return ["/usr/bin/taskset", "-c", str(min(os.sched_getaffinity(0)))]

"""`tandem sweep FILE`: the trials of a sweep one after the other on this machine, resumable.

runs/sweeps/<name>/sweep.json holds every trial; it is written whole at the start and after each. A trial that
succeeded is skipped at the next start, one that failed is tried again. Trials of a former file, grid or config are
kept, and compared no more. A trial is the very command a W&B agent would start.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from train.atomic import sha256_file, sha256_json, write_json
from train.checked_json import checked
from train.command import INTERRUPTED
from train.config import load_config
from train.errors import TandemError, UserError
from train.progress import say
from train.runs import make_folder
from train.sigterm import child
from train.sweeps.search import Values, trials
from train.sweeps.sweep_file import Sweep, file_arguments, read_sweep


@dataclass(frozen=True)
class Trial:
    """One trial. `value` is the sweep's metric, None where the trial failed; `planned`: it is one of the sweep as the
    file has it now."""

    key: str
    parameters: Values
    value: float | None = None
    run: str | None = None
    seconds: float = 0.0
    error: str | None = None
    figures: dict[str, float] = field(default_factory=dict)
    planned: bool = True


class SweepRecord(TypedDict):
    """sweep.json."""

    file: str
    name: str
    method: str
    metric: str
    goal: Literal["minimize", "maximize"]
    parameters: list[str]
    trials: list[Trial]


_RECORD = TypeAdapter(SweepRecord)


@dataclass(frozen=True)
class Outcome:
    """What a trial's process left: its last line of stdout, or why there is none."""

    result: dict[str, Any] | None
    error: str | None = None


Launch = Callable[[list[str]], Outcome]


def run_sweep(path: Path, max_runs: int | None = None, launch: Launch | None = None) -> Path:
    """Runs what is not done yet; returns the sweep's folder.

    Args:
        path: sweep file.
        max_runs: new trials at this start, at most.
        launch: starts a trial's command (tests put a fake in its place).

    Raises:
        UserError: the file is wrong, or a random search has no end.
        TandemError: no trial succeeded.
    """
    sweep = read_sweep(path)
    if sweep.method == "random" and sweep.run_cap is None and max_runs is None:
        raise UserError(f"{path}: a random search has no end: give run_cap in the file, or --max-runs.")
    if launch is None:
        _check_program(path, sweep)
    if sweep.early_terminate is not None:
        say("sweep: early_terminate is for W&B's agents; every trial runs to its end here")
    folder = make_folder(Path(os.environ.get("TANDEM_RUNS") or "runs") / "sweeps" / sweep.name, "sweep")
    former = read_trials(folder) if (folder / "sweep.json").exists() else []
    planned = list(itertools.islice(_planned(sweep), _limit(sweep, former, max_runs)))
    keys = {trial.key for trial in planned}
    known = {t.key: replace(_judged(t, sweep.metric.name), planned=t.key in keys) for t in former}
    todo = [trial for trial in planned if not _done(trial, known)][:max_runs]
    write_json(folder / "sweep.json", _as_json(path, sweep, known))
    for number, trial in enumerate(todo, 1):
        say(f"sweep {sweep.name} [{number}/{len(todo)}] {_text(trial.parameters)}")
        known[trial.key] = _tried(trial, sweep, launch or start)
        write_json(folder / "sweep.json", _as_json(path, sweep, known))
    if not any(_done(trial, known) for trial in planned):
        reasons = "; ".join(f"{_text(t.parameters)}: {t.error}" for t in known.values() if t.planned)
        raise TandemError(f"No trial of {path} succeeded. {reasons}")
    return folder


def read_trials(folder: Path) -> list[Trial]:
    """The trials of a sweep folder in the order they were run. Raises UserError where there are none."""
    return read_record(folder)["trials"]


def read_record(folder: Path) -> SweepRecord:
    """sweep.json. Raises UserError where it is missing or damaged."""
    path = folder / "sweep.json"
    if not path.exists():
        raise UserError(f"{folder} is not the folder of a sweep: it has no sweep.json.")
    return checked(path.read_bytes(), _RECORD, path, "Delete it: the trials are then run again.")


def planned_trials(record: SweepRecord) -> list[Trial]:
    """Without those of a former file, grid or config: they can't be compared with the others."""
    columns = set(record["parameters"])
    return [trial for trial in record["trials"] if trial.planned and trial.parameters.keys() == columns]


def ranked(record: SweepRecord) -> list[Trial]:
    """Trials of the plan that succeeded, the best first."""
    done = [trial for trial in planned_trials(record) if trial.value is not None]
    return sorted(done, key=lambda trial: trial.value or 0.0, reverse=record["goal"] == "maximize")


def command_of(sweep: Sweep, values: Values) -> list[str]:
    """The command with its macros filled in as a W&B agent does it."""
    filled = {
        "${env}": ["/usr/bin/env"],
        "${interpreter}": [sys.executable],
        "${program}": [sweep.program],
        "${args}": [f"--{key}={value}" for key, value in values.items()],
        "${args_no_hyphens}": [f"{key}={value}" for key, value in values.items()],
        "${args_json}": [json.dumps(values)],
    }
    parts = [part for chunk in sweep.command for part in filled.get(chunk, [chunk])]
    return [re.sub(r"\$\{envvar:([A-Z0-9_]*)\}", lambda m: os.environ.get(m[1], m[1]), part) for part in parts]


def start(command: list[str]) -> Outcome:
    """Runs a trial's command; its messages go to this terminal, its last line of stdout is the result."""
    with child(command, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate()
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode:
        return Outcome(None, f"ended with status {process.returncode}; it has said why above")
    try:
        return Outcome(json.loads(output.strip().splitlines()[-1]))
    except (ValueError, IndexError):
        return Outcome(None, "its last line of stdout is no JSON object")


def _tried(trial: Trial, sweep: Sweep, launch: Launch) -> Trial:
    started = time.monotonic()
    outcome = launch(command_of(sweep, trial.parameters))
    result = outcome.result or {}
    figures = {key: float(value) for key, value in result.get("figures", {}).items()}
    seconds = round(time.monotonic() - started, 1)
    tried = Trial(trial.key, trial.parameters, None, result.get("run"), seconds, outcome.error, figures)
    if outcome.error is None:
        tried = _judged(tried, sweep.metric.name)
    if tried.error is not None:
        say(f"sweep {sweep.name}: the trial failed, the others go on. {tried.error}")
    return tried


def _judged(trial: Trial, metric: str) -> Trial:
    """The trial with its value by this metric: the sweep may have had another one when it ran."""
    if trial.error is not None and not trial.figures:
        return trial  # its process failed
    value = trial.figures.get(metric)
    if value is not None:
        return replace(trial, value=value, error=None)
    near = ", ".join(sorted(trial.figures)) or "none"
    error = f"the trial logged no {metric!r} (metric.name of the sweep file); it logged: {near}"
    return replace(trial, value=None, error=error)


def _planned(sweep: Sweep) -> Iterator[Trial]:
    files = {str(path): _content(path) for path in file_arguments(sweep)}
    seed = sha256_json([sweep.name, {key: p.model_dump() for key, p in sweep.parameters.items()}])
    for values in trials(sweep, seed):
        yield Trial(sha256_json([sweep.program, sweep.command, files, values])[:12], values)


def _content(path: Path) -> str:
    """Hash of what a file says: of a config all that it extends is part of it, a comment is not."""
    try:
        config = load_config(path).config
    except UserError:  # another file
        return sha256_file(path)
    return sha256_json(config.model_dump(mode="json", exclude={"runs_dir"}))


def _limit(sweep: Sweep, former: list[Trial], max_runs: int | None) -> int | None:
    """How many planned trials are looked at: a random search without a cap would go on for ever."""
    if sweep.run_cap is not None or sweep.method == "grid":
        return sweep.run_cap
    return len(former) + (max_runs or 0)


def _done(trial: Trial, known: dict[str, Trial]) -> bool:
    return trial.key in known and known[trial.key].value is not None


def _check_program(path: Path, sweep: Sweep) -> None:
    if "${program}" in sweep.command and not Path(sweep.program).is_file():
        raise UserError(
            f"{path}: program is {sweep.program!r}, which is not there. "
            "Start the sweep in the folder of the checkout, as 'wandb agent' must be, too."
        )
    first = command_of(sweep, {})[0]
    if shutil.which(first) is None:
        raise UserError(
            f"{path}: command starts with {first!r}, which is no program on this machine. "
            'Correct it; Python is "${interpreter}".'
        )


def _as_json(path: Path, sweep: Sweep, known: dict[str, Trial]) -> dict[str, Any]:
    return {
        "file": str(path),
        "name": sweep.name,
        "method": sweep.method,
        "metric": sweep.metric.name,
        "goal": sweep.metric.goal,
        "parameters": list(sweep.parameters),
        "trials": [asdict(trial) for trial in known.values()],
    }


def _text(values: Values) -> str:
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )

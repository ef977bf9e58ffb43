"""All stages in order, each in a process of its own: the two stacks never share memory, and a stage's memory is
given back when it ends. A stage that is done is skipped without starting anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from train.command import INTERRUPTED
from train.config import Config, load_config
from train.errors import GateError, TandemError, UserError
from train.progress import say
from train.runs import REPOSITORY, RunFolder, Stage, is_done, open_run
from train.sigterm import child
from train.stage import require_from_elsewhere


class StageFailedError(TandemError):
    """A stage's process ended with this status; it has said why."""

    def __init__(self, stage: str, status: int) -> None:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        wrong_input = status in (UserError.exit_status, GateError.exit_status)
        now = "It has said why above." if wrong_input else "The same command goes on from its last checkpoint."
        super().__init__(f"Stage {stage} {how}. {now}")
        self.exit_status = status if status > 0 else 1


def needed(stages: Sequence[Stage]) -> list[Stage]:
    """The last stage, and all whose outputs one of those reads: a student without a teacher trains no teacher."""
    kept: list[Stage] = []
    for stage in reversed(stages):
        read = [path for later in kept for path in later.inputs]
        if not kept or any(_overlap(path, output) for path in read for output in stage.outputs):
            kept.insert(0, stage)
    return kept


def to_do(stages: Sequence[Stage], config: Config, run: RunFolder) -> list[Stage]:
    """The stages that are not done, and all that read what one of those will make."""
    found: list[Stage] = []
    for stage in stages:
        made = [path for earlier in found for path in earlier.outputs]
        if any(_overlap(path, output) for path in stage.inputs for output in made) or not is_done(stage, config, run):
            found.append(stage)
    return found


def _overlap(path: str, other: str) -> bool:
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")


def run_pipeline(
    stages: Sequence[Stage], config_path: Path, overrides: Sequence[str], finish: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """Runs what is not done; `finish` prints the comparison and returns the last line's JSON object."""
    started = time.monotonic()
    config = load_config(config_path, overrides).config
    run = open_run(config)
    for stage in stages:  # before the first hour of work, not after it
        require_from_elsewhere(stage, config)
    for number, stage in enumerate(stages, 1):
        if is_done(stage, config, run):
            say(f"[{number}/{len(stages)}] {stage.name}: already done")
            continue
        say(f"[{number}/{len(stages)}] {stage.name}")
        _start(stage, config_path, overrides)
    _print_times(stages, run)
    result = finish(run.path)
    return {"run": str(run.path), "seconds": round(time.monotonic() - started, 1), **result}


def _start(stage: Stage, config_path: Path, overrides: Sequence[str]) -> None:
    command = [sys.executable, str(REPOSITORY / "tandem.py"), stage.name, str(config_path), *overrides]
    # The stage's own last line is JSON for scripts; in a pipeline only the pipeline's may stand on stdout.
    with child(command, stdout=subprocess.DEVNULL) as process:
        status = process.wait()
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise StageFailedError(stage.name, status)


def _print_times(stages: Sequence[Stage], run: RunFolder) -> None:
    records = run.record()["stages"]
    total = sum(records[stage.name]["seconds"] for stage in stages)
    table = Table(title="Stages", title_justify="left")
    for column, side in (("stage", "left"), ("seconds", "right"), ("share", "right"), ("peak memory MB", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for stage in stages:
        record = records[stage.name]
        share = f"{record['seconds'] / total:.0%}" if total else "-"
        table.add_row(stage.name, f"{record['seconds']:.0f}", share, f"{record['peak_memory_mb']:.0f}")
    table.add_row("all", f"{total:.0f}", "100%", f"{max(records[s.name]['peak_memory_mb'] for s in stages):.0f}")
    Console(stderr=True).print(table)

"""Runs one stage in this process: inputs checked, work done, result recorded."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.atomic import clear_partial, write_text
from train.config.load import dump_config
from train.config.schema import Config
from train.errors import UserError
from train.memory import PeakMemory
from train.progress import say
from train.run_lock import locked
from train.runs import (
    RunFolder,
    Stage,
    StageContext,
    damage,
    fingerprint,
    is_done,
    open_run,
    output_digests,
    provenance,
    record_stage,
    require_disk,
    saved_config,
)
from train.sigterm import in_order
from train.tracking.tracker import Tracker

DISK_MB = 200.0  # below this no stage can end well; stages that need more ask for it themselves


def run_stage(stage: Stage, config: Config) -> dict[str, Any]:
    """Makes the stage's outputs unless they are there already; returns its headline figures."""
    if os.environ.get("RANK", "0") != "0":  # a helper process of accelerate or torchrun: rank 0 keeps the books
        return _assist(stage, config)
    run = open_run(config)
    with in_order(), locked(run):
        _require_inputs(stage, config, run)
        if is_done(stage, config, run):
            say(f"{stage.name}: already done")
            if not (run.path / "config.yaml").exists():
                write_text(run.path / "config.yaml", dump_config(config))
            return dict(run.stage_record(stage.name)["headline"])
        for name in damage(stage, run):
            say(f"{stage.name}: {run.path / name} is missing or not what run.json recorded; the stage is run again")
        require_disk(run.path, DISK_MB, f"stage {stage.name}")
        with saved_config(config, run):
            return _work(stage, config, run)


def _work(stage: Stage, config: Config, run: RunFolder) -> dict[str, Any]:
    started, stage_fingerprint = time.time(), fingerprint(stage, config, run)
    for name in stage.outputs:
        clear_partial(run.path / name)
    tracked = Tracker(run.path, stage.name, config, provenance(stage, run) | {"fingerprint": stage_fingerprint})
    with PeakMemory() as peak, tracked as tracker:
        context = StageContext(config, run, stage_fingerprint, tracker, run.path / "checkpoints" / stage.name)
        headline = _entry(stage)(context)
        outputs = output_digests(stage, run)
        tracker.finish(headline, outputs)
    record_stage(stage, run, stage_fingerprint, outputs, time.time() - started, peak.mb, headline)
    shutil.rmtree(context.checkpoints, ignore_errors=True)  # only now: the result is recorded
    say(f"{stage.name}: done in {time.time() - started:.0f} s, peak memory {peak.mb:.0f} MB")
    return headline


def _assist(stage: Stage, config: Config) -> dict[str, Any]:
    run = RunFolder(config.runs_dir / config.name)
    if is_done(stage, config, run):
        return {}
    tracker = Tracker(None, stage.name)
    context = StageContext(config, run, fingerprint(stage, config, run), tracker, run.path / "checkpoints" / stage.name)
    return _entry(stage)(context)


def _entry(stage: Stage) -> Callable[[StageContext], dict[str, Any]]:
    module, function = stage.entry.split(":")
    entry: Callable[[StageContext], dict[str, Any]] = getattr(importlib.import_module(module), function)
    return entry


def _require_inputs(stage: Stage, config: Config, run: RunFolder) -> None:
    require_from_elsewhere(stage, config)
    for name in stage.inputs:
        if not (run.path / name).exists():
            raise UserError(
                f"Stage {stage.name} needs {run.path / name}, which is not there. "
                "Run the stages before it first; 'tandem run CONFIG' runs them all."
            )


def require_from_elsewhere(stage: Stage, config: Config) -> None:
    """Raises UserError where something is missing that the stage reads from outside the run folder."""
    for path in map(Path, stage.inputs):
        if path.is_absolute() and not path.exists():
            key, instead = _sent_elsewhere_by(stage, config)
            raise UserError(
                f"Stage {stage.name} is to read {path} ({key}), which is not there. Make it first: the config names "
                f"the run it comes from; or set {key}={instead}."
            )


def _sent_elsewhere_by(stage: Stage, config: Config) -> tuple[str, str]:
    """The key that sends a stage outside the run folder, and its value that does without."""
    if stage.name == "distill":
        return "student.initial", "random"
    return "finetune.initial" if config.finetune.teacher is None else "finetune.teacher", "null"

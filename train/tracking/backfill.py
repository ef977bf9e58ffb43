"""Back-fill: replays a finished or killed run from its metrics.jsonl, run.json and result files.

Replaying twice leaves what replaying once left: W&B offline folders below RUN/backfill are written anew under the ids
of the live run, and a trackio run of the same name is replaced.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.config import Config, load_config
from train.errors import UserError
from train.tracking.backend import Alert, Backend, Figures, RunIdentity, Sample, StageOutputs
from train.tracking.bench import bench_figures, bench_samples
from train.tracking.jsonl_log import read_lines


@dataclass(frozen=True)
class Recorded:
    """One line of metrics.jsonl: figures, a sample or an alert."""

    at: float
    figures: Figures = field(default_factory=dict)
    sample: Sample | None = None
    alert: Alert | None = None


@dataclass(frozen=True)
class StageHistory:
    """All that is known of one stage of a run."""

    identity: RunIdentity
    lines: list[Recorded]
    made: StageOutputs | None  # None where the stage never finished


def read_history(folder: Path) -> list[StageHistory]:
    """The stages of a run folder in the order they were logged.

    A stage that was made again after it had finished is there with its last training alone; steps that a resume did
    again stand once, as they were done last.

    Raises:
        UserError: no run folder, or nothing in its log.
    """
    config = _config(folder)
    record = _json(folder / "run.json").get("stages", {})
    lineage = _json(folder / "lineage.json")
    by_stage: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(folder):
        by_stage.setdefault(line["stage"], []).append(line)
    if not by_stage:
        raise UserError(f"{folder / 'metrics.jsonl'} has no lines: there is nothing to replay.")
    return [_history(folder, stage, lines, config, record, lineage) for stage, lines in by_stage.items()]


def replay(history: StageHistory, backend: Backend, folder: Path) -> int:
    """Sends a stage to a backend and closes it; returns the number of lines sent."""
    for line in history.lines:
        if line.sample is None and line.alert is None:
            backend.log(line.figures, line.at)
        if line.alert is not None:
            backend.alert(line.alert, line.at)
    sent = len(history.lines)
    sent += _replay_evaluation(history, backend, folder)
    if history.made is not None:
        backend.artifact(history.made)
    backend.close(failed=history.made is None)
    return sent


def _replay_evaluation(history: StageHistory, backend: Backend, folder: Path) -> int:
    """Samples, and the figures of the result files where the log is older than they are."""
    at = history.lines[-1].at
    samples = [line.sample for line in history.lines if line.sample is not None]
    sent = 0
    if history.identity.stage == "eval":
        samples = samples or bench_samples(folder)
        logged = any(key.startswith("bench/") for line in history.lines for key in line.figures)
        if not logged and (figures := bench_figures(folder)):
            backend.log(figures, at)
            sent += 1
    if samples:
        backend.samples(samples, at)
    return sent


def track_run(folder: Path, to: str, *, online: bool = False, workspace: bool = False) -> dict[str, Any]:
    """Replays a run `to` "wandb" or "trackio"; what `tandem track` prints."""
    if to not in ("wandb", "trackio"):
        raise UserError(f"--to {to!r} is no tracker. Known: wandb, trackio.")
    if to == "trackio":
        if online or workspace:
            raise UserError("--online and --workspace are for --to wandb; trackio stays on this machine.")
        return {"run": str(folder), "to": to, **backfill_trackio(folder)}
    if not workspace:
        return {"run": str(folder), "to": to, **backfill_wandb(folder, online=online)}
    from train.tracking.workspace import save_workspace

    views = save_workspace(folder)  # first: it refuses at once where nobody is logged in
    return {"run": str(folder), "to": to, **backfill_wandb(folder, online=online), **views}


def backfill_wandb(folder: Path, *, online: bool = False) -> dict[str, Any]:
    """Replays a run to W&B: offline below RUN/backfill/wandb, or straight to the server.

    Returns:
        {"stages": …, "lines": …}, and offline the folder of the files and the command that uploads them.
    """
    from train.tracking import run_ids
    from train.tracking.wandb_run import require_login, require_wandb, start_wandb

    require_wandb("tandem track --to wandb")
    if online:
        require_login("tandem track --online")
    histories, target = read_history(folder), folder / "backfill"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    lines = 0
    for history in histories:
        run_id = run_ids.known_id(folder, history.identity.stage)
        # resume=None: a run of this id on the server is written anew, not appended to.
        run = start_wandb(history.identity, folder, run_id, online=online, resume=None, directory=target)
        lines += replay(history, run, folder)
    path = target / "wandb"
    sync = {} if online else {"path": str(path), "sync": f"wandb sync {path}/offline-run-*"}
    return {"stages": [history.identity.stage for history in histories], "lines": lines, **sync}


def backfill_trackio(folder: Path) -> dict[str, Any]:
    """Replays a run to trackio's folder (TRACKIO_DIR, default trackio's own); runs of the same names are replaced.

    Returns:
        {"stages": …, "lines": …, "project": …, "show": the command that opens it}
    """
    from train.tracking.trackio_run import delete_run, require_trackio, start_trackio

    require_trackio("tandem track --to trackio")
    histories, lines = read_history(folder), 0
    for history in histories:
        delete_run(history.identity)
        lines += replay(history, start_trackio(history.identity, folder, resume="never"), folder)
    project = histories[0].identity.config.track.project
    stages = [history.identity.stage for history in histories]
    return {"stages": stages, "lines": lines, "project": project, "show": f"trackio show --project {project}"}


def _history(
    folder: Path,
    stage: str,
    lines: list[dict[str, Any]],
    config: Config,
    record: dict[str, Any],
    lineage: dict[str, Any],
) -> StageHistory:
    entry = record.get(stage)
    inputs = lineage.get(stage, {}).get("inputs", {})
    made = None if entry is None else StageOutputs(stage, entry["outputs"], inputs, entry["headline"])
    provenance = {} if entry is None else {"git": entry["git"], "environment": entry["environment"]}
    identity = RunIdentity(stage, config, {**provenance, "inputs": inputs})
    return StageHistory(identity, [_recorded(line) for line in _last_pass(lines)], made)


def _last_pass(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a later pass of the stage did again: a step that goes back replaces what followed it."""
    kept: list[dict[str, Any]] = []
    for line in lines:
        step = line.get("train/step")
        if step is not None:
            steps = [old["train/step"] for old in kept if "train/step" in old]
            if steps and step < steps[-1]:
                # Back to the first step: the stage began anew, and nothing of the former pass is left.
                kept = [] if step <= steps[0] else [old for old in kept if old.get("train/step", -1) < step]
            elif kept and kept[-1].get("train/step") == step and kept[-1].keys() == line.keys():
                kept.pop()  # the resume did exactly this step again
        kept.append(line)
    return kept


def _recorded(line: dict[str, Any]) -> Recorded:
    at = float(line["time"])
    if "sample" in line:
        return Recorded(at, sample=Sample(**line["sample"]))
    if "alert" in line:
        return Recorded(at, alert=Alert(**line["alert"]))
    return Recorded(at, {key: _number(value) for key, value in line.items() if key not in ("time", "stage")})


def _number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _config(folder: Path) -> Config:
    path = folder / "config.yaml"
    if not path.exists():
        raise UserError(f"{folder} is not a run folder: it has no config.yaml. Runs are made by: tandem run CONFIG")
    return load_config(path).config


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). Delete it and run the stages again.") from None
    return value if isinstance(value, dict) else {}

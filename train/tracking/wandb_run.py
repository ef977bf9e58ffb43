"""W&B: one group a pipeline, one run a stage, offline unless asked otherwise."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
from pathlib import Path
from typing import Any

from train.atomic import write_json
from train.config.schema import Config
from train.errors import MissingExtraError

AXES = ("train/*", "eval/*")


class WandbRun:
    """A thin hold on a wandb run."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, figures: dict[str, Any]) -> None:
        self._run.log(figures)

    def artifact(self, name: str, metadata: dict[str, Any], digests: dict[str, str]) -> None:
        """Records what the stage made by name and sha256; the files themselves stay in the run folder."""
        import wandb

        artifact = wandb.Artifact(name, type="stage-output", metadata=metadata)
        with artifact.new_file("sha256.json", mode="w") as file:
            file.write(json.dumps(digests, indent=2))
        self._run.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=1 if failed else 0)


def open_wandb(config: Config, folder: Path, stage: str) -> WandbRun | None:
    """The stage's W&B run, or None where tracking is off or wandb is not installed ('auto').

    The run id is kept in `wandb.json` of the run folder, so that a resumed stage goes on in the same W&B run.
    """
    mode = config.track.wandb
    if mode == "off" or os.environ.get("WANDB_MODE") == "disabled":
        return None
    if importlib.util.find_spec("wandb") is None:
        if mode == "auto":
            return None
        raise MissingExtraError("wandb", "track", f"track.wandb: {mode}")
    import wandb

    run = wandb.init(
        project=config.track.project,
        entity=config.track.entity,
        tags=config.track.tags,
        group=config.name,
        job_type=stage,
        name=f"{stage}-{config.name}-s{config.seed}",
        id=_run_id(folder, stage),
        resume="allow" if mode == "online" else None,
        config=config.model_dump(mode="json"),
        dir=str(folder),
        mode="offline" if mode == "auto" else mode,
        settings=wandb.Settings(silent=True, console="off"),
    )
    run.define_metric("train/step")
    for axis in AXES:
        run.define_metric(axis, step_metric="train/step")
    return WandbRun(run)


def _run_id(folder: Path, stage: str) -> str:
    path = folder / "wandb.json"
    ids: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if stage not in ids:
        ids[stage] = secrets.token_hex(4)
        write_json(path, ids)
    return ids[stage]

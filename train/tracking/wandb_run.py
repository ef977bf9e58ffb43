"""W&B: one group a pipeline, one run a stage, offline unless asked otherwise.

Offline, W&B refuses use_artifact: what a stage was made from stands in the artifact's metadata, and is linked when
online. Files are added with policy "immutable": without it W&B copies every one of them below the home folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.errors import MissingExtraError, UserError
from train.progress import say
from train.tracking import run_ids
from train.tracking.backend import SAMPLE_COLUMNS, Alert, Figures, RunIdentity, Sample, StageOutputs, artifact_name

AXES = ("train/step", "train/tokens", "control/train/step")
BY_STEP = {
    "train/*": "train/step",
    "eval/*": "train/step",
    "control/train/*": "control/train/step",  # the student trained once more, without the teacher
    "control/eval/*": "control/train/step",
}
SMALL_FILE = 20_000_000  # bytes; larger files are named by sha256 alone, not uploaded by a later `wandb sync`


class WandbRun:
    """A thin hold on a wandb run.

    Args:
        run: what wandb.init returned.
        folder: the run folder; paths of outputs are relative to it.
    """

    def __init__(self, run: Any, folder: Path) -> None:
        import wandb

        self._run, self._folder = run, folder
        self._table = wandb.Table(columns=list(SAMPLE_COLUMNS), log_mode="INCREMENTAL")

    def log(self, figures: Figures, at: float) -> None:
        self._run.log({**figures, "_timestamp": at})

    def samples(self, samples: Sequence[Sample], at: float) -> None:
        for sample in samples:
            self._table.add_data(*sample.row())
        self._run.log({"samples": self._table, "_timestamp": at})

    def alert(self, alert: Alert, at: float) -> None:
        from wandb.sdk.wandb_alerts import AlertLevel

        self._run.alert(title=alert.title, text=alert.text, level=AlertLevel.ERROR)

    def artifact(self, made: StageOutputs) -> None:
        """Small outputs as files, all of them by sha256; the large ones stay in the run folder alone."""
        import wandb

        metadata = {"headline": made.headline, "inputs": made.inputs, "outputs": made.outputs}
        name = artifact_name(self._run.group, made.stage)
        artifact = wandb.Artifact(name, type="stage-output", metadata=metadata)
        with artifact.new_file("sha256.json", mode="w") as file:
            file.write(json.dumps(made.outputs, indent=2))
        for name in made.outputs:
            path = (self._folder / name).resolve()
            if path.is_file() and path.stat().st_size <= SMALL_FILE:
                artifact.add_file(str(path), name=name, policy="immutable")
        if not self._run.offline:
            for source in made.made_from(self._run.group):
                with contextlib.suppress(ValueError, wandb.errors.CommError):  # that stage was not tracked there
                    self._run.use_artifact(f"{source}:latest")
        self._run.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=1 if failed else 0)


def open_wandb(identity: RunIdentity, folder: Path) -> WandbRun | None:
    """The stage's live W&B run, or None where tracking is off or wandb is not installed ('auto')."""
    mode = identity.config.track.wandb
    if mode == "off" or os.environ.get("WANDB_MODE") == "disabled":
        return None
    if mode == "auto" and importlib.util.find_spec("wandb") is None:
        return None
    require_wandb(f"track.wandb: {mode}")
    online = mode == "online"
    if online:
        require_login("track.wandb: online")
    run_id, resumed = run_ids.begin(folder, identity.stage, identity.fingerprint)
    if resumed and not online:
        # Offline W&B knows no resume: synced under one id, the second part takes the place of the first one's start
        # (wandb/wandb issues 3841, 5865).
        say(
            f"{identity.stage}: W&B's offline files hold this stage in parts. For the whole: "
            f"tandem track {folder} --to wandb, and sync what it writes, {folder}/backfill/wandb"
        )
    resume = "allow" if online and resumed else None
    return start_wandb(identity, folder, run_id, online=online, resume=resume, directory=folder)


def require_wandb(needed_for: str) -> None:
    if importlib.util.find_spec("wandb") is None:
        raise MissingExtraError("wandb", "track", needed_for)


def require_login(needed_for: str) -> None:
    """Raises UserError where W&B finds no credentials (WANDB_API_KEY, netrc, its settings); asks and sends nothing."""
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    host = wandb_setup.singleton().settings.base_url
    found = wbauth.authenticate_session(host=host, source=needed_for, prompt=False, update_session=False)
    if found is None:
        raise UserError(f"{needed_for} needs a W&B account: run 'wandb login', or set WANDB_API_KEY.")


def start_wandb(
    identity: RunIdentity, folder: Path, run_id: str, *, online: bool, resume: str | None, directory: Path
) -> WandbRun:
    """Starts a W&B run for a stage; its files go below `directory`/wandb."""
    import wandb

    track = identity.config.track
    run = wandb.init(
        project=track.project,
        entity=track.entity,
        tags=track.tags,
        group=identity.group,
        job_type=identity.stage,
        name=identity.name,
        id=run_id,
        resume=resume,  # type: ignore[arg-type]
        config=identity.settings(),
        dir=str(directory),
        mode="online" if online else "offline",
        settings=wandb.Settings(silent=True, console="off"),
    )
    for axis in AXES:
        run.define_metric(axis)
    for pattern, axis in BY_STEP.items():
        run.define_metric(pattern, step_metric=axis)
    return WandbRun(run, folder)

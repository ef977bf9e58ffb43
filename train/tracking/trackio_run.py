"""trackio: the same figures in a local SQLite file that `trackio show` and `tandem dashboard` open, no account.

trackio knows no ids, tags or job types: group and name say which stage of which run it is, and the rest is in its
config, which has to be passed again on resume or trackio erases it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train.errors import MissingExtraError
from train.tracking import run_ids
from train.tracking.backend import SAMPLE_COLUMNS, Alert, Figures, RunIdentity, Sample, StageOutputs, artifact_name


class TrackioRun:
    """A thin hold on a trackio run.

    Args:
        run: what trackio.init returned.
        folder: the run folder; paths of outputs are relative to it.
    """

    def __init__(self, run: Any, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._rows: list[list[Any]] = []

    def log(self, figures: Figures, at: float) -> None:
        self._run.log(figures, step=figures.get("train/step"))

    def samples(self, samples: Sequence[Sample], at: float) -> None:
        import trackio

        self._rows += [sample.row() for sample in samples]
        self._run.log({"samples": trackio.Table(columns=list(SAMPLE_COLUMNS), data=self._rows)})

    def alert(self, alert: Alert, at: float) -> None:
        import trackio

        with quiet():
            self._run.alert(title=alert.title, text=alert.text, level=trackio.AlertLevel.ERROR)

    def artifact(self, made: StageOutputs) -> None:
        """Outputs as references with their sha256 beside them: trackio would copy the files themselves."""
        import trackio

        metadata = {"headline": made.headline, "inputs": made.inputs, "sha256": made.outputs}
        name = artifact_name(self._run.group, made.stage)
        artifact = trackio.Artifact(name, type="stage-output", metadata=metadata)
        files = {name: (self._folder / name).resolve() for name in made.outputs}
        files = {name: path for name, path in files.items() if path.is_file()}
        for name, path in files.items():
            artifact.add_reference(path.as_uri(), name=name, checksum=False)
        for source in made.made_from(self._run.group):
            with contextlib.suppress(ValueError):  # that stage was not tracked, or its files are gone
                self._run.use_artifact(f"{source}:latest")
        if files:  # trackio refuses an artifact without any, as of a run whose weights were deleted
            self._run.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        import trackio

        with quiet():
            trackio.finish()  # type: ignore[no-untyped-call]  # of the module: it also forgets the run, whose finish() would print once more at exit


def open_trackio(identity: RunIdentity, folder: Path) -> TrackioRun | None:
    """The stage's live trackio run, or None where it is off or trackio is not installed ('auto')."""
    mode = identity.config.track.trackio
    if mode == "off":
        return None
    if mode == "auto" and importlib.util.find_spec("trackio") is None:
        return None
    require_trackio(f"track.trackio: {mode}")
    _, resumed = run_ids.begin(folder, f"{identity.stage}:trackio", identity.fingerprint)
    return start_trackio(identity, folder, resume="allow" if resumed else "never")


def require_trackio(needed_for: str) -> None:
    if importlib.util.find_spec("trackio") is None:
        raise MissingExtraError("trackio", "track", needed_for)


def start_trackio(identity: RunIdentity, folder: Path, *, resume: str) -> TrackioRun:
    """Starts a trackio run for a stage, in the folder TRACKIO_DIR (default: trackio's own)."""
    with quiet():
        import trackio

        run = trackio.init(
            project=identity.config.track.project,
            name=identity.name,
            group=identity.group,
            config=identity.settings(),
            resume=resume,
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )
    return TrackioRun(run, folder)


def delete_run(identity: RunIdentity) -> None:
    """Takes the stage's run of this name out of the project; nothing where there is none."""
    with quiet():
        import trackio

        try:
            runs = list(trackio.Api().runs(identity.config.track.project))
        except ValueError:  # no such project yet
            return
        for run in runs:
            if run.name == identity.name:
                run.delete()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """trackio prints hints on stdout, where the last line belongs to Tandem's JSON."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with contextlib.redirect_stdout(io.StringIO()):
        yield

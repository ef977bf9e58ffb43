"""One tracker for every stage: the canonical metrics.jsonl, mirrored to W&B and trackio.

Names are the same in both tracks: train/{loss,lr,grad_norm,tokens,tok_per_s,step_ms}, eval/…, bench/…, artifact/….
The x-axis is `train/step`, or `train/tokens` where a plot asks for it, and never W&B's `step=`: values out of order are
dropped there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from train.config.schema import Config
from train.errors import TandemError
from train.progress import say
from train.tracking import run_ids
from train.tracking.backend import Alert, Backend, Figures, RunIdentity, Sample, StageOutputs
from train.tracking.bench import bench_figures, bench_samples
from train.tracking.jsonl_log import JsonlLog, is_finite
from train.tracking.trackio_run import open_trackio
from train.tracking.wandb_run import open_wandb

MIRRORS = {"wandb": open_wandb, "trackio": open_trackio}


class Tracker:
    """Logs figures of one stage of one run. A killed process loses nothing: metrics.jsonl is written line by line.

    Without a folder nothing is written (helper processes of a distributed job). A mirror that fails is dropped with a
    message, and the work goes on: metrics.jsonl has everything, and `tandem track` brings it there later.
    """

    def __init__(
        self, folder: Path | None, stage: str, config: Config | None = None, provenance: Figures | None = None
    ) -> None:
        self._folder, self._stage, self._config = folder, stage, config
        self._provenance = provenance or {}
        self._backends: list[Backend] = []
        self._alerted: set[str] = set()

    def __enter__(self) -> Self:
        if self._folder is None:
            return self
        self._backends.append(JsonlLog(self._folder, self._stage))
        if self._config is not None:
            identity = RunIdentity(self._stage, self._config, self._provenance)
            self._open_mirrors(identity, self._folder)
        return self

    def _open_mirrors(self, identity: RunIdentity, folder: Path) -> None:
        """Those that are asked for. What the user can mend (no account, no package) is raised, an outage is not."""
        for name, open_mirror in MIRRORS.items():
            try:
                backend = open_mirror(identity, folder)
            except TandemError:
                raise
            except Exception as error:
                later = f"tandem track {folder} --to {name} brings the figures there later"
                say(f"{self._stage}: {name} can't be opened and is dropped, metrics.jsonl goes on ({error}); {later}")
                continue
            if backend is not None:
                self._backends.append(backend)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._each(lambda backend: backend.close(failed=error is not None))
        if error is None and self._folder is not None:
            run_ids.finish(self._folder, self._stage)
            run_ids.finish(self._folder, f"{self._stage}:trackio")

    def log(self, figures: Figures) -> None:
        """One line of figures, for example {"train/step": 10, "train/loss": 1.25}."""
        at = time.time()
        self._each(lambda backend: backend.log(figures, at))
        for key in sorted(key for key, value in figures.items() if key.endswith("loss") and not is_finite(value)):
            if key not in self._alerted:  # once a stage: the steps after it are not finite either
                self._alerted.add(key)
                where = f" at step {figures['train/step']}" if "train/step" in figures else ""
                self.alert(f"{key} is not finite", f"{self._stage}: {key} is {figures[key]}{where}.")

    def samples(self, samples: Sequence[Sample]) -> None:
        """Answers to the prompts that are asked at every evaluation."""
        at = time.time()
        self._each(lambda backend: backend.samples(samples, at))

    def alert(self, title: str, text: str) -> None:
        """Says to whoever reviews the run that something needs a look."""
        at = time.time()
        self._each(lambda backend: backend.alert(Alert(title, text), at))

    def finish(self, headline: dict[str, Any], outputs: dict[str, str]) -> None:
        """Headline figures of the stage and the sha256 of its outputs, as summary and artifact."""
        self.log({f"{self._stage}/{key}": value for key, value in headline.items() if isinstance(value, int | float)})
        if self._folder is not None and self._stage == "eval":
            if figures := bench_figures(self._folder):
                self.log(figures)
            if samples := bench_samples(self._folder):
                self.samples(samples)
        made = StageOutputs(self._stage, outputs, self._provenance.get("inputs", {}), headline)
        self._each(lambda backend: backend.artifact(made))

    def _each(self, act: Callable[[Backend], None]) -> None:
        """Calls every backend; a mirror that fails must not end hours of training."""
        for backend in list(self._backends):
            try:
                act(backend)
            except Exception as error:
                if isinstance(backend, JsonlLog):
                    raise
                self._backends.remove(backend)
                say(f"{self._stage}: {type(backend).__name__} is dropped, metrics.jsonl goes on ({error})")

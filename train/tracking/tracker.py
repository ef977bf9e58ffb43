"""One tracker for every stage: the canonical metrics.jsonl, mirrored to W&B.

Names are the same in both tracks: train/{loss,lr,grad_norm,tokens,tok_per_s,step_ms}, eval/…, bench/…, artifact/….
The x-axis is `train/step`, set through W&B's define_metric and never by `step=`: values out of order are dropped there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from train.config.schema import Config
from train.tracking.wandb_run import WandbRun, open_wandb


class Tracker:
    """Logs figures of one stage of one run. A killed process loses nothing: each line is flushed.

    Without a folder nothing is written (helper processes of a distributed job).
    """

    def __init__(self, folder: Path | None, stage: str, config: Config | None = None) -> None:
        self._folder, self._stage, self._config = folder, stage, config
        self._file: IO[str] | None = None
        self._wandb: WandbRun | None = None

    def __enter__(self) -> Self:
        if self._folder is None:
            return self
        self._file = (self._folder / "metrics.jsonl").open("a", encoding="utf-8")
        if self._config is not None:
            self._wandb = open_wandb(self._config, self._folder, self._stage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._wandb is not None:
            self._wandb.close(failed=error is not None)

    def log(self, figures: dict[str, Any]) -> None:
        """One line of figures, for example {"train/step": 10, "train/loss": 1.25}."""
        line = {"time": round(time.time(), 3), "stage": self._stage, **figures}
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        if self._wandb is not None:
            self._wandb.log(figures)

    def finish(self, headline: dict[str, Any], outputs: dict[str, str]) -> None:
        """Headline figures of the stage and the sha256 of its outputs, as summary and artifact."""
        self.log({f"{self._stage}/{key}": value for key, value in headline.items() if isinstance(value, int | float)})
        if self._wandb is not None:
            self._wandb.artifact(f"{self._stage}-outputs", headline, outputs)

"""The stage on one back end: whole, and killed with signal 9, then again. child_kill.py BACKEND FOLDER

The first start trains the run `whole`, then `killed` until its 12th step, at which it kills itself. The second start
lets `killed` go on, and prints how its weights differ from those of `whole`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.keras_track.conftest import fake_config, fake_run
from train.config.schema import Config
from train.keras_track import stage
from train.runs import RunFolder, StageContext
from train.tracking import Tracker


def train(config: Config, run: RunFolder) -> dict[str, Any]:
    with Tracker(run.path, "distill") as tracker:
        return stage.run(StageContext(config, run, "f", tracker, run.path / "checkpoints"))


def main(backend: str, folder: Path) -> None:
    config = fake_config(folder)
    distill = config.distill.model_copy(update={"buckets": [64]})
    student = config.student.model_copy(update={"backend": backend})
    config = config.model_copy(update={"distill": distill, "student": student})
    whole, killed = (config.model_copy(update={"name": name}) for name in ("whole", "killed"))
    if not (folder / "whole").exists():
        print(json.dumps(train(whole, fake_run(whole))), flush=True)
        die_at(12)
        train(killed, fake_run(killed))
    run = RunFolder(folder / "killed")
    state = json.loads((run.path / "checkpoints" / "last" / "state.json").read_text())
    train(killed, run)
    weights = [load_file(folder / name / "student" / "hf" / "model.safetensors") for name in ("whole", "killed")]
    assert weights[0].keys() == weights[1].keys()
    differences = [float(np.abs(weights[0][name] - weights[1][name]).max()) for name in weights[0]]
    print(json.dumps({"resumed_at": state["step"], "tensors": len(differences), "largest": max(differences)}))


def die_at(step: int) -> None:
    """Kills this process when the next training comes to its n-th step (from 1)."""
    from train.keras_track.train_step import TrainStep

    real, calls = TrainStep.__call__, []

    def counted(self: TrainStep, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *arguments)

    TrainStep.__call__ = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""Kills fine-tunings at every point and lets them go on; prints the sha256 of each teacher as JSON (test_kill.py)."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.conftest import tiny_config, toy_rows
from tests.torch_track import forks
from train.atomic import sha256_file
from train.config import Config
from train.data import STAGE as DATA
from train.runs import open_run
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE
from train.torch_track import checkpoint, loop

BASE = {"epochs": 1.0, "sequence_length": 128, "batch_size": 4, "micro_batch_size": 2, "save_every": 3, "eval_every": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"adapter": {"type": "lora", "r": 4, "alpha": 8, "dropout": 0.2}, "keep_best": False, "eval_every": 5},
    # So high a learning rate makes things worse again: the run ends early, and its best step is not its last.
    "early": {"epochs": 4.0, "learning_rate": 1.0, "early_stopping": {"patience": 2}, "keep_checkpoints": 1},
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_on_call(module: Any, name: str, call: int, half_done: Callable[..., None] | None = None) -> None:
    """Replaces a function by one that kills the process at its n-th call (from 1)."""
    real, calls = getattr(module, name), 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            if half_done is not None:
                half_done(*arguments)
            die()
        return real(*arguments, **named)

    setattr(module, name, counted)


def half_a_file(tensors: Any, path: Path) -> None:
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00 half")


def after_rename() -> None:
    """Kills between the rename of the second checkpoint and the deletion of old ones."""
    die_on_call(checkpoint, "_rotate", 2)


def before_rename() -> None:
    real = Path.replace

    def replace(path: Path, target: Any) -> Path:
        if Path(target).name == "step-000006":
            die()
        return real(path, target)

    Path.replace = replace  # type: ignore[method-assign, assignment]


def points(steps: range, saving: bool) -> dict[str, Callable[[], None]]:
    found: dict[str, Callable[[], None]] = {
        f"step {n}": lambda n=n: die_on_call(loop, "optimizer_step", n)  # type: ignore[misc]
        for n in steps
    }
    if not saving:
        return found
    return found | {
        "in the weights": lambda: die_on_call(checkpoint, "save_file", 3, half_a_file),
        "in the moments": lambda: die_on_call(checkpoint, "save_file", 4, half_a_file),
        "before the manifest": lambda: die_on_call(checkpoint, "write_json", 2),
        "before the rename": before_rename,
        "before the rotation": after_rename,
        "in the teacher": lambda: die_on_call(sys.modules["train.torch_track.finetune"], "write_teacher", 1),
    }


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(80)))
    run_stage(DATA, tiny_config(folder).model_copy(update={"name": "data"}))
    for slow_import in ("train.torch_track.finetune", "peft", "torch._dynamo"):
        importlib.import_module(slow_import)
    print(json.dumps({name: tries(folder, name, settings) for name, settings in SETTINGS.items()}))


def tries(folder: Path, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Teacher's hash and headline of the undisturbed run and of each killed one."""
    found: dict[str, Any] = {"undisturbed": finish(made(folder, f"{name}-whole", settings))}
    del found["undisturbed"]["resumed"]
    last = found["undisturbed"]["steps"]
    for number, (point, arm) in enumerate(
        points(range(1, last + 1, 1 if name == "full" else 4), name == "full").items()
    ):
        config = made(folder, f"{name}-{number}", settings)
        status = forks.run(partial(killed, config, arm))
        found[point] = {"status": status, **finish(config)}
        shutil.rmtree(open_run(config).path)
    return found


def killed(config: Config, arm: Callable[[], None]) -> None:
    arm()
    run_stage(FINETUNE, config)


def made(folder: Path, name: str, settings: dict[str, Any]) -> Config:
    shutil.copytree(folder / "data", folder / name)
    return tiny_config(folder, finetune=BASE | settings).model_copy(update={"name": name})


def finish(config: Config) -> dict[str, Any]:
    run = open_run(config)
    note = run.path / "resumed.txt"
    status = forks.run(partial(killed, config, partial(note_resumption, note)))
    headline = run.stage_record("finetune").get("headline", {})
    kept = {key: headline.get(key) for key in ("steps", "planned_steps", "best_step", "stopped_early", "val_loss")}
    resumed = int(note.read_text())
    return {"finished": status, "sha256": sha256_file(run.teacher / "model.safetensors"), "resumed": resumed, **kept}


def note_resumption(note: Path) -> None:
    """Writes the step that training goes on from, 0 where it begins anew."""
    real = checkpoint.restore

    def restore(*arguments: Any) -> Any:
        state = real(*arguments)
        note.write_text(str(0 if state is None else state.step))
        return state

    checkpoint.restore = restore


if __name__ == "__main__":
    main(Path(sys.argv[1]))

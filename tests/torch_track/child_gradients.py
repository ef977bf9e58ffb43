"""Gradients of one optimizer step over the same rows, batched, packed and split over processes in every way; written as
safetensors, one file a way. See test_gradients.py."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.conftest import tiny_config, toy_rows
from tests.torch_track import forks
from train.data import STAGE as DATA
from train.runs import RunFolder, StageContext
from train.stage import run_stage
from train.tracking import Tracker

ROWS = 8
# name → (packing, micro-batch size, processes, adapter)
WAYS: dict[str, tuple[bool, int, int]] = {
    "8x1": (False, 8, 1),
    "4x2": (False, 4, 1),
    "2x4": (False, 2, 1),
    "1x8": (False, 1, 1),
    "packed": (True, 0, 1),  # 0: all packs at once
    "packed, 1 at a time": (True, 1, 1),
    "2 processes, 4x1": (False, 4, 2),
    "2 processes, 2x2": (False, 2, 2),
    "2 processes, packed": (True, 1, 2),
}
PORT = 29531


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(80)))
    run_stage(DATA, tiny_config(folder))
    for slow_import in ("train.torch_track.finetune", "torch._dynamo"):
        importlib.import_module(slow_import)
    for number, (name, (packing, size, processes)) in enumerate(WAYS.items()):
        statuses = forks.run_ranks(lambda n=name, p=packing, s=size: one(folder, n, p, s), processes, PORT + number)  # type: ignore[misc]
        assert statuses == [0] * processes, (name, statuses)


def one(folder: Path, name: str, packing: bool, size: int) -> None:
    """One real step over the first rows of the file; each process writes the gradients it would apply."""
    from train.torch_track.job import prepare
    from train.torch_track.packing import IGNORED
    from train.torch_track.step import optimizer_step

    # Rows of 40 to 70 tokens: two or three share a sequence of 160.
    finetune: dict[str, Any] = {"rows": ROWS, "packing": packing, "sequence_length": 160, "clip_norm": 1e9}
    config = tiny_config(folder, finetune=finetune | {"batch_size": 8, "micro_batch_size": size or 4})
    run = RunFolder(config.runs_dir / config.name)
    job = prepare(StageContext(config, run, "fingerprint", Tracker(None, "finetune"), run.path / "none"))
    assert sum(map(len, job.packs.rows)) == ROWS
    assert (len(job.packs) < ROWS) == packing
    assert len({int((row != IGNORED).sum()) for row in job.packs.labels}) > 1, "lengths must differ"
    gradients: dict[str, torch.Tensor] = {}

    def keep(*_: object) -> None:
        gradients.update({n: p.grad.clone() for n, p in job.model.named_parameters() if p.grad is not None})

    job.optimizer.optimizer.register_step_pre_hook(keep)
    result = optimizer_step(job, list(range(len(job.packs))), 1e-3)
    gradients["loss"] = torch.tensor(result.loss)
    save_file(gradients, folder / f"{name} rank {job.accelerator.process_index}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Fine-tunings on one process and, sharded by FSDP2, on two; prints what came out as JSON (test_fsdp.py)."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import os
import shutil
import sys
from collections.abc import Callable
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

CLIP_NORM = 0.5
BASE = {
    "epochs": 1.0, "sequence_length": 128, "batch_size": 4, "micro_batch_size": 1, "save_every": 3, "eval_every": 5,
    "learning_rate": 1e-3, "clip_norm": CLIP_NORM, "sample_rows": 1, "parallel": "fsdp2",
}  # fmt: skip
# r 1: one of the two processes holds nothing of such a matrix. Whole rows are not right so soon: the first validation
# stays the best, and the run ends early.
ADAPTER = {
    "adapter": {"type": "dora", "r": 1, "alpha": 2, "dropout": 0.0}, "learning_rate": 1e-2, "epochs": 2.0,
    "best_metric": "row_accuracy", "early_stopping": {"patience": 2}, "keep_checkpoints": 1,
}  # fmt: skip
COMPILE = {"compile": "on"}
CUT_AT = 6
PORTS = itertools.count(29571)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(80)))
    run_stage(DATA, tiny_config(folder).model_copy(update={"name": "data"}))
    for slow_import in ("train.torch_track.finetune", "peft", "torch._dynamo", "torch.distributed.checkpoint"):
        importlib.import_module(slow_import)
    found = {name: done(folder, name, settings, count) for name, settings, count in (
        ("one", {}, 1), ("two", {}, 2), ("adapter, one", ADAPTER, 1), ("adapter, two", ADAPTER, 2),
        ("skipping, two", {"skip_nonfinite": 1}, 2), ("compiled, two", COMPILE, 2),
    )}  # fmt: skip
    print(json.dumps(found | resumed(folder)))


def done(folder: Path, name: str, settings: dict[str, Any], processes: int) -> dict[str, Any]:
    arms = {"skipping": poison, "compiled": compile_without_a_compiler}
    return result(made(folder, name, settings), processes, arms.get(name.split(",", maxsplit=1)[0], nothing))


def resumed(folder: Path) -> dict[str, Any]:
    """Processes that are killed after a checkpoint, and as many or others that go on from it."""
    found: dict[str, Any] = {}
    for before, afters in ((2, (2, 1)), (1, (2,))):
        cut = made(folder, f"cut {before}", {})
        found[f"{before}, killed"] = start(cut, before, die_after_checkpoint)
        checkpoint = open_run(cut).path / "checkpoints" / "finetune" / f"step-{CUT_AT:06d}"
        found[f"{before}, files"] = sorted(path.name for path in checkpoint.iterdir())
        for after in afters:
            config = cut.model_copy(update={"name": f"{before} to {after}"})
            shutil.copytree(open_run(cut).path, config.runs_dir / config.name)
            found[config.name] = result(config, after)
    return found


def made(folder: Path, name: str, settings: dict[str, Any]) -> Config:
    shutil.copytree(folder / "data", folder / name)
    return tiny_config(folder, finetune=BASE | settings).model_copy(update={"name": name})


def start(config: Config, processes: int, arm: Callable[[], None]) -> list[int]:
    def work() -> None:
        arm()
        if processes > 1:
            require_parts()
        run_stage(FINETUNE, config)

    return forks.run_ranks(work, processes, next(PORTS))


def result(config: Config, processes: int, arm: Callable[[], None] = lambda: None) -> dict[str, Any]:
    statuses = start(config, processes, arm)
    run = open_run(config)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return {
        "statuses": statuses,
        "loss": {line["train/step"]: line["train/loss"] for line in lines if "train/loss" in line},
        "grad_norm": {line["train/step"]: line["train/grad_norm"] for line in lines if "train/grad_norm" in line},
        "eval": {line["train/step"]: line["eval/loss"] for line in lines if "eval/loss" in line},
        "samples": (run.path / "metrics.jsonl").read_text().count('"sample": '),
        "teacher": sorted(path.name for path in run.teacher.iterdir()),
        "sha256": sha256_file(run.teacher / "model.safetensors"),
        "headline": run.stage_record("finetune").get("headline", {}),
    }


def require_parts() -> None:
    """Every parameter is a DTensor while training, and this process holds about half of them; so too at the end."""
    from torch.distributed.tensor import DTensor

    from train.torch_track import finetune
    from train.torch_track.job import Job

    real = finetune.train

    def check(job: Job) -> None:
        parameters = list(job.model.parameters())
        assert all(isinstance(p, DTensor) for p in parameters)
        held = sum(p.to_local().numel() for p in parameters)  # type: ignore[attr-defined]
        assert 0.4 < held / sum(p.numel() for p in parameters) < 0.6, held

    def checked(job: Job) -> None:
        check(job)
        real(job)
        check(job)

    finetune.train = checked


def nothing() -> None:
    pass


def die_after_checkpoint() -> None:
    from train.torch_track.job import Job

    real = Job.save_checkpoint

    def save(job: Job) -> None:
        real(job)
        job.accelerator.wait_for_everyone()
        if job.state.step == CUT_AT:
            os._exit(9)

    Job.save_checkpoint = save  # type: ignore[method-assign]


def compile_without_a_compiler() -> None:
    """Dynamo alone, without Inductor's C++; the first layer can't be compiled: what it does depends on a value."""
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    from train.torch_track import finetune
    from train.torch_track.job import Job

    real_compile, real_forward, real_train = torch.nn.Module.compile, LlamaDecoderLayer.forward, finetune.train

    def forward(self: Any, hidden_states: torch.Tensor, **named: Any) -> Any:
        if self.self_attn.layer_idx == 0 and float(hidden_states.detach().sum()) > 1e9:
            return hidden_states
        return real_forward(self, hidden_states, **named)

    def train(job: Job) -> None:
        real_train(job)
        from torch._dynamo.utils import counters

        assert counters["stats"]["unique_graphs"] >= 1, "nothing was compiled"
        assert [found.layer for found in job.breaks] == [0]

    LlamaDecoderLayer.forward = forward
    torch.nn.Module.compile = lambda module, **named: real_compile(module, backend="aot_eager", **named)  # type: ignore
    finetune.train = train


def poison() -> None:
    """One process alone has a gradient that is not a number, in its part of one weight, at one step."""
    from train.torch_track import step
    from train.torch_track.job import Job

    real, calls = step._backward, 0

    def backward(job: Job, *arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        total = real(job, *arguments)
        if calls == 3 and os.environ["RANK"] == "1":
            gradient: Any = job.trainable[0].grad
            gradient.to_local()[...] = math.nan
        return total

    step._backward = backward


if __name__ == "__main__":
    main(Path(sys.argv[1]))

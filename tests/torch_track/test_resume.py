"""An interrupted fine-tuning ends with the same bits as one that was not; damaged checkpoints are passed over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from train.atomic import sha256_file
from train.config import Config
from train.config.load import dump_config
from train.data import STAGE as DATA
from train.runs import open_run
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE
from train.torch_track import checkpoint
from train.torch_track.checkpoint import Progress
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.step import optimizer_step

ROOT = Path(__file__).parents[2]


def command(config: Config, folder: Path, *overrides: str) -> list[str]:
    path = folder / "config.yaml"
    path.write_text(dump_config(config))
    return [sys.executable, "-m", "train.torch_track", str(path), *overrides]


def start(config: Config, folder: Path, *overrides: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(config, folder, *overrides), cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_kill_minus_nine_then_resume_gives_the_same_bits(make_config: Callable[..., Config], tmp_path: Path) -> None:
    settings = {"epochs": 40, "batch_size": 4, "micro_batch_size": 2, "save_every": 7}
    config = make_config(finetune=settings)
    run_stage(DATA, config)
    run = open_run(config)
    process = start(config, tmp_path)
    deadline = time.monotonic() + 120
    while not list((run.path / "checkpoints" / "finetune").glob("step-*/state.json")):
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < deadline, "no checkpoint appeared"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not run.teacher.exists(), "it was killed too late to show anything"
    assert start(config, tmp_path).wait(timeout=200) == 0
    resumed = sha256_file(run.teacher / "model.safetensors")
    record = json.loads((run.path / "run.json").read_text())["stages"]["finetune"]
    assert record["headline"]["steps"] == record["headline"]["planned_steps"]
    assert not (run.path / "checkpoints" / "finetune").exists()
    # The same work without interruption, in another folder.
    (tmp_path / "whole").mkdir()
    whole = config.model_copy(update={"name": "whole"})
    run_stage(DATA, whole)
    assert start(whole, tmp_path / "whole").wait(timeout=200) == 0
    assert sha256_file(open_run(whole).teacher / "model.safetensors") == resumed


def test_damaged_checkpoint_is_passed_over(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)
    for step in (1, 2):
        checkpoint.save(tmp_path, job.model, job.optimizer, Progress(total_steps=9, step=step), "f", keep=2)
    target = tmp_path / "step-000002" / "model.safetensors"
    data = bytearray(target.read_bytes())
    data[-1] ^= 1
    target.write_bytes(data)
    state = checkpoint.restore(tmp_path, job.model, job.optimizer, "f")
    assert state is not None
    assert state.step == 1
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "another fingerprint") is None


def test_checkpoints_of_another_config_do_not_outlive_the_new_ones(
    make_job: Callable[..., Job], tmp_path: Path
) -> None:
    """They may have higher steps: kept as the last ones, they made each new checkpoint go as soon as it was there."""
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)

    def save(step: int, fingerprint: str) -> None:
        state = Progress(total_steps=900, step=step)
        checkpoint.save(tmp_path, job.model, job.optimizer, state, fingerprint, keep=2)

    for step in (350, 375):
        save(step, "old")
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "new") is None
    assert len(list(tmp_path.glob("step-*"))) == 2  # nothing is lost before there is something new
    for step in (25, 50, 75):
        save(step, "new")
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-000050", "step-000075"]
    state = checkpoint.restore(tmp_path, job.model, job.optimizer, "new")
    assert state is not None
    assert state.step == 75


def test_checkpoints_that_were_passed_over_do_not_outlive_the_new_ones(
    make_job: Callable[..., Job], tmp_path: Path
) -> None:
    """Damaged ones of higher steps look whole by their state.json."""
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)

    def saved(step: int) -> list[str]:
        checkpoint.save(tmp_path, job.model, job.optimizer, Progress(total_steps=9, step=step), "f", keep=2)
        return sorted(path.name for path in tmp_path.glob("step-*"))

    for step in (1, 7, 8):
        saved(step)
    for step in (7, 8):
        (tmp_path / f"step-00000{step}" / "model.safetensors").write_bytes(b"damaged")
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "f") is None, "step 1 is gone by now"
    assert saved(2) == ["step-000002"]
    assert saved(3) == ["step-000002", "step-000003"]


def test_checkpoints_are_ordered_by_number(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)
    for step in (999_999, 1_000_000, 1_000_001):
        checkpoint.save(tmp_path, job.model, job.optimizer, Progress(total_steps=9, step=step), "f", keep=2)
    assert {path.name for path in tmp_path.glob("step-*")} == {"step-1000000", "step-1000001"}
    state = checkpoint.restore(tmp_path, job.model, job.optimizer, "f")
    assert state is not None
    assert state.step == 1_000_001


def test_restore_brings_back_weights_and_moments(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)
    checkpoint.save(tmp_path, job.model, job.optimizer, Progress(total_steps=9, step=1), "f", keep=1)
    optimizer_step(job, [4, 5, 6, 7], 1e-3)
    after = {name: p.detach().clone() for name, p in job.model.named_parameters()}
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "f") is not None
    optimizer_step(job, [4, 5, 6, 7], 1e-3)
    for name, parameter in job.model.named_parameters():
        assert torch.equal(parameter, after[name]), name


def test_halves_of_a_killed_writer_are_cleared_before_the_training_goes_on(
    make_job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job()
    optimizer_step(job, [0, 1, 2, 3], 1e-3)
    checkpoint.save(tmp_path, job.model, job.optimizer, Progress(total_steps=9, step=1), "f", keep=1)
    half = tmp_path / ".step-000002.x7.partial"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    monkeypatch.setenv("RANK", "1")  # not while process 0 may be at it
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "f") is not None
    assert half.exists()
    monkeypatch.setenv("RANK", "0")
    assert checkpoint.restore(tmp_path, job.model, job.optimizer, "f") is not None
    assert (half.exists(), (tmp_path / "step-000001").exists()) == (False, True)


def test_a_resume_needs_no_space_for_what_lies_there(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr("train.torch_track.job.require_disk", lambda path, needed_mb, purpose: asked.append(needed_mb))
    job = make_job()  # two checkpoints and the best, one being written, the teacher
    weights = sum(p.numel() for p in job.model.parameters())
    assert asked.pop() == pytest.approx((4 * 12 + 4) * weights / 1e6)
    optimizer_step(job, [0, 1, 2, 3], 1e-3)
    job.save_checkpoint()
    make_job()
    assert asked.pop() == pytest.approx((3 * 12 + 4) * weights / 1e6, rel=0.02)
    (job.context.checkpoints / "step-000900").mkdir()
    (job.context.checkpoints / "step-000900" / "model.safetensors").write_bytes(b"0" * 100 * weights)  # a larger model
    make_job()
    assert asked.pop() == pytest.approx((12 + 4) * weights / 1e6)


def test_a_time_budget_cuts_the_steps_once(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=30, max_minutes=1.0)
    planned = job.state.total_steps
    monkeypatch.setattr("train.torch_track.loop.TimeBudget.total", lambda budget, step, *rest: step + 4)
    train(job)
    assert job.state.budget_applied
    assert job.state.step == job.state.total_steps < planned


def test_two_processes_train_as_one(make_config: Callable[..., Config], tmp_path: Path) -> None:
    losses = {}
    for name, launcher in (
        ("one", [sys.executable]),
        ("two", [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29513"]),
    ):
        config = make_config(finetune={"batch_size": 4, "micro_batch_size": 2, "epochs": 8}).model_copy(
            update={"name": name}
        )
        run_stage(DATA, config)
        (tmp_path / name).mkdir(exist_ok=True)
        arguments = command(config, tmp_path / name)[1:]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        assert subprocess.run([*launcher, *arguments], cwd=ROOT, env=environment, check=False).returncode == 0
        lines = [json.loads(line) for line in (open_run(config).path / "metrics.jsonl").read_text().splitlines()]
        losses[name] = [line["train/loss"] for line in lines if "train/loss" in line]
        assert FINETUNE.name in open_run(config).record()["stages"]
    assert len(losses["one"]) >= 3
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-4)

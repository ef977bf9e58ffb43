"""Best checkpoint and early stopping, by hand; the best checkpoint is what the teacher is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from train.config.schema import FinetuneConfig
from train.tensors import read_tensors
from train.torch_track import checkpoint, loop
from train.torch_track.checkpoint import Progress
from train.torch_track.finetune import run
from train.torch_track.job import Job
from train.torch_track.selection import Selection
from train.torch_track.validation import validate


def settings(**keys: Any) -> FinetuneConfig:
    return FinetuneConfig.model_validate(keys)


def after(values: list[float], config: FinetuneConfig) -> Selection:
    found = Selection()
    for step, value in enumerate(values, 1):
        found = found.seen(value, step, config)
    return found


def test_lower_loss_and_higher_accuracy_are_better() -> None:
    values = [0.5, 0.3, 0.4, 0.3]
    assert after(values, settings()).best_step == 2
    assert after(values, settings(best_metric="row_accuracy")).best_step == 1
    assert after([float("nan"), 0.9], settings()).best_step == 2


def test_early_stopping_counts_validations_without_enough_improvement() -> None:
    config = settings(early_stopping={"patience": 2, "min_delta": 0.1})
    assert (after([1.0, 0.95], config).stale, after([1.0, 0.95, 0.85], config).stale) == (1, 0)
    assert not after([1.0, 0.95], config).exhausted(config)
    assert after([1.0, 0.95, 0.92], config).exhausted(config)
    assert after([1.0, 0.95, 0.92], config).best_step == 3  # the best is not tied to min_delta
    assert not after([1.0] * 9, settings()).exhausted(settings())


def test_the_last_k_and_the_best_are_kept(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job()
    for step in range(1, 7):
        state = Progress(total_steps=9, step=step, selection=Selection(best=0.1, best_step=min(step, 2)))
        checkpoint.save(tmp_path / "kept", job.model, job.optimizer, state, "f", keep=2)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["step-000002", "step-000005", "step-000006"]


def test_the_teacher_is_the_best_checkpoint(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=2, eval_every=5)
    real, losses = loop.validate, iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(loop, "validate", lambda job: real(job) | {"loss": next(losses)})
    monkeypatch.setattr("train.torch_track.finetune.prepare", lambda context: job)
    headline = run(job.context)
    assert (headline["best_step"], headline["best_value"], headline["val_loss"]) == (10, 1.0, 2.0)
    assert headline["steps"] > 10
    folder = job.context.checkpoints
    assert sorted(path.name for path in folder.iterdir())[0] == "step-000010"
    best = load_file(folder / "step-000010" / "model.safetensors")
    last = load_file(folder / f"step-{headline['steps']:06d}" / "model.safetensors")
    teacher = AutoModelForCausalLM.from_pretrained(job.context.run.teacher)
    for name, parameter in teacher.named_parameters():
        assert torch.equal(parameter, best[name])
    assert not torch.equal(best["model.norm.weight"], last["model.norm.weight"])


def test_a_teacher_in_bf16_is_the_last_step_rounded(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(keep_best=False, save_dtype="bf16")
    monkeypatch.setattr("train.torch_track.finetune.prepare", lambda context: job)
    headline = run(job.context)
    last = load_file(job.context.checkpoints / f"step-{headline['steps']:06d}" / "model.safetensors")
    saved = load_file(job.context.run.teacher / "model.safetensors")
    assert saved.keys() <= last.keys()
    assert all(torch.equal(weights, last[name].bfloat16()) for name, weights in saved.items())
    student = read_tensors(job.context.run.teacher)  # what the student's first weights are read with
    assert all((student[name] == weights.float().numpy()).all() for name, weights in saved.items())


def test_accuracies_by_plain_transformers(make_job: Callable[..., Job]) -> None:
    job = make_job(epochs=12, learning_rate=1e-2)
    packs = job.packs
    job.validation = packs  # of rows that were seen, some are right
    run_steps(job, 60)
    found = validate(job)
    right = total = rows = exact = 0
    with torch.no_grad():
        for pack in range(len(packs)):
            for segment in range(packs.segments[pack].max() + 1):
                place = packs.segments[pack] == segment
                ids, labels = (torch.from_numpy(a[pack][place]) for a in (packs.ids, packs.labels))
                hits = (job.model(input_ids=ids[None]).logits[0].argmax(-1) == labels)[labels != -100]
                right, total = right + int(hits.sum()), total + len(hits)
                rows, exact = rows + 1, exact + bool(hits.all())
    assert (found["token_accuracy"], found["row_accuracy"]) == (
        pytest.approx(right / total),
        pytest.approx(exact / rows),
    )
    assert 0.2 < found["token_accuracy"] <= 1


def run_steps(job: Job, steps: int) -> None:
    from train.torch_track.step import optimizer_step

    for step in range(steps):
        optimizer_step(job, [(4 * step + n) % len(job.packs) for n in range(4)], 1e-2)
    job.model.eval()

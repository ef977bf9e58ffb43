"""A loss or gradient that is not finite never reaches the weights: skipped, then a stop with a crash bundle."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from safetensors.numpy import load_file

from train.config import load_config
from train.errors import TandemError
from train.torch_track import loop
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.packing import pack_order


def weights(job: Job) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in job.model.named_parameters()}


def inject(job: Job, bad_steps: set[int], monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Makes gradients of the first layer infinite in these steps (from 0); returns which steps changed weights."""
    changed: list[bool] = []
    target = job.model.model.layers[0].self_attn.q_proj.weight
    target.register_hook(lambda grad: grad * float("inf") if len(changed) in bad_steps else grad)  # type: ignore[no-untyped-call]
    real = loop.optimizer_step

    def watched(*arguments: object) -> object:
        before = weights(job)
        result = real(*arguments)  # type: ignore[arg-type]
        changed.append(any(not torch.equal(p, before[name]) for name, p in job.model.named_parameters()))
        assert all(torch.isfinite(p).all() for p in job.model.parameters())
        assert all(p.grad is None for p in job.model.parameters())
        return result

    monkeypatch.setattr(loop, "optimizer_step", watched)
    return changed


def test_bad_steps_are_skipped_and_the_run_goes_on(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(skip_nonfinite=2, epochs=1)
    changed = inject(job, {3, 4, 7}, monkeypatch)
    train(job)
    assert [step for step, moved in enumerate(changed) if not moved] == [3, 4, 7]
    assert (job.state.skipped, job.state.bad_in_a_row) == (3, 0)
    assert job.state.step == job.state.total_steps


def test_one_more_in_a_row_stops_with_a_bundle(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(skip_nonfinite=1, epochs=1, batch_size=2, micro_batch_size=1)
    changed = inject(job, {4, 5}, monkeypatch)
    with pytest.raises(TandemError, match=r"Step 6.*weights were not changed.*2 such steps in a row.*allows 1"):
        train(job)
    assert changed == [True] * 4 + [False] * 2
    bundle = job.context.run.path / "crash" / "finetune-step-000006"
    crash = json.loads((bundle / "crash.json").read_text())
    assert crash["parameters_with_bad_gradient"] == ["model.layers.0.self_attn.q_proj.weight"]
    assert (crash["step"], crash["grad_norm"], crash["skipped_before"]) == (6, "inf", 1) or crash["grad_norm"] == "nan"
    order = pack_order(len(job.packs), job.state.total_steps * 2, job.context.config.seed)[10:12].tolist()
    assert [pack["pack"] for pack in crash["packs"]] == order
    lines = (job.context.run.data / "train.jsonl").read_text().splitlines()
    for pack in crash["packs"]:
        assert pack["rows"], "a pack holds rows"
        for row in pack["rows"]:
            assert json.loads(lines[row["line"] - 1])["id"] == row["id"]
    assert (load_file(bundle / "batch.safetensors")["ids"] == job.packs.ids[order]).all()
    assert load_config(bundle / "config.yaml").config.finetune == job.settings


def test_the_steps_before_the_end_are_logged(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """Five at a time while all goes well; then those that show the gradient growing."""
    job, logged = make_job(epochs=1, batch_size=2, micro_batch_size=1), list[dict[str, float]]()
    monkeypatch.setattr(job.context.tracker, "log", logged.append)
    inject(job, {7}, monkeypatch)
    with pytest.raises(TandemError, match="Step 8"):
        train(job)
    assert [figures["train/step"] for figures in logged if "train/loss" in figures] == [5, 7]


def test_a_loss_that_is_not_finite_stops_before_the_weights_change(make_job: Callable[..., Job]) -> None:
    job = make_job()
    with torch.no_grad():
        job.model.model.norm.weight[0] = float("inf")
    before = weights(job)
    with pytest.raises(TandemError, match="the weights were not changed"):
        train(job)
    for name, parameter in job.model.named_parameters():
        assert torch.equal(parameter, before[name]), name

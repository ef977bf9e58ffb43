"""When a micro-batch is worth a CUDA graph. The graph itself: test_gpu.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaForCausalLM

from eval.bench.gpu_trainers import SMOLLM2_135M
from train.torch_track import cuda_graph
from train.torch_track.cuda_graph import is_busy, record
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.model import random_config


@pytest.mark.parametrize(("positions", "busy"), [(8_192, False), (16_384, False), (65_536, True)])
def test_small_micro_batches_leave_a_gpu_waiting(positions: int, busy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 layers of 3.5 million weights: 6 FLOP each and position, at 1e15 a second: .17 ms a layer for 8,192."""
    monkeypatch.setattr(cuda_graph, "peak_flops", lambda device, bf16: (1e15, "by hand"))
    with torch.device("meta"):
        model = LlamaForCausalLM(random_config(SMOLLM2_135M, 1472))
    assert is_busy(model, positions, torch.device("cuda")) is busy


def test_a_cpu_launches_nothing(make_job: Callable[..., Job]) -> None:
    job = make_job(epochs=1)
    train(job)
    assert job.recorded is None


def test_what_can_not_be_recorded_is_launched(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a GPU's memory, or a layer that waits for the device, may have it."""

    def refuses(work: object, weights: list[torch.nn.Parameter], like: object) -> None:
        weights[0].grad = torch.ones_like(weights[0])
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    job = make_job(epochs=1)
    on_gpu = SimpleNamespace(device=torch.device("cuda"), num_processes=1)
    monkeypatch.setattr(job, "accelerator", on_gpu)
    monkeypatch.setattr(cuda_graph, "own_micro_batches", lambda *_: iter([None]))
    monkeypatch.setattr(cuda_graph, "is_busy", lambda *_: False)
    monkeypatch.setattr(cuda_graph, "RecordedPass", refuses)
    for graph, said in (("off", False), ("auto", True)):
        settings = job.settings.model_copy(update={"cuda_graph": graph})
        config = job.context.config.model_copy(update={"finetune": settings})
        record(replace(job, context=replace(job.context, config=config)))
        assert ("kernels are launched one by one: operation not permitted" in capfd.readouterr().err) is said
    assert all(weight.grad is None for weight in job.trainable)

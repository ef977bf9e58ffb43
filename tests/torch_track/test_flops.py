"""FLOPs by hand, and the figures that are logged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from train.torch_track.flops import peak_flops, step_flops
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.packing import pack_rows

# Weights in matrix products of the tiny model: hidden 32, feed-forward 48, 4 query and 2 KV heads of 8.
LAYER = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 48
HEAD = 320 * 32


def test_rows_of_a_pack_by_hand(tiny_model: LlamaForCausalLM) -> None:
    packs = pack_rows([([5] * 10, [1] * 10), ([6] * 6, [1] * 6)], 20, pad_id=0)
    attention = 12 * 2 * 32 * (10**2 + 6**2)
    assert step_flops(tiny_model, packs, [0]) == 6 * (2 * LAYER + HEAD) * 16 + attention
    frozen = copy.deepcopy(tiny_model).requires_grad_(False)
    assert step_flops(frozen, packs, [0]) == 4 * (2 * LAYER + HEAD) * 16 + attention


def test_a_probed_peak_says_so() -> None:
    reached, origin = peak_flops(torch.device("cpu"), bf16=False)
    assert reached > 1e8
    assert origin.startswith("matrix product 1024 × 1024, float32")


def test_every_interval_has_its_figures(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=1)
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(type(job.context.tracker), "log", lambda tracker, figures: lines.append(figures))
    train(job)
    logged = [line for line in lines if "train/tok_per_s" in line]
    assert [line["train/step"] for line in logged] == [5, 10, job.state.total_steps][: len(logged)]
    for line in logged:
        assert 0 < line["train/padding_tok_per_s"] < line["train/tok_per_s"]
        assert 0 < line["train/supervised_tok_per_s"] < line["train/tok_per_s"]
        assert 0 < line["train/mfu"] < 1
        assert line["train/peak_memory_mb"] > 100

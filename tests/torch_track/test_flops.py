"""FLOPs by hand, and the figures that are logged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from train.torch_track.flops import GPU_PEAKS, count, gpu_peak, peak_flops, step_flops
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
    assert reached is not None
    assert reached > 1e8
    assert origin.startswith("matrix product 1024 × 1024, float32")


@pytest.mark.parametrize(
    ("name", "tflops"),
    [  # names as the driver gives them
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H200", 989.5),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA A100-PCIE-40GB", 312),
        ("NVIDIA L40", 181.05),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA GeForce RTX 4090", 165.2),
    ],
)
def test_the_peak_of_a_gpu_is_its_data_sheets(name: str, tflops: float) -> None:
    found, source = gpu_peak(name, bf16=True)
    assert found == pytest.approx(tflops * 1e12)
    assert source.startswith("NVIDIA ")


@pytest.mark.parametrize(
    "name",
    ["NVIDIA RTX A1000", "NVIDIA A10G", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A100-SXM4-40GB MIG 1g.5gb"],
)
def test_no_peak_is_guessed(name: str) -> None:
    found, reason = gpu_peak(name, bf16=True)
    assert found is None
    assert name in reason


def test_no_peak_for_fp32_on_a_gpu() -> None:
    assert gpu_peak("NVIDIA H200", bf16=False)[0] is None


def test_tensor_core_peaks_follow_from_clock_and_cores() -> None:
    """FLOP/s = streaming multiprocessors × dense bf16 FLOPs a clock × boost clock, from the architecture papers."""
    for key, (multiprocessors, flops_a_clock, clock) in {
        "A100": (108, 2048, 1.41e9),
        "H100": (132, 4096, 1.83e9),
        "H100 PCIe": (114, 4096, 1.62e9),
        "L40": (142, 512, 2.49e9),
        "RTX 4090": (128, 512, 2.52e9),
    }.items():
        assert GPU_PEAKS[key].flops == pytest.approx(multiprocessors * flops_a_clock * clock, rel=0.015), key


def test_packed_weights_of_four_bits_count_in_full() -> None:
    packed = torch.nn.Parameter(torch.zeros(8 * 6 // 2, 1, dtype=torch.uint8), requires_grad=False)
    packed.quant_state = SimpleNamespace(shape=torch.Size([8, 6]))  # type: ignore[attr-defined]  # as bitsandbytes has it
    assert count(packed) == 48
    assert count(torch.nn.Parameter(torch.zeros(8, 6))) == 48


def test_every_interval_has_its_figures(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=1)
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(type(job.context.tracker), "log", lambda tracker, figures: lines.append(figures))
    train(job)
    logged = [line for line in lines if "train/tok_per_s" in line]
    total = job.state.total_steps
    assert total % 5, "the last interval is shorter"
    assert [line["train/step"] for line in logged] == [*range(5, total, 5), total]
    for line in logged:
        assert 0 < line["train/padding_tok_per_s"] < line["train/tok_per_s"]
        assert 0 < line["train/supervised_tok_per_s"] < line["train/tok_per_s"]
        assert 0 < line["train/mfu"] < 1
        assert line["train/peak_memory_mb"] > 100

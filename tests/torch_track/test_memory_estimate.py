"""The estimate of `tandem plan` against memory that real steps have used, and against counts by hand."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from tests.conftest import TINY
from train.config import Config
from train.config.load import LoadedConfig
from train.config.schema import FinetuneConfig
from train.data import STAGE as DATA
from train.memory_estimate import MemoryEstimate, estimate_memory
from train.plan import print_plan
from train.stage import run_stage

ROOT = Path(__file__).parents[2]
# Some 5 M weights and 2,048 positions a micro-batch: about 300 MB.
SHAPE = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6}
DEEP = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 8, "num_key_value_heads": 4}


def config_of(make_config: Callable[..., Config], **finetune: Any) -> Config:
    base: dict[str, Any] = {"sequence_length": 256, "batch_size": 8, "micro_batch_size": 8, "precision": "fp32"}
    shape = finetune.pop("shape", SHAPE)
    model = {"source": "random", "sha256": None, "vocab_size": 320, "shape": TINY.model_dump() | shape}
    return make_config(model=model, finetune=base | finetune)


@pytest.mark.parametrize(
    "settings",
    [
        {"adapter": {"type": "lora"}, "parallel": "fsdp2"},
        {"adapter": {"type": "lora"}, "shape": DEEP, "sequence_length": 512, "micro_batch_size": 4},
    ],
    ids=["lora", "lora, a deep model"],
)
def test_the_tensors_of_real_steps_are_within_15_percent(
    make_config: Callable[..., Config], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both above the process itself: its resident memory after a step of a model of a few weights."""
    pytest.importorskip("peft", reason="of the extra torch")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("needs glibc: its heap is switched off by MALLOC_MMAP_THRESHOLD_")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")  # of the probe, a process of its own
    config = config_of(make_config, **settings)
    run_stage(DATA, config)
    found = print_plan(LoadedConfig(config, {}, config.runs_dir / "c.yaml"), [DATA], probing=True)
    used = found["probe"]["peak_mb"] - found["probe"]["base_mb"]
    assert used > 100, "too little to compare"
    assert found["memory"]["tensors_mb"] == pytest.approx(used, rel=0.15)
    kept = found["memory"]["kept_mb_by_processes"]
    shares = [found["memory"][part] for part in ("weights_mb", "gradients_mb", "optimizer_mb")]
    assert kept[8] == pytest.approx(sum(shares) / 8 if "parallel" in settings else sum(shares) + shares[1], abs=0.2)
    assert found["time"]["total_s"] > found["time"]["step_s"] * (found["data"]["steps"] - 1)


def test_the_peak_with_the_heap_is_within_15_percent_where_all_weights_are_trained(
    make_config: Callable[..., Config],
) -> None:
    config = config_of(make_config)
    run_stage(DATA, config)
    found = print_plan(LoadedConfig(config, {}, config.runs_dir / "c.yaml"), [DATA], probing=True)
    used = found["probe"]["peak_mb"] - found["probe"]["base_mb"]
    assert found["memory"]["peak_mb"] == pytest.approx(used, rel=0.15)


def test_weights_gradients_and_moments_by_hand(make_config: Callable[..., Config]) -> None:
    settings = config_of(make_config, micro_batch_size=4).finetune
    shape = LlamaConfig(
        vocab_size=1000, hidden_size=32, intermediate_size=48, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    layer = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + 2 * 32
    weights = 2 * 1000 * 32 + 5 * layer + 32
    found = estimate_memory(shape, settings, bf16=False)
    assert found.weights_mb == found.gradients_mb == round(4 * weights / 1e6, 1)
    assert found.optimizer_mb == round(8 * weights / 1e6, 1)
    assert found.accumulates
    one_batch = estimate_memory(shape, settings.model_copy(update={"micro_batch_size": 8}), bf16=False)
    assert not one_batch.accumulates
    assert one_batch.micro_batch_mb == pytest.approx(2 * found.micro_batch_mb, rel=0.1)


def test_what_several_processes_keep() -> None:
    one = MemoryEstimate(100, 80, 160, 50, accumulates=False)
    assert one.kept_mb("fsdp2", 8) == 340 / 8
    assert one.kept_mb("ddp", 8) == 340 + 80


def test_gradients_and_activations_overlap_only_where_they_do() -> None:
    assert MemoryEstimate(100, 100, 200, 50, accumulates=False).peak_mb == 400
    assert MemoryEstimate(100, 100, 200, 150, accumulates=False).peak_mb == 450
    assert MemoryEstimate(100, 100, 200, 50, accumulates=True).peak_mb == 450


def test_the_estimate_for_a_gpu_is_within_15_percent_of_what_one_used() -> None:
    """Uncompiled layers on an H100: 16 rows of 2,048 tokens, the whole vocabulary of SmolLM2 (scripts/bench_gpu)."""
    measured = json.loads((ROOT / "eval" / "results" / "gpu-2026-11-27-h100.json").read_text())
    used_mb = measured["workloads"]["full"]["settings"]["eager"]["peak_memory_bytes"] / 1e6
    shape = LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True,
    )  # fmt: skip
    settings = FinetuneConfig(sequence_length=2048, batch_size=64, micro_batch_size=16)
    assert estimate_memory(shape, settings, bf16=True, on_cpu=False).peak_mb == pytest.approx(used_mb, rel=0.15)

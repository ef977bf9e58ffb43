"""FlexAttention: when it is taken, its mask, its trial, and a training with it.

A CPU has no compiled backward pass of it; here PyTorch's uncompiled reference stands in for the kernel, and
tests/torch_track/test_gpu.py runs the kernel.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.attention import flex_attention as torch_flex
from transformers import LlamaConfig, LlamaForCausalLM

import tests.conftest
from tests.torch_track.test_attention import CUDA, model
from train.errors import TandemError, UserError
from train.torch_track import attention, flex_attention, flex_trial, loop
from train.torch_track.compiling import CompileDecision
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.loss import Road, SummedLoss
from train.torch_track.packing import EMPTY, Packs, micro_batch, pack_rows

SEGMENTS = torch.tensor([[0] * 9 + [1] * 20 + [2] * 3 + [3] * 40 + [EMPTY] * 24])


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """PyTorch's uncompiled FlexAttention, with gradients on a CPU, too. Returns the shapes of what it was asked."""
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *parts: None)
    asked: list[torch.Size] = []

    def run(query: torch.Tensor, *rest: Any, **named: Any) -> Any:
        asked.append(query.shape)
        return torch_flex.flex_attention(query, *rest, **named)

    monkeypatch.setattr(flex_attention, "_compiled", lambda: run)
    return asked


def packed(longest: int, length: int = 128) -> Packs:
    return pack_rows([([1] * size, [1] * size) for size in (longest, 5, 7)], length, 0)


def road(head_size: int, *packs: Packs, **wish: Any) -> Road:
    made = LlamaForCausalLM(LlamaConfig(hidden_size=32, num_hidden_layers=0, vocab_size=8, head_dim=head_size))
    return Road.of(made, CUDA, True, *packs, **wish)


def test_taken_for_short_packed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "gpu_has_bf16", lambda: True)
    short, alone = packed(100), pack_rows([([1] * 100, [1] * 100)], 128, 0)
    assert (road(64, short).attention, road(64, short).flex) == ("varlen", True)
    assert not road(64, short, packed(129, 256)).flex, "a row longer than a block"
    assert not road(64, packed(100, 200)).flex, "packs that are not whole blocks"
    assert not road(64, packed(100, 4096)).flex, "longer packs than were measured"
    assert not road(48, short).flex, "heads it has no kernel for"
    assert (road(64, alone).attention, road(64, alone).flex) == ("causal", False)
    assert not road(64, short, attention="flash").flex
    assert road(64, packed(129, 256), attention="flex").flex
    assert not Road.of(model(), torch.device("cpu"), True, short).flex


def test_what_it_cannot_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "gpu_has_bf16", lambda: True)
    with pytest.raises(UserError, match=r"attention is 'flex'.*heads of 16, 32.*and heads of 48\. Leave it 'auto'"):
        road(48, packed(9), attention="flex")
    for wish in ("flash", "flex"):
        with pytest.raises(UserError, match=rf"attention is '{wish}'.*device cpu, bf16"):
            Road.of(model(), torch.device("cpu"), True, packed(9), attention=wish)


def test_sees_what_the_mask_shows(reference: list[torch.Size]) -> None:
    summed_loss = SummedLoss(model())
    rows = [(list(range(1, length)), [1] * (length - 1)) for length in (30, 9, 17, 4, 25, 40)]
    batch = micro_batch(pack_rows(rows, 48, pad_id=0), [0, 1])
    real = batch.segments != EMPTY
    with torch.no_grad():
        found, expected = (summed_loss.hidden(batch, kernel)[real] for kernel in ("flex", "masked"))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert reference == [(2, 6, 48, 16)] * 2


def test_a_trial_accepts_it_and_nothing_else(reference: list[torch.Size], monkeypatch: pytest.MonkeyPatch) -> None:
    def problem() -> str | None:
        return flex_trial.problem(SEGMENTS, heads=6, kv_heads=2, head_size=16)

    assert problem() is None
    assert reference == [(1, 6, 96, 16)]
    with monkeypatch.context() as patch:  # rows see those before them
        patch.setattr(flex_trial, "block_mask", lambda segments: flex_attention.block_mask(torch.zeros_like(segments)))
        assert "output is" in str(problem())
    with monkeypatch.context() as patch:  # a backward pass that forgets a factor
        patch.setattr(flex_trial, "flex", half_gradient)
        assert problem() == "its dQ is 50.0% away from that of fp32 products"
    with monkeypatch.context() as patch:
        patch.setattr(flex_trial, "flex", lambda *a: flex_attention.flex(*a) * float("nan"))
        assert "output is nan%" in str(problem())
    monkeypatch.setattr(flex_attention, "_compiled", lambda: 1 / 0)
    assert problem() == "its trial failed (ZeroDivisionError: division by zero)"


def half_gradient(*inputs: Any) -> torch.Tensor:
    out = flex_attention.flex(*inputs)
    half: torch.Tensor = out.detach() / 2 + out / 2
    return half


@pytest.fixture
def as_on_a_gpu(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """Prepares a fine-tuning whose compiled layers are to take FlexAttention; they are not really compiled."""
    # Heads of 16: the tiny model's 8 are too small for it.
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
    monkeypatch.setattr(tests.conftest, "TINY", tests.conftest.TINY.model_copy(update=shape))
    monkeypatch.setattr(loop, "compile_layers", lambda *a: CompileDecision(True, "compiled"))

    def make(taken: bool, **finetune: Any) -> Job:
        with monkeypatch.context() as patch:
            patch.setattr(Road, "of", lambda *a, **named: Road(flex=taken))
            return make_job(device="cpu", compile="on", **finetune)

    return make


def test_a_training_learns_the_same(as_on_a_gpu: Callable[..., Job], reference: list[torch.Size]) -> None:
    """Steps, validation, checkpoints, and going on from one."""
    losses = {}
    for taken in (False, True):
        job = as_on_a_gpu(taken)
        train(job)
        assert job.accelerator.unwrap_model(job.summed_loss).kernel == ("flex" if taken else "masked")
        losses[taken] = job.state.metrics["loss"]
        checkpoints = job.context.checkpoints
        if not taken:
            assert not reference
            shutil.rmtree(checkpoints)
    assert losses[True] == pytest.approx(losses[False], rel=1e-3)
    layers, steps = job.model.config.num_hidden_layers, job.state.total_steps
    passes = job.settings.batch_size // job.settings.micro_batch_size
    assert len(reference) == 1 + layers * passes * (steps - loop.EAGER_STEPS), "the trial, and every compiled step"
    assert as_on_a_gpu(True).state.step == steps


def test_a_trial_that_fails_costs_nothing_but_speed(
    as_on_a_gpu: Callable[..., Job],
    reference: list[torch.Size],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loop, "flex_problem", lambda *a: "RuntimeError: no kernel")
    job = as_on_a_gpu(True)
    train(job)
    assert (job.state.compile_on, job.accelerator.unwrap_model(job.summed_loss).kernel) == (True, "masked")
    assert not reference
    assert "FlashAttention in place of FlexAttention: RuntimeError: no kernel" in capsys.readouterr().err
    shutil.rmtree(job.context.checkpoints)
    with pytest.raises(TandemError, match=r"attention is 'flex', but RuntimeError: no kernel.*Set it to 'auto'"):
        train(as_on_a_gpu(True, attention="flex"))


def test_layers_that_cannot_be_compiled_with_it_are_compiled_without(
    as_on_a_gpu: Callable[..., Job], reference: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    job = as_on_a_gpu(True)
    module = job.accelerator.unwrap_model(job.summed_loss)

    def compile_layers(*a: object) -> CompileDecision:
        tried.append(module.kernel)
        return CompileDecision(module.kernel != "flex", "as it may be")

    monkeypatch.setattr(loop, "compile_layers", compile_layers)
    train(job)
    assert tried == ["flex", "masked"]
    assert job.state.compile_on
    assert len(reference) == 1, "the trial"


def test_layers_that_are_not_compiled_do_without(
    as_on_a_gpu: Callable[..., Job], reference: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "compile_layers", lambda *a: CompileDecision(False, "no compiler"))
    job = as_on_a_gpu(True)
    train(job)
    assert job.accelerator.unwrap_model(job.summed_loss).kernel == "masked"
    assert len(reference) == 1, "the trial"

"""The decision to compile, the fall-back, and compiled layers against eager ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from train.config.schema import AdapterConfig, FinetuneConfig
from train.errors import TandemError
from train.torch_track.compile_audit import CompileAudit, break_even_step
from train.torch_track.compiling import compile_layers, decide, setting_for
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.loss import SummedLoss
from train.torch_track.packing import micro_batch, pack_rows

ROWS = [([5, 6, 7, 8, 9], [0, 0, 1, 1, 0]), ([10, 11, 12, 13, 14, 15], [0, 1, 1, 1, 1, 1])]


def test_short_runs_are_not_compiled() -> None:
    assert not decide("auto", eager_step_s=1.0, steps_left=100, budget_s=None)
    assert decide("auto", eager_step_s=1.0, steps_left=1000, budget_s=None)
    assert not decide("auto", eager_step_s=1.0, steps_left=1000, budget_s=60.0)
    assert decide("on", eager_step_s=1.0, steps_left=1, budget_s=None)
    assert not decide("off", eager_step_s=9.0, steps_left=10**6, budget_s=None)


def test_dora_is_not_compiled_unless_asked_for() -> None:
    """Dynamo can't trace peft's layers for it: each would be tried, and fail."""
    settings = FinetuneConfig(adapter=AdapterConfig(type="dora"))
    assert setting_for(settings) == "off"
    assert setting_for(settings.model_copy(update={"compile": "on"})) == "on"
    assert setting_for(FinetuneConfig(adapter=AdapterConfig(type="lora"))) == "auto"


def test_dora_that_is_asked_for_says_what_is_in_the_way(make_job: Callable[..., Job]) -> None:
    with pytest.raises(TandemError, match=r"can't be compiled: .*Dynamo does not know how to trace"):
        train(make_job(adapter={"type": "dora", "r": 4, "alpha": 8}, compile="on", epochs=1))


def test_a_run_too_short_to_decide_says_that_nothing_was_compiled(
    make_job: Callable[..., Job], capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(compile="on", epochs=0.1)
    train(job)
    assert job.state.step == job.state.total_steps < 3
    assert (job.state.compile_on, job.state.compile_reason) == (False, "fewer than 3 steps")
    assert "nothing was compiled" in capfd.readouterr().err


class ReadsAValue(torch.nn.Module):
    """Can't be in one graph: what it does depends on a value."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if float(x.detach().sum()) > 1e9:  # the break
            return x
        found: torch.Tensor = self.inner(x)
        return found


def break_line() -> int:
    return next(n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.endswith("# the break"))


def trial(model: LlamaForCausalLM, length: int = 16) -> None:
    SummedLoss(model)(micro_batch(pack_rows(ROWS, length, pad_id=0), [0])).backward()


def test_without_a_compiler_auto_goes_on_and_on_is_refused(
    tiny_model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    model = copy.deepcopy(tiny_model)
    found = compile_layers(model, "auto", lambda: trial(model))
    assert (found.on, found.reason) == (False, "no C++ compiler on this machine (install g++)")
    assert all(layer._compiled_call_impl is None for layer in model.model.layers)
    with pytest.raises(TandemError, match="'on'"):
        compile_layers(model, "on", lambda: trial(model))


@pytest.mark.slow
def test_a_layer_that_breaks_is_named_by_file_and_line_and_runs_eagerly(tiny_model: LlamaForCausalLM) -> None:
    model = copy.deepcopy(tiny_model)
    model.model.layers[1].mlp = ReadsAValue(model.model.layers[1].mlp)  # type: ignore[assignment]
    found = compile_layers(model, "auto", lambda: trial(model))
    assert found.on
    assert [(b.layer, b.where) for b in found.breaks] == [(1, f"{Path(__file__).name}:{break_line()}")]
    assert "item" in found.breaks[0].reason
    assert [layer._compiled_call_impl is None for layer in model.model.layers] == [False, True]
    audit = CompileAudit()
    trial(model)
    assert audit.recompilations() == []
    trial(model, 11)
    assert any("size mismatch at index 1. expected 16, actual 11" in c.recompile_reason for c in audit.recompilations())


def test_break_even_by_hand() -> None:
    assert break_even_step(30.0, 2.0, 1.5) == 61
    assert break_even_step(30.0, 1.5, 1.5) is None


@pytest.mark.slow
def test_compiled_layers_give_the_same_gradients(tiny_model: LlamaForCausalLM) -> None:
    packs = pack_rows(ROWS, 16, pad_id=0)

    def gradient(model: LlamaForCausalLM) -> torch.Tensor:
        model.zero_grad()
        SummedLoss(model)(micro_batch(packs, [0])).backward()
        grad = model.model.embed_tokens.weight.grad
        assert grad is not None
        return grad.clone()

    eager, compiled = copy.deepcopy(tiny_model), copy.deepcopy(tiny_model)
    found = compile_layers(compiled, "on", lambda: SummedLoss(compiled)(micro_batch(packs, [0])).backward())
    assert found.on
    assert all(layer._compiled_call_impl is not None for layer in compiled.model.layers)
    torch.testing.assert_close(gradient(compiled), gradient(eager), atol=1e-6, rtol=1e-4)
    assert not any("_orig_mod" in name for name in compiled.state_dict())


@pytest.mark.slow
def test_layers_are_compiled_once_under_autocast(tiny_model: LlamaForCausalLM) -> None:
    """Tried outside autocast, each layer was compiled a second time in the first step."""
    torch.compiler.reset()  # what other tests compiled of the same code does not count
    packs, audit = pack_rows(ROWS, 16, pad_id=0), CompileAudit()
    model = copy.deepcopy(tiny_model)  # compiled in place, and other tests go on with the fixture's
    summed_loss = SummedLoss(model)

    def bf16() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16)

    def trial() -> None:
        with bf16():
            loss = summed_loss(micro_batch(packs, [0]))
        loss.backward()

    assert compile_layers(model, "on", trial, bf16).on
    assert audit.recompilations() == []

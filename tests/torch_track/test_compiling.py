"""The decision to compile, the fall-back, and compiled layers against eager ones."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import LlamaForCausalLM

from train.errors import TandemError
from train.torch_track.compiling import compile_layers, decide
from train.torch_track.loss import SummedLoss
from train.torch_track.packing import micro_batch, pack_rows

ROWS = [([5, 6, 7, 8, 9], [0, 0, 1, 1, 0]), ([10, 11, 12, 13, 14, 15], [0, 1, 1, 1, 1, 1])]


def test_short_runs_are_not_compiled() -> None:
    assert not decide("auto", eager_step_s=1.0, steps_left=100, budget_s=None)
    assert decide("auto", eager_step_s=1.0, steps_left=1000, budget_s=None)
    assert not decide("auto", eager_step_s=1.0, steps_left=1000, budget_s=60.0)
    assert decide("on", eager_step_s=1.0, steps_left=1, budget_s=None)
    assert not decide("off", eager_step_s=9.0, steps_left=10**6, budget_s=None)


def broken_trial() -> None:
    raise RuntimeError("no kernels today\nsecond line")


def test_auto_falls_back_and_says_why(tiny_model: LlamaForCausalLM) -> None:
    model = copy.deepcopy(tiny_model)
    found = compile_layers(model, "auto", broken_trial)
    assert not found.on
    assert found.reason in ("RuntimeError: no kernels today", "no C++ compiler on this machine (install g++)")
    assert all(layer._compiled_call_impl is None for layer in model.model.layers)
    with pytest.raises(TandemError, match="'on'"):
        compile_layers(model, "on", broken_trial)


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

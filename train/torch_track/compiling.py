"""torch.compile, one decoder layer at a time, and the decision whether it pays.

Layers are compiled in place (`layer.compile`), so that no `_orig_mod.` gets into checkpoint keys; all layers share one
compiled code, since their shapes are equal. Compiling costs about half a minute, so short runs are faster without.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import LlamaForCausalLM

from train.errors import TandemError
from train.progress import say

# Measured on 2 AVX2 cores, SmolLM2-135M, 16 × 64 tokens, fp32: 5.89 s a step eager, 4.85 s compiled (ratio 1.21);
# first step 38 s against 12 s. On a GPU both figures are larger; the decision only needs their order.
COMPILE_COST_S = 45.0
COMPILED_SPEEDUP = 1.2


@dataclass(frozen=True)
class CompileDecision:
    """Whether layers are compiled, why, and what it cost. Kept in checkpoints."""

    on: bool
    reason: str
    seconds: float = 0.0


def decide(setting: Literal["auto", "on", "off"], eager_step_s: float, steps_left: int, budget_s: float | None) -> bool:
    """Whether compiling pays for the rest of the run.

    Args:
        setting: finetune.compile.
        eager_step_s: measured duration of an eager step.
        steps_left: steps that remain.
        budget_s: seconds that remain, None without a time budget.
    """
    if setting != "auto":
        return setting == "on"
    rest_s = eager_step_s * steps_left if budget_s is None else min(budget_s, eager_step_s * steps_left)
    return rest_s * (1 - 1 / COMPILED_SPEEDUP) > COMPILE_COST_S


def compile_layers(
    model: LlamaForCausalLM, setting: Literal["auto", "on", "off"], trial: Callable[[], None]
) -> CompileDecision:
    """Compiles every decoder layer and runs `trial` (one forward and backward pass) to make the compiler work now.

    Where that fails, `auto` goes on without and says why; `on` raises TandemError.
    """
    started = time.monotonic()
    if not torch.cuda.is_available() and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        return _fall_back(model, setting, "no C++ compiler on this machine (install g++)")
    for layer in model.model.layers:
        layer.compile(fullgraph=True)
    try:
        trial()
    except Exception as error:  # Dynamo and Inductor raise many kinds; all mean the same here
        return _fall_back(model, setting, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
    seconds = time.monotonic() - started
    say(f"finetune: {len(model.model.layers)} layers compiled in {seconds:.0f} s")
    return CompileDecision(True, "compiled", round(seconds, 1))


def _fall_back(model: LlamaForCausalLM, setting: str, reason: str) -> CompileDecision:
    if setting == "on":
        raise TandemError(
            f"finetune.compile is 'on', but the layers can't be compiled: {reason}. Set it to 'auto' or 'off'."
        )
    for layer in model.model.layers:
        layer._compiled_call_impl = None  # undoes nn.Module.compile; PyTorch has no public call for it
    say(f"finetune: going on without torch.compile: {reason}")
    return CompileDecision(False, reason)

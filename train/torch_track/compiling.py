"""torch.compile, one decoder layer at a time, and the decision whether it pays.

Layers are compiled in place (`layer.compile`), so that no `_orig_mod.` gets into checkpoint keys; all layers share one
compiled code, since their shapes are equal. Compiling costs about half a minute, so short runs are faster without.
A layer that can't be compiled whole runs eagerly, and the audit says where it breaks.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import LlamaForCausalLM

from train.config.schema import FinetuneConfig
from train.errors import TandemError
from train.progress import say
from train.torch_track.compile_audit import LayerBreak, explain_break, explained

# Measured on 2 AVX2 cores, SmolLM2-135M, 16 × 64 tokens, fp32: 5.89 s a step eager, 4.85 s compiled (ratio 1.21);
# first step 38 s against 12 s. On a GPU both figures are larger; the decision only needs their order.
COMPILE_COST_S = 45.0
COMPILED_SPEEDUP = 1.2


Setting = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class CompileDecision:
    """Whether layers are compiled, and why. Kept in checkpoints."""

    on: bool
    reason: str
    breaks: tuple[LayerBreak, ...] = ()  # layers that run eagerly


def setting_for(settings: FinetuneConfig) -> Setting:
    """finetune.compile, but "off" for "auto" with DoRA: Dynamo can't trace peft's layers for it (peft 0.21)."""
    dora = settings.adapter is not None and settings.adapter.type == "dora"
    return "off" if dora and settings.compile == "auto" else settings.compile


def decide(setting: Setting, eager_step_s: float, steps_left: int, budget_s: float | None) -> bool:
    """Whether compiling pays for the rest of the run.

    Args:
        setting: of `setting_for`.
        eager_step_s: measured duration of an eager step.
        steps_left: steps that remain.
        budget_s: seconds that remain, None without a time budget.
    """
    if setting != "auto":
        return setting == "on"
    rest_s = eager_step_s * steps_left if budget_s is None else min(budget_s, eager_step_s * steps_left)
    return rest_s * (1 - 1 / COMPILED_SPEEDUP) > COMPILE_COST_S


def has_compiler() -> bool:
    """Whether Inductor has what it compiles with: Triton on a GPU, a C++ compiler on a CPU."""
    return torch.cuda.is_available() or any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def compile_layers(
    model: LlamaForCausalLM,
    setting: Setting,
    trial: Callable[[], None],
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    able: bool | None = None,
) -> CompileDecision:
    """Compiles every decoder layer and runs `trial` (one forward and backward pass) to make the compiler work now.

    `autocast` is what the trial's forward pass runs in: Dynamo would compile each layer again where it differs.
    `able`: `has_compiler`, where it was asked before.

    A layer that breaks falls back to eager, the others stay compiled. Where none can be compiled, `auto` goes on
    without and says why; `on` raises TandemError.
    """
    started = time.monotonic()
    if not (has_compiler() if able is None else able):
        return _without(model, setting, "no C++ compiler on this machine (install g++)", ())
    inputs = _layer_inputs(model, trial)
    tried = (_compile_layer(model, number, call, autocast) for number, call in inputs.items())
    breaks = tuple(found for found in tried if found is not None)
    if len(breaks) == len(model.model.layers):
        return _without(model, setting, breaks[0].reason, breaks)
    try:
        trial()
    except Exception as error:  # Dynamo and Inductor raise many kinds; all mean the same here
        return _without(model, setting, _cause(error), breaks)
    seconds, compiled = time.monotonic() - started, len(model.model.layers) - len(breaks)
    say(f"finetune: {compiled} of {len(model.model.layers)} layers compiled in {seconds:.0f} s")
    for found in breaks:
        say(f"finetune: layer {found.layer} runs eagerly: {found.reason} ({found.where})")
    return CompileDecision(True, "compiled", breaks)


def _layer_inputs(model: LlamaForCausalLM, trial: Callable[[], None]) -> dict[int, tuple[Any, Any]]:
    """What each decoder layer is called with in an eager pass."""
    found: dict[int, tuple[Any, Any]] = {}

    def keep(number: int) -> Callable[..., None]:
        def hook(_: torch.nn.Module, arguments: Any, named: Any) -> None:
            found[number] = (_detached(arguments), {key: _detached(value) for key, value in named.items()})

        return hook

    layers = model.model.layers
    handles = [layer.register_forward_pre_hook(keep(n), with_kwargs=True) for n, layer in enumerate(layers)]
    try:
        trial()
    finally:
        for handle in handles:
            handle.remove()
    return found


def _detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().requires_grad_(value.is_floating_point() and value.requires_grad)
    return tuple(map(_detached, value)) if isinstance(value, tuple) else value


def _compile_layer(
    model: LlamaForCausalLM,
    number: int,
    call: tuple[Any, Any],
    autocast: Callable[[], AbstractContextManager[Any]],
) -> LayerBreak | None:
    """Compiles a layer and runs it forward and backward; what is in the way, or None."""
    layer: Any = model.model.layers[number]
    arguments, named = call
    layer.compile(fullgraph=True)
    try:
        with autocast():
            states = layer(*arguments, **named)
        states.sum().backward()
    except Exception as error:
        layer._compiled_call_impl = None  # undoes nn.Module.compile; PyTorch has no public call for it
        return explain_break(layer, number, arguments, named, _cause(error))
    return None


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {explained(str(error))}"


def _without(model: LlamaForCausalLM, setting: str, reason: str, breaks: tuple[LayerBreak, ...]) -> CompileDecision:
    if setting == "on":
        raise TandemError(
            f"finetune.compile is 'on', but the layers can't be compiled: {reason}. Set it to 'auto' or 'off'."
        )
    layers: Any = model.model.layers
    for layer in layers:
        layer._compiled_call_impl = None
    say(f"finetune: going on without torch.compile: {reason}", everywhere=True)
    return CompileDecision(False, reason, breaks=breaks)

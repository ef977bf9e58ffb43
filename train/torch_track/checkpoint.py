"""Checkpoints of the fine-tuning: safetensors and JSON (no pickle), whole or not there, newest whole one taken."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from train.atomic import sha256_file, whole_folder, write_json
from train.progress import say

STATE = "state.json"


@dataclass(frozen=True)
class Progress:
    """Where the run stands. Order of the data is a function of (seed, step), so that is all a resume needs."""

    total_steps: int  # after the time budget's cut
    step: int = 0  # optimizer steps made
    seconds: float = 0.0  # spent in training so far, over all starts of the run
    budget_applied: bool = False
    compile_on: bool | None = None  # None: not decided yet
    compile_reason: str = ""
    compile_seconds: float = 0.0


def save(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: Progress, fingerprint: str, keep: int
) -> None:
    """Writes `folder/step-NNNNNN` with model, optimizer and progress; deletes all but the last `keep`."""
    with whole_folder(folder / f"step-{state.step:06d}") as temporary:
        save_file(dict(model.named_parameters()), temporary / "model.safetensors")  # tied weights appear once
        save_file(_optimizer_tensors(model, optimizer), temporary / "optimizer.safetensors")
        hashes = {path.name: sha256_file(path) for path in sorted(temporary.glob("*.safetensors"))}
        write_json(temporary / STATE, {"progress": asdict(state), "fingerprint": fingerprint, "sha256": hashes})
    for old in sorted(folder.glob("step-*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def restore(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str
) -> Progress | None:
    """Loads the newest whole checkpoint of this very fingerprint into model and optimizer; None where there is none."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        manifest = _manifest(path)
        if manifest is None:
            say(f"finetune: checkpoint {path} is damaged, taking the one before")
            continue
        if manifest["fingerprint"] != fingerprint:
            say(f"finetune: checkpoint {path} belongs to another config, data or code; starting anew")
            return None
        _load_model(model, load_file(path / "model.safetensors"))
        _load_optimizer(model, optimizer, load_file(path / "optimizer.safetensors"))
        state = Progress(**manifest["progress"])
        say(f"finetune: going on from step {state.step} of {state.total_steps}")
        return state
    return None


def _manifest(path: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))
        whole = all(sha256_file(path / name) == digest for name, digest in manifest["sha256"].items())
    except (OSError, ValueError, KeyError):
        return None
    return manifest if whole else None


def _load_model(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])


def _optimizer_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Optimizer state by parameter name: "exp_avg/model.norm.weight"."""
    return {
        f"{key}/{name}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _load_optimizer(model: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        parameter = parameters[name]
        # AdamW keeps its step count on the CPU unless fused on a GPU; the moments live beside the parameter.
        optimizer.state[parameter][kind] = value.clone() if kind == "step" else value.to(parameter.device)

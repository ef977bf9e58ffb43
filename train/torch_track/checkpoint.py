"""Checkpoints of the fine-tuning: safetensors and JSON (no pickle), whole or not there, newest whole one taken.

A folder `step-NNNNNN` holds the weights that are trained, the optimizer's state and `state.json`: progress and the
sha256 of the others. It appears by one rename, so a kill leaves either the whole of it or nothing. Where the model is
sharded (FSDP2) every process writes one file of it; any number of processes can go on from either kind.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file, save_file

from train.atomic import sha256_file, whole_folder, write_json
from train.errors import TandemError
from train.progress import say
from train.torch_track.selection import Selection
from train.torch_track.shard_files import SHARDS, names_in, read_tensors, write_shards
from train.torch_track.sharding import is_sharded

STATE = "state.json"
FILES = ("model.safetensors", "optimizer.safetensors")


@dataclass(frozen=True)
class Progress:
    """Where the run stands. Order of the data and dropout are functions of (seed, step), so that is all a resume
    needs."""

    total_steps: int  # after the time budget's cut, or early stopping's
    step: int = 0  # optimizer steps made, skipped ones included
    seconds: float = 0.0  # spent in training so far, over all starts of the run
    budget_applied: bool = False
    compile_on: bool | None = None  # None: not decided yet
    compile_reason: str = ""
    compile_seconds: float = 0.0
    eager_step_s: float | None = None  # measured before compiling was decided
    skipped: int = 0  # steps whose loss or gradient was not finite
    bad_in_a_row: int = 0
    stopped_early: bool = False
    metrics: dict[str, float] = field(default_factory=dict)  # of the last validation
    selection: Selection = field(default_factory=Selection)


def save(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: Progress, fingerprint: str, keep: int
) -> None:
    """Writes `folder/step-NNNNNN`; deletes all but the last `keep` and the best one."""
    with whole_folder(folder / _name(state.step)) as temporary:
        save_file(dict(_trained(model)), temporary / FILES[0])  # tied weights appear once
        save_file(_optimizer_tensors(model, optimizer), temporary / FILES[1])
        _write_manifest(temporary, state, fingerprint)
    _rotate(folder, state.step, keep, fingerprint)


def save_sharded(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    state: Progress,
    fingerprint: str,
    keep: int,
    accelerator: Accelerator,
) -> None:
    """The same of a sharded model. All processes must call it; `folder` lies on a disk that they share."""
    first = accelerator.is_main_process
    tensors = dict(_trained(model)) | _optimizer_tensors(model, optimizer)
    with ExitStack() as stack:
        names = [str(stack.enter_context(whole_folder(folder / _name(state.step)))) if first else ""]
        temporary = Path(broadcast_object_list(names)[0])
        write_shards(temporary, tensors)  # it ends when all have written
        if first:
            _write_manifest(temporary, state, fingerprint)
    if first:
        _rotate(folder, state.step, keep, fingerprint)
    accelerator.wait_for_everyone()


def _write_manifest(folder: Path, state: Progress, fingerprint: str) -> None:
    hashes = {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}
    write_json(folder / STATE, {"progress": asdict(state), "fingerprint": fingerprint, "sha256": hashes})


def _rotate(folder: Path, step: int, keep: int, fingerprint: str) -> None:
    """Deletes all but the last `keep` checkpoints of this fingerprint up to `step`, and those they name as the best.

    Those of another config, data or code go too, and those of higher steps, which were damaged or passed over when
    this training went on: they would outlive each new one.
    """
    found = _checkpoints(folder)
    own = [path for path in found if _step_of(path) <= step and _said(path, "fingerprint") == fingerprint]
    last = own[-keep:]
    best = {_best_name(path) for path in last}
    for old in found:
        if old not in last and (old not in own or old.name not in best):
            shutil.rmtree(old, ignore_errors=True)


def _best_name(path: Path) -> str | None:
    step = _said(path, "progress", "selection", "best_step")
    return None if step is None else _name(step)


def _said(path: Path, *keys: str) -> Any:
    """What a checkpoint's state.json has there; None where it is damaged: restoring will pass it over."""
    try:
        found = json.loads((path / STATE).read_text(encoding="utf-8"))
        for key in keys:
            found = found[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def restore(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str
) -> Progress | None:
    """Loads the newest whole checkpoint of this very fingerprint into model and optimizer; None where there is none.

    What a killed writer left is deleted: nobody writes now.
    """
    if os.environ.get("RANK", "0") == "0":
        for left in folder.glob(".step-*.partial"):
            shutil.rmtree(left, ignore_errors=True)
    for path in reversed(_checkpoints(folder)):
        manifest, damaged = _manifest(path)
        if damaged:
            say(f"finetune: checkpoint {path} is damaged ({damaged}), taking the one before")
            continue
        if manifest["fingerprint"] != fingerprint:
            say(
                f"finetune: checkpoint {path} belongs to another config, data or code; starting anew, and the first "
                "checkpoint takes its place"
            )
            return None
        state = manifest["progress"]
        progress = Progress(**state | {"selection": Selection(**state["selection"])})
        best = progress.selection.best_step
        if best is not None and best != progress.step and _manifest(folder / _name(best))[1]:
            say(f"finetune: the best checkpoint, {folder / _name(best)}, is damaged or gone, taking the one before")
            continue
        _load(path, model, optimizer)
        say(f"finetune: going on from step {progress.step} of {progress.total_steps}")
        return progress
    return None


def load_weights(folder: Path, step: int, model: torch.nn.Module) -> None:
    """The weights alone, from the checkpoint of `step`: how the best one becomes the teacher. A whole model may be
    filled from shards: this process reads them without the others.

    Raises:
        TandemError: that checkpoint is damaged or gone.
    """
    path = folder / _name(step)
    damaged = _manifest(path)[1]
    if damaged:
        raise TandemError(f"The best checkpoint, {path}, is damaged ({damaged}). Delete {folder} to train anew.")
    _load(path, model)


def held_bytes(folder: Path) -> int:
    """What lies in the folder of the checkpoints, halves that a killed writer left among it."""
    held = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # process 0 clears away
                held += (Path(above) / name).stat().st_size
    return held


def _name(step: int) -> str:
    return f"step-{step:06d}"


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _checkpoints(folder: Path) -> list[Path]:
    """By step: as text, step-1000000 would stand before step-999950."""
    return sorted((path for path in folder.glob("step-*") if path.name[5:].isdecimal()), key=_step_of)


def _manifest(path: Path) -> tuple[dict[str, Any], str]:
    """state.json of a checkpoint, and what is wrong with the checkpoint ("" where it is whole)."""
    try:
        manifest: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))
        damaged = [name for name, digest in manifest["sha256"].items() if sha256_file(path / name) != digest]
        if not manifest["sha256"]:
            raise ValueError(f"{STATE} names no files")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {}, f"{type(error).__name__}: {error}"
    return manifest, f"{' and '.join(damaged)}: not the recorded sha256" if damaged else ""


def _trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """Frozen weights are the base model's: they are read from there again."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _load(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
    if is_sharded(model) or any(path.glob(SHARDS)):
        _load_parts(path, model, optimizer)
        return
    _load_model(model, load_file(path / FILES[0]))
    if optimizer is not None:
        _load_optimizer(model, optimizer, load_file(path / FILES[1]))


def _load_parts(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
    """The same where the model, the files or both are sharded."""
    weights = dict(_trained(model))
    moments: dict[str, torch.Tensor] = {}
    if optimizer is not None:
        for key in sorted(names_in(path) - set(weights)):
            kind, _, name = key.partition("/")
            moments[key] = torch.zeros(()) if kind == "step" else torch.zeros_like(weights[name])
    with torch.no_grad():
        read_tensors(path, weights | moments, alone=not is_sharded(model))
    if optimizer is not None:
        _load_optimizer(model, optimizer, moments)


def _load_model(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in _trained(model):
            parameter.copy_(tensors[name])


def _optimizer_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Optimizer state by parameter name: "exp_avg/model.norm.weight"."""
    return {
        f"{key}/{name}": value
        for name, parameter in _trained(model)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _load_optimizer(model: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        parameter = parameters[name]
        # Fused AdamW keeps its step count beside the parameter, as the moments.
        optimizer.state[parameter][kind] = value.to(parameter.device)

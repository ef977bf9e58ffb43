"""What fine-tuning SmolLM2-135M costs on one GPU: tokens/s, MFU and memory, setting by setting, in turns.

    scripts/bench_gpu --rounds 3 --steps 4

Two workloads, vocabulary 49,152, bf16 autocast over fp32 weights: `full`, rows of 2,048 tokens that fill their packs,
all supervised; `short`, rows of 25 to 110 tokens (44 on average), a third supervised, in packs of 1,024. Weights and
ids are random: speed does not depend on them. Every setting has a process of its own; all wait on the same GPU, and
one works at a time. Writes eval/results/gpu-DATE.json (kind `gpu`).
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from eval.bench.contestants import Contestant
from eval.bench.process import ContestantError, ContestantProcess
from train.atomic import write_json
from train.command import guarded
from train.errors import UserError
from train.hardware import cores, environment
from train.progress import say
from train.runs import REPOSITORY, git_state
from train.torch_track.flops import gpu_peak

LIMIT_S = 300.0
TANDEM, TRAINER = "gpu_trainers:GpuTandem", "gpu_trainers:GpuTrainer"
Settings = dict[str, Any]

# One change at a time from what Tandem does by itself ("tandem").
FULL: dict[str, tuple[str, str, Settings]] = {
    "tandem": (TANDEM, "Tandem", {"micro_batch": 16}),
    "eager": (TANDEM, "without torch.compile", {"micro_batch": 16, "compile": False}),
    "varlen": (TANDEM, "FlashAttention over rows", {"micro_batch": 16, "road": {"attention": "varlen"}}),
    "flex": (TANDEM, "FlexAttention", {"micro_batch": 16, "attention": "flex"}),
    "masked": (TANDEM, "SDPA with a mask", {"micro_batch": 16, "road": {"attention": "masked"}}),
    "fp32-stream": (TANDEM, "states between layers in fp32", {"micro_batch": 16, "road": {"low_stream": False}}),
    "micro-8": (TANDEM, "micro-batch 8", {"micro_batch": 8}),
    "micro-32": (TANDEM, "micro-batch 32", {"micro_batch": 32}),
    "trainer": (TRAINER, "HF Trainer", {"micro_batch": 8}),
    "trainer-compiled": (TRAINER, "HF Trainer, torch_compile", {"micro_batch": 8, "compile": True}),
}
SHORT: dict[str, tuple[str, str, Settings]] = {
    "tandem": (TANDEM, "Tandem, packed", {"micro_batch": 32}),
    "eager": (TANDEM, "packed, without torch.compile", {"micro_batch": 32, "compile": False}),
    "flash": (TANDEM, "packed, FlashAttention over rows", {"micro_batch": 32, "attention": "flash"}),
    "masked": (TANDEM, "packed, SDPA with a mask", {"micro_batch": 32, "road": {"attention": "masked", "flex": False}}),
    "pack-long": (TANDEM, "packed, attention told of rows as long as packs", {"micro_batch": 32, "longest": 1024}),
    "micro-8": (TANDEM, "packed, micro-batch 8, one CUDA graph", {"micro_batch": 8}),
    "micro-8-launched": (TANDEM, "packed, micro-batch 8, kernel by kernel", {"micro_batch": 8, "cuda_graph": "off"}),
    "flash-8": (TANDEM, "packed, micro-batch 8, FlashAttention over rows", {"micro_batch": 8, "attention": "flash"}),
    "unpacked": (TANDEM, "not packed", {"micro_batch": 8, "packing": False}),
    "trainer": (TRAINER, "HF Trainer, padded", {"micro_batch": 8}),
}
WORKLOADS = {"full": FULL, "short": SHORT}


@dataclass
class Entry:
    """A setting while it is measured."""

    process: ContestantProcess
    label: str
    settings: Settings
    facts: dict[str, Any] = field(default_factory=dict)
    slices: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None


def main(
    rounds: Annotated[int, typer.Option(min=1, help="slices of each setting, in turns")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="optimizer steps of a slice")] = 4,
    only: Annotated[list[str] | None, typer.Option(help="WORKLOAD/SETTING, such as full/tandem; left out: all")] = None,
    out: Annotated[Path | None, typer.Option(help="result file")] = None,
) -> None:
    """Tokens/s, MFU and memory of fine-tuning SmolLM2-135M on one GPU, setting by setting."""
    path = out or REPOSITORY / "eval" / "results" / f"gpu-{time.strftime('%Y-%m-%d')}.json"

    def work() -> dict[str, Any]:
        result: dict[str, Any] = {}
        for result in measure(rounds, steps, only):
            write_json(path, result)  # after each workload: minutes of a GPU are in it
        _print(result)
        return {"result": str(path)}

    raise typer.Exit(guarded(work))


def workload_of(name: str, steps: int) -> dict[str, Any]:
    """What the children read."""
    common = {"vocabulary": 49152, "steps": steps, "batch_size": 64}
    if name == "full":
        return {**common, "length": 2048, "lengths": [2048] * 256, "unsupervised": 0.0}
    lengths = np.random.default_rng(0).gamma(6.0, 44 / 6.0, 12000).clip(25, 110).astype(int).tolist()
    return {**common, "length": 1024, "lengths": lengths, "unsupervised": 0.66}


def measure(rounds: int, steps: int, only: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The result, as it stands after each workload. Settings that fail are in it with their error."""
    import torch

    if not torch.cuda.is_available():
        raise UserError("scripts/bench_gpu needs a CUDA device, and PyTorch sees none here. On a CPU: bench_train.")
    device = torch.cuda.get_device_name()
    peak, source = gpu_peak(device, bf16=True)
    result: dict[str, Any] = {
        "kind": "gpu",
        "command": shlex.join(["scripts/bench_gpu", *sys.argv[1:]]),
        "environment": environment(),
        "git": git_state(),
        "device": device,
        "driver": _driver(),
        "peak_flops": peak,
        "peak_flops_from": source,
        "rounds": rounds,
        "steps_a_slice": steps,
        "workloads": {},
    }
    for name, settings in WORKLOADS.items():
        chosen = {key: value for key, value in settings.items() if not only or f"{name}/{key}" in only}
        if chosen:
            result["workloads"][name] = _workload(workload_of(name, steps), chosen, rounds, peak)
            yield result


def _workload(
    workload: dict[str, Any], chosen: dict[str, tuple[str, str, Settings]], rounds: int, peak: float | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder, ExitStack() as stack:
        (Path(folder) / "workload.json").write_text(json.dumps(workload))
        entries: dict[str, Entry] = {}
        for key, (work, label, settings) in chosen.items():
            who = Contestant(label, work, json.dumps(settings), "torch")
            process = ContestantProcess(who, Path(folder), cores(), LIMIT_S, gpu=True)
            entries[key] = Entry(stack.enter_context(process), label, settings)
        started = time.monotonic()
        with ThreadPoolExecutor(len(entries)) as pool:  # compiling is the CPU's work: many at once
            for kind in (TANDEM, TRAINER):  # the Trainers fill the GPU while they load
                list(pool.map(_load, (entries[key] for key, (work, *_) in chosen.items() if work == kind)))
        say(f"bench_gpu: {len(entries)} settings are ready after {time.monotonic() - started:.0f} s")
        for number in range(rounds):
            keys = list(entries)
            for key in keys[number % len(keys) :] + keys[: number % len(keys)]:
                _slice(entries[key])
    sizes = {key: value for key, value in workload.items() if key != "lengths"}
    sizes |= {"rows": len(workload["lengths"]), "mean_length": round(float(np.mean(workload["lengths"])), 1)}
    results = {key: _result(entry, entries.get("tandem"), peak) for key, entry in entries.items()}
    return {"workload": sizes, "settings": results}


def _load(entry: Entry) -> None:
    try:
        entry.process.load()
        entry.facts = entry.process.ask("facts")
    except ContestantError as error:
        entry.error = str(error)


def _slice(entry: Entry) -> None:
    if entry.error is None:
        try:
            entry.slices.append(entry.process.ask("request"))
        except ContestantError as error:
            entry.error = str(error)


def _result(entry: Entry, baseline: Entry | None, peak: float | None) -> dict[str, Any]:
    result: dict[str, Any] = {"label": entry.label, "settings": entry.settings, "facts": entry.facts}
    if entry.error is not None or not entry.slices:
        return {**result, "error": entry.error}
    result["slices"] = entry.slices
    result |= {f"{kind}_per_s": _median(entry, kind) for kind in ("positions", "tokens", "supervised")}
    result["peak_memory_bytes"] = max(slice_["peak"] for slice_ in entry.slices)
    if peak and entry.slices[0]["flops"]:
        result["mfu"] = _median(entry, "flops") / peak
    if baseline is not None and len(baseline.slices) == len(entry.slices):
        pairs = zip(entry.slices, baseline.slices, strict=True)
        ratios = sorted(a["tokens"] / a["seconds"] * b["seconds"] / b["tokens"] for a, b in pairs)
        result["of_tandem"] = {"value": median(ratios), "low": ratios[0], "high": ratios[-1]}
    return result


def _median(entry: Entry, kind: str) -> float:
    return median(float(slice_[kind]) / float(slice_["seconds"]) for slice_ in entry.slices)


def _driver() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    device = result["device"]
    for name, part in result["workloads"].items():
        table = Table("setting", "tokens/s", "supervised/s", "MFU", "of Tandem", "peak GB", title=f"{name}, {device}")
        for key, one in part["settings"].items():
            if "slices" not in one:
                table.add_row(f"{key}: {one['label']}", f"failed: {one['error']}", "", "", "", "")
                continue
            ratio = one.get("of_tandem")
            table.add_row(
                f"{key}: {one['label']}", f"{one['tokens_per_s']:,.0f}", f"{one['supervised_per_s']:,.0f}",
                f"{one['mfu']:.1%}" if "mfu" in one else "",
                f"{ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]" if ratio else "",
                f"{one['peak_memory_bytes'] / 1e9:.1f}",
            )  # fmt: skip
        Console(width=150).print(table)


if __name__ == "__main__":
    typer.run(main)
